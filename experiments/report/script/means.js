// Differences of every score from one setting, paired by seed.
function differences(data, score, setting, reference) {
  const bySeed = new Map();
  const each = (place, found) =>
    data.setting.forEach((s, i) => {
      if (s === place && data.status[i] === "ok" && data.values[score][i] !== null)
        found(data.seed[i], data.values[score][i]);
    });
  each(reference, (seed, value) => bySeed.set(seed, value));
  const gaps = [];
  each(setting, (seed, value) => {
    if (bySeed.has(seed)) gaps.push(value - bySeed.get(seed));
  });
  const n = gaps.length;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / n;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (n - 1);
  return { n, mean, half: n > 1 ? data.quantiles[n - 2] * Math.sqrt(variance / n) : NaN };
}

// The table of means, which shows differences from a setting once one is chosen.
function comparison(section, data) {
  const table = section.querySelector("table.means");
  const note = section.querySelector(".compared");
  const heads = [...table.tHead.rows[0].cells];
  const original = new Map(
    [...table.querySelectorAll("td")].map((cell) => [
      cell,
      [[...cell.childNodes], cell.dataset.value],
    ]),
  );
  section.querySelector("select.reference").addEventListener("change", (event) => {
    const reference = event.target.value === "" ? null : Number(event.target.value);
    note.textContent = reference === null ? note.dataset.means : note.dataset.differences;
    for (const head of heads) head.removeAttribute("aria-sort");
    heads.forEach((head, column) => {
      const score = data.scores.indexOf(head.dataset.score);
      if (score < 0) return;
      const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]);
      const gaps = cells.map((cell) =>
        differences(data, score, Number(cell.parentNode.dataset.setting), reference ?? 0),
      );
      const ends = gaps
        .flatMap((gap) => [0, gap.mean - (gap.half || 0), gap.mean + (gap.half || 0)])
        .filter(Number.isFinite);
      const low = Math.min(...ends);
      const high = Math.max(...ends);
      cells.forEach((cell, i) => {
        cell.classList.remove("apart");
        const [nodes, value] = original.get(cell);
        cell.replaceChildren(...nodes);
        cell.dataset.value = value ?? "";
        if (reference !== null)
          difference(
            cell,
            gaps[i],
            Number(cell.parentNode.dataset.setting) === reference,
            low,
            high,
          );
      });
    });
  });
}

// Writes a difference into a cell, and draws it between `low` and `high`.
function difference(cell, { n, mean, half }, own, low, high) {
  cell.dataset.value = n ? mean : "";
  cell.replaceChildren(own ? "reference" : n ? meanAndHalf(mean, half) : "–");
  if (own || !(half >= 0) || !(high > low)) return;
  cell.classList.toggle("apart", Math.abs(mean) > half);
  const place = (value) => (100 * (value - low)) / (high - low);
  cell.append(
    make(
      "svg",
      {
        class: "bar",
        viewBox: "-2 0 104 8",
        preserveAspectRatio: "none",
        "aria-hidden": "true",
      },
      make("path", { d: `M${place(mean - half)} 4H${place(mean + half)}` }),
      make("path", { d: `M${place(mean)} 1V7` }),
      make("path", { class: "zero", d: `M${place(0)} 0V8` }),
    ),
  );
}
