"use strict";

// An element; `on…` attributes are listeners, null and false are left out.
function make(name, attributes = {}, ...inside) {
  const svg = ["svg", "path", "rect", "line", "ellipse", "g", "image"].includes(name);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...inside);
  return element;
}

function shown(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

// A column with as many decimals throughout, unless its values are of many sizes.
function aligned(values) {
  const sizes = values.filter((value) => typeof value === "number" && value !== 0).map(Math.abs);
  const most = Math.max(...sizes), least = Math.min(...sizes);
  if (!sizes.length || most > 1e4 * least || values.every(Number.isInteger)) return (value) => shown(value, 6);
  const digits = Math.min(8, Math.max(0, 4 - Math.floor(Math.log10(most))));
  return (value) => (value === null ? "–" : value.toFixed(digits).replace("-", "−"));
}

// A mean ± the half-width of its interval, to two digits of the latter.
function meanAndHalf(mean, half) {
  if (!(half > 0)) return shown(mean);
  const digits = Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(half))));
  return `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`.replace("-", "−");
}

function compare(a, b) {
  const numbers = [Number(a), Number(b)];
  if (a === "" || b === "" || a === null || b === null) return (a === "" || a === null) - (b === "" || b === null);
  return numbers.some(Number.isNaN) ? String(a).localeCompare(String(b)) : numbers[0] - numbers[1];
}

// Marks the header that sorts; returns 1 for ascending and −1 for descending.
function turn(head, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of head.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  return down ? -1 : 1;
}

function sortable(table) {
  const head = table.tHead.rows[0], body = table.tBodies[0];
  head.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (!header) return;
    const sign = turn(head, header), column = header.cellIndex;
    const value = (row) => row.cells[column].dataset.value ?? "";
    body.append(...[...body.rows].sort((a, b) => sign * compare(value(a), value(b))));
  });
}

// Differences of every score from one setting, paired by seed.
function differences(data, score, setting, reference) {
  const bySeed = new Map();
  const each = (place, found) => data.setting.forEach((s, i) => {
    if (s === place && data.status[i] === "ok" && data.values[score][i] !== null) found(data.seed[i], data.values[score][i]);
  });
  each(reference, (seed, value) => bySeed.set(seed, value));
  const gaps = [];
  each(setting, (seed, value) => { if (bySeed.has(seed)) gaps.push(value - bySeed.get(seed)); });
  const n = gaps.length, mean = gaps.reduce((sum, gap) => sum + gap, 0) / n;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (n - 1);
  return { n, mean, half: n > 1 ? data.quantiles[n - 2] * Math.sqrt(variance / n) : NaN };
}

function comparison(section, data) {
  const table = section.querySelector("table.means"), note = section.querySelector(".compared");
  const heads = [...table.tHead.rows[0].cells];
  const original = new Map([...table.querySelectorAll("td")].map((cell) => [cell, [[...cell.childNodes], cell.dataset.value]]));
  section.querySelector("select.reference").addEventListener("change", (event) => {
    const reference = event.target.value === "" ? null : Number(event.target.value);
    note.textContent = reference === null ? note.dataset.means : note.dataset.differences;
    for (const head of heads) head.removeAttribute("aria-sort");
    heads.forEach((head, column) => {
      const score = data.scores.indexOf(head.dataset.score);
      if (score < 0) return;
      const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]);
      const gaps = cells.map((cell) => differences(data, score, Number(cell.parentNode.dataset.setting), reference ?? 0));
      const ends = gaps.flatMap((gap) => [0, gap.mean - (gap.half || 0), gap.mean + (gap.half || 0)]).filter(Number.isFinite);
      const low = Math.min(...ends), high = Math.max(...ends);
      cells.forEach((cell, i) => {
        cell.classList.remove("apart");
        const [nodes, value] = original.get(cell);
        cell.replaceChildren(...nodes);
        cell.dataset.value = value ?? "";
        if (reference !== null) difference(cell, gaps[i], Number(cell.parentNode.dataset.setting) === reference, low, high);
      });
    });
  });
}

function difference(cell, { n, mean, half }, own, low, high) {
  cell.dataset.value = n ? mean : "";
  cell.replaceChildren(own ? "reference" : n ? meanAndHalf(mean, half) : "–");
  if (own || !(half >= 0) || !(high > low)) return;
  cell.classList.toggle("apart", Math.abs(mean) > half);
  const place = (value) => (100 * (value - low)) / (high - low);
  cell.append(make("svg", { class: "bar", viewBox: "-2 0 104 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    make("path", { d: `M${place(mean - half)} 4H${place(mean + half)}` }),
    make("path", { d: `M${place(mean)} 1V7` }),
    make("path", { class: "zero", d: `M${place(0)} 0V8` })));
}

// The run table: sorted and filtered as columns, shown a page at a time.
function runTable(section, data) {
  const PAGE = 50;
  const box = section.querySelector(".runs"), table = make("table"), count = make("output");
  const columns = [
    ["run", "", data.run], ["seed", "", data.seed],
    ["setting", "", data.setting.map((place) => data.settings[place] ?? "–"), data.setting], ["status", "", data.status],
    ...data.scores.map((score, i) => [score.replaceAll("_", " "), data.units[i], data.values[i]]),
  ];
  const words = columns.map(([, , values]) => aligned(values));
  let order = data.run.map((_, i) => i), limit = PAGE;
  const search = make("input", { type: "search", oninput: show });
  const choose = (...names) => make("select", { onchange: show }, make("option", { value: "" }, "all"), ...names.map((name) => make("option", {}, name)));
  const setting = choose(...data.settings), status = choose("ok", "not ok");
  const more = make("button", { type: "button", class: "plain", onclick: () => { limit = Infinity; show(); } });
  const head = make("tr", {}, ...columns.map(([name, unit]) =>
    make("th", { scope: "col", class: ["setting", "status"].includes(name) ? "word" : null }, make("button", { type: "button" }, make("span", {}, name), ...(unit ? [make("small", {}, unit)] : [])))));
  const body = make("tbody");
  head.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (!header) return;
    const [, , cells, values = cells] = columns[header.cellIndex], sign = turn(head, header);
    order.sort((a, b) => sign * compare(values[a], values[b]) || a - b);
    show();
  });
  function matches(i) {
    const words = search.value.toLowerCase().split(/\s+/);
    const text = `${data.run[i]} ${columns[2][2][i]} ${data.status[i]}`.toLowerCase();
    return words.every((word) => text.includes(word))
      && (!setting.value || columns[2][2][i] === setting.value)
      && (!status.value || (data.status[i] === "ok") === (status.value === "ok"));
  }
  function row(i) {
    return make("tr", {}, ...columns.map(([name, , values], place) => {
      const word = typeof values[i] === "string";
      const kind = name === "status" && values[i] !== "ok" ? "word failed" : word ? "word" : null;
      return make(place ? "td" : "th", { scope: place ? null : "row", class: kind }, word ? values[i] : words[place](values[i]));
    }));
  }
  function show() {
    const found = order.filter(matches);
    body.replaceChildren(...found.slice(0, limit).map(row));
    count.textContent = `${found.length} of ${data.run.length} runs${found.length > limit ? `, the first ${limit} shown` : ""}`;
    more.hidden = found.length <= limit;
    more.textContent = `Show all ${found.length}`;
  }
  table.append(make("caption", { class: "hidden" }, "Runs"), make("thead", {}, head), body);
  const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Runs: ${section.dataset.name}` }, table);
  box.append(
    make("div", { class: "controls" }, make("label", {}, "Search", search), make("label", {}, "Setting", setting),
      make("label", {}, "Status", status), count),
    scroll, make("div", { class: "controls" }, more));
  show();
}

function start() {
  for (const table of document.querySelectorAll("table.sortable")) sortable(table);
  for (const section of document.querySelectorAll("section.folder")) {
    const data = JSON.parse(document.getElementById(`${section.id}-data`).textContent);
    if (section.querySelector("select.reference")) comparison(section, data.runs);
    if (section.querySelector(".runs")) runTable(section, data.runs);
    if (data.explorer) explore(section.querySelector(".explorer"), data);
  }
}
