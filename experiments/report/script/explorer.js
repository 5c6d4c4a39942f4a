// Controls that choose a run of the explorer, and the view of the run chosen.
function explore(box, { runs, explorer }) {
  const chosen = { setting: explorer.runs[0].setting, role: "median", base: 0 };
  const view = make("div");
  const level = `h${box.dataset.level}`;
  const name = box.closest("section").dataset.name;
  const settings = [...new Set(explorer.runs.map((run) => run.setting))];
  const select = make(
    "select",
    {
      onchange: () => {
        chosen.setting = Number(select.value);
        show();
      },
    },
    ...settings.map((place) =>
      make("option", { value: place }, runs.settings[place] ?? `setting ${place}`),
    ),
  );
  const roles = make("fieldset");
  const bases = make("fieldset");
  const images = pictureOf(explorer.originals);
  function show() {
    const members = explorer.runs.filter((run) => run.setting === chosen.setting);
    const run = members.find((one) => one.role === chosen.role) ?? members[0];
    choices(
      roles,
      `Run, by ${explorer.score}`,
      members.map((one) => [one.role, make("span", {}, one.role), one === run]),
      (role) => {
        chosen.role = role;
        show();
      },
    );
    const views = explorer.size.length
      ? [bench(run, explorer, chosen.base), marginals(run, level)]
      : [planes(run, explorer)];
    const told = explorer.factors.length ? [information(run, explorer, level, name)] : [];
    view.replaceChildren(heading(run, runs), ...views, ...told);
  }
  function showBases() {
    choices(
      bases,
      "Base image",
      Array.from({ length: explorer.bases }, (_, i) => {
        const [height, width] = explorer.size;
        const canvas = make("canvas", {
          width,
          height,
          role: "img",
          "aria-label": `base image ${i + 1}`,
        });
        images.then((image) => tile(canvas, image, 0, i, explorer.size));
        return [i, canvas, i === chosen.base];
      }),
      (base) => {
        chosen.base = base;
        show();
      },
    );
  }
  box.append(
    make("div", { class: "controls" }, make("label", {}, "Setting", select), roles, bases),
    view,
  );
  if (explorer.size.length && explorer.bases > 1) showBases();
  show();
}

// Radio buttons; the one that was in focus stays so when they are made again.
let groups = 0;
function choices(fieldset, name, options, choose) {
  const focused = fieldset.contains(document.activeElement);
  const group = `choice-${groups++}`;
  const buttons = options.map(([value, face, checked]) =>
    make(
      "label",
      {},
      make("input", { type: "radio", name: group, checked, onchange: () => choose(value) }),
      face,
    ),
  );
  fieldset.replaceChildren(
    make("legend", {}, name),
    make("div", { class: "choices" }, ...buttons),
  );
  if (focused) fieldset.querySelector("input:checked")?.focus();
}

// The run in words.
function heading(run, runs) {
  const place = runs.run.indexOf(run.run);
  const scores = runs.names
    .slice(0, 4)
    .map((score, i) => `${score} = ${shown(runs.values[i][place])}`);
  return make(
    "p",
    { class: "note" },
    `Run ${run.run}, seed ${runs.seed[place] ?? "–"}: ${scores.join("; ")}.`,
  );
}

// z₁ for latent 0.
const sub = (latent) => `z${String(latent + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit])}`;
// Place of the value that is nearest.
const nearest = (values, value) =>
  values.reduce(
    (best, one, i) => (Math.abs(one - value) < Math.abs(values[best] - value) ? i : best),
    0,
  );
