"use strict";

// Controls that choose a run of the explorer, and the view of the run chosen.
function explore(box, { runs, explorer }) {
  const chosen = { setting: explorer.runs[0].setting, role: "median", base: 0 };
  const view = make("div"), level = `h${box.dataset.level}`, name = box.closest("section").dataset.name;
  const settings = [...new Set(explorer.runs.map((run) => run.setting))];
  const select = make("select", { onchange: () => { chosen.setting = Number(select.value); show(); } },
    ...settings.map((place) => make("option", { value: place }, runs.settings[place] ?? `setting ${place}`)));
  const roles = make("fieldset"), bases = make("fieldset");
  const images = pictureOf(explorer.originals);
  function show() {
    const members = explorer.runs.filter((run) => run.setting === chosen.setting);
    const run = members.find((one) => one.role === chosen.role) ?? members[0];
    choices(roles, `Run, by ${explorer.score.replaceAll("_", " ")}`,
      members.map((one) => [one.role, make("span", {}, one.role), one === run]),
      (role) => { chosen.role = role; show(); });
    view.replaceChildren(heading(run, runs), explorer.side ? bench(run, explorer, chosen.base) : planes(run, explorer),
      ...(explorer.side ? [marginals(run, level)] : []), information(run, explorer, level, name));
  }
  function showBases() {
    choices(bases, "Base image", Array.from({ length: explorer.bases }, (_, i) => {
      const canvas = make("canvas", { width: explorer.side, height: explorer.side, role: "img", "aria-label": `base image ${i + 1}` });
      images.then((image) => tile(canvas, image, 0, i, explorer.side));
      return [i, canvas, i === chosen.base];
    }), (base) => { chosen.base = base; show(); });
  }
  box.append(make("div", { class: "controls" }, make("label", {}, "Setting", select), roles, bases), view);
  if (explorer.side && explorer.bases > 1) showBases();
  show();
}

// Radio buttons; the one that was in focus stays so when they are made again.
let groups = 0;
function choices(fieldset, name, options, choose) {
  const focused = fieldset.contains(document.activeElement);
  const group = `choice-${groups++}`;
  const buttons = options.map(([value, face, checked]) => make("label", {},
    make("input", { type: "radio", name: group, checked, onchange: () => choose(value) }), face));
  fieldset.replaceChildren(make("legend", {}, name), make("div", { class: "choices" }, ...buttons));
  if (focused) fieldset.querySelector("input:checked")?.focus();
}

function heading(run, runs) {
  const place = runs.run.indexOf(run.run);
  const scores = runs.scores.slice(0, 4).map((score, i) => `${score.replaceAll("_", " ")} ${shown(runs.values[i][place])}`);
  return make("p", { class: "note" }, `Run ${run.run}, seed ${runs.seed[place] ?? "–"}: ${scores.join(", ")}.`);
}

const sub = (latent) => `z${String(latent + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit])}`;
const nearest = (values, value) => values.reduce((best, one, i) => (Math.abs(one - value) < Math.abs(values[best] - value) ? i : best), 0);

function pictureOf(uri) {
  return new Promise((resolve) => {
    if (!uri) return;
    const image = new Image();
    image.onload = () => resolve(image);
    image.src = uri;
  });
}

// Copies one tile of a sheet.
function tile(canvas, sheet, row, column, side, left = 0) {
  canvas.getContext("2d").drawImage(sheet, column * side, row * side, side, side, left, 0, side, side);
}

// Images: a slider and a strip for each latent beside the image it leads to.
function bench(run, { side, steps }, base) {
  const sheet = pictureOf(run.sheets[Math.min(base, run.sheets.length - 1)]), latents = run.order.length;
  const square = { width: side, height: side, role: "img" };
  const original = make("canvas", { ...square, "aria-label": "the base image" });
  const large = make("canvas", { ...square, class: "large", "aria-label": "the decoded image" });
  const caption = make("figcaption", { "aria-live": "polite" });
  const list = make("ul", { class: "latents" }), gap = Math.max(1, Math.round(side / 16));
  list.style.setProperty("--steps", steps);
  const draw = (latent, step) => sheet.then((image) => {
    const moved = latent === null ? "its base" : `${sub(latent)} = ${shown(run.values[latent][step], 3)}`;
    if (latent === null) tile(large, image, latents, 1, side);
    else tile(large, image, latent, step, side);
    caption.textContent = latent === null ? "decoded, not moved" : `decoded, ${moved}`;
    large.setAttribute("aria-label", `the decoded image, ${latent === null ? "not moved" : moved}`);
    for (const item of list.children) item.classList.toggle("moved", Number(item.dataset.latent) === latent);
  });
  const resets = [];
  const reset = () => { for (const one of resets) one(); draw(null); };
  for (const latent of run.order) {
    const values = run.values[latent], start = run.bases[base][latent];
    const output = make("output"), slider = make("input", { type: "range", min: 0, max: steps - 1, step: 1, id: `latent-${groups++}` });
    const strip = make("canvas", { width: (side + gap) * steps - gap, height: side, "aria-hidden": "true", onclick: (event) => {
      slider.value = Math.floor((event.offsetX / strip.clientWidth) * steps);
      move();
    } });
    const still = () => { slider.value = nearest(values, start); output.textContent = shown(start, 3); slider.setAttribute("aria-valuetext", `${shown(start, 3)}, the base`); };
    const move = () => {
      const step = Number(slider.value);
      for (const one of resets) one();
      slider.value = step;
      output.textContent = shown(values[step], 3);
      slider.setAttribute("aria-valuetext", shown(values[step], 3));
      draw(latent, step);
    };
    slider.addEventListener("input", move);
    resets.push(still);
    sheet.then((image) => { for (let step = 0; step < steps; step++) tile(strip, image, latent, step, side, step * (side + gap)); });
    if (side > 32) strip.style.imageRendering = "auto";  // they are made smaller
    const inactive = !run.active[latent];
    list.append(make("li", { "data-latent": latent, class: inactive ? "inactive" : null },
      make("label", { for: slider.id }, `${sub(latent)}${inactive ? " off" : ""}`, output), slider, strip));
  }
  sheet.then((image) => tile(original, image, latents, 0, side));
  reset();
  return make("div", { class: "bench" },
    make("div", { class: "stage" }, make("figure", {}, large, caption), make("figure", {}, original, make("figcaption", {}, "base image")),
      make("button", { type: "button", class: "plain", onclick: reset }, "Reset")),
    list);
}

// The aggregate posterior latent by latent: means as bars, the prior as a line.
function marginals(run, level) {
  const bins = run.means[0].length, width = 100 / bins;
  const panels = run.order.map((latent) => {
    const means = run.means[latent], prior = run.prior[latent];
    const top = Math.max(...means, ...prior) || 1, height = (value) => 40 * value / top;
    const steps = prior.map((value, i) => `${i * width} ${40 - height(value)}H${(i + 1) * width}`);
    const scale = Math.min(50, 50 * run.sigma[latent] / run.limit);
    return make("figure", { class: run.active[latent] ? null : "inactive" },
      make("svg", { viewBox: "0 -6 100 47", preserveAspectRatio: "none", role: "img",
        "aria-label": `means of ${sub(latent)}: spread ${shown(run.spread[latent], 2)}; mean posterior scale ${shown(run.sigma[latent], 2)}` },
        ...means.map((value, i) => make("rect", { class: "mean", x: i * width, width, y: 40 - height(value), height: height(value) })),
        make("path", { class: "prior", d: `M${steps.join("L")}` }),
        make("path", { class: "axis", d: "M0 40H100" }),
        make("path", { class: "scale", d: `M${50 - scale} -4H${50 + scale}` })),
      make("figcaption", {}, `${sub(latent)}  spread ${shown(run.spread[latent], 2)}, scale ${shown(run.sigma[latent], 2)}`));
  });
  return make("section", {}, make(level, {}, "Aggregate posterior, latent by latent"),
    make("p", { class: "note" }, make("i", { class: "key mean" }), "posterior means ", make("i", { class: "key prior" }), "prior ",
      make("i", { class: "key scale" }), `mean posterior scale, ±1, around 0. Axes from ${shown(-run.limit)} to ${shown(run.limit)}; every panel has its own scale of heights.`),
    make("div", { class: "panels" }, ...panels));
}

// Information between latents and factors as a table that is shaded.
function information(run, { factors, points }, level, name) {
  const cell = (value) => {
    const made = make("td", {}, value.toFixed(2));
    made.style.setProperty("--share", value);
    return made;
  };
  const head = make("tr", {}, make("th", { scope: "col" }, "latent"), ...factors.map((name) => make("th", { scope: "col" }, name)));
  const rows = run.order.map((latent) => make("tr", {}, make("th", { scope: "row" }, sub(latent)), ...run.information[latent].map(cell)));
  return make("section", {}, make(level, {}, "What each latent tells of each factor"),
    make("p", { class: "note" }, `I(z; v)/H(v): mutual information of posterior means, in 20 bins, with a factor, as a part of the factor's entropy; ${points.toLocaleString("en")} points.`),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Mutual information: ${name}` },
      make("table", { class: "heat" }, make("thead", {}, head), make("tbody", {}, ...rows))));
}

// The plane: a point of the latent plane, and where p(x|z) puts it among the data.
function planes(run, { data, arms, steps }) {
  const [xs, ys] = run.values, at = [steps >> 1, steps >> 1], limit = run.limit;
  const reach = 1.1 * Math.max(...data.flat().map(Math.abs));
  const dots = (points) => [...new Set(arms)].map((arm) => make("path", { class: `dot arm-${arm % 5}`,
    d: points.filter((_, i) => arms[i] === arm).map(([x, y]) => `M${x} ${-y}h0`).join("") }));
  const frame = (half, label, ...inside) => make("svg", { viewBox: `${-half} ${-half} ${2 * half} ${2 * half}`, role: "img", "aria-label": label }, ...inside);
  const cross = make("path", { class: "cross" }), here = make("path", { class: "here" });
  const trails = [make("path", { class: "trail" }), make("path", { class: "trail" })];
  const cloud = make("ellipse", { class: "cloud" }), point = make("path", { class: "here" });
  const latent = frame(limit, "the latent plane: q(z), the prior and the codes",
    make("image", { href: run.density, x: -limit, y: -limit, width: 2 * limit, height: 2 * limit }),
    ...run.contours.map((d) => make("g", { transform: "scale(1 -1)" }, make("path", { class: "prior", d }))), ...dots(run.codes), cross, here);
  latent.classList.add("latent");
  const plane = frame(reach, "the plane of the data, and the mean of p(x|z)", ...dots(data), ...trails, cloud, point);
  const outputs = [make("output"), make("output")], caption = make("figcaption", { "aria-live": "polite" });
  const sliders = at.map((start, axis) => make("input", { type: "range", min: 0, max: steps - 1, step: 1, value: start, id: `latent-${groups++}`,
    oninput: (event) => { at[axis] = Number(event.target.value); show(); } }));
  const node = (i, j) => run.decoded[j * steps + i];
  const line = (points) => `M${points.map(([x, y]) => `${x} ${-y}`).join("L")}`;
  function show() {
    const [i, j] = at, z = [xs[i], ys[j]], mean = node(i, j), deviation = run.deviation[j * steps + i];
    cross.setAttribute("d", `M${-limit} ${-z[1]}H${limit}M${z[0]} ${-limit}V${limit}`);
    here.setAttribute("d", `M${z[0]} ${-z[1]}h0`);
    point.setAttribute("d", `M${mean[0]} ${-mean[1]}h0`);
    trails[0].setAttribute("d", line(xs.map((_, k) => node(k, j))));
    trails[1].setAttribute("d", line(ys.map((_, k) => node(i, k))));
    for (const [name, value] of Object.entries({ cx: mean[0], cy: -mean[1], rx: deviation[0], ry: deviation[1] })) cloud.setAttribute(name, value);
    sliders.forEach((slider, axis) => { slider.value = at[axis]; slider.setAttribute("aria-valuetext", shown(z[axis], 3)); outputs[axis].textContent = shown(z[axis], 3); });
    caption.textContent = `data; p(x|z) has mean (${shown(mean[0], 3)}, ${shown(mean[1], 3)}), standard deviations (${shown(deviation[0], 2)}, ${shown(deviation[1], 2)}); lines: its mean as one latent moves`;
  }
  function point_at(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const area = latent.getBoundingClientRect();
    at[0] = nearest(xs, limit * (2 * (event.clientX - area.left) / area.width - 1));
    at[1] = nearest(ys, limit * (1 - 2 * (event.clientY - area.top) / area.height));
    show();
  }
  latent.addEventListener("pointerdown", point_at);
  latent.addEventListener("pointermove", point_at);
  const list = make("ul", { class: "latents" }, ...sliders.map((slider, axis) => make("li", {}, make("label", { for: slider.id }, sub(axis), outputs[axis]), slider)));
  list.style.setProperty("--steps", steps);
  show();
  return make("div", {}, list, make("div", { class: "planes" },
    make("figure", {}, latent, make("figcaption", {}, `latent plane, ±${shown(limit)}: q(z) in blue, full from the prior's peak on; lines: the prior at 5 and 50 % of its peak; dots: codes, coloured by arm`)),
    make("figure", {}, plane, caption)));
}
