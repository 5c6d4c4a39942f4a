"use strict";

// An element; `on…` attributes are listeners, null and false are left out.
function make(name, attributes = {}, ...inside) {
  const svg = ["svg", "path", "rect", "line", "ellipse", "g", "image"].includes(name);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false)
      element.setAttribute(key, value === true ? "" : value);
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
  const sizes = values
    .filter((value) => typeof value === "number" && value !== 0)
    .map(Math.abs);
  const most = Math.max(...sizes),
    least = Math.min(...sizes);
  if (!sizes.length || most > 1e4 * least || values.every(Number.isInteger))
    return (value) => shown(value, 6);
  const digits = Math.min(8, Math.max(0, 4 - Math.floor(Math.log10(most))));
  return (value) => (value === null ? "–" : value.toFixed(digits).replace("-", "−"));
}

// A mean ± the half-width of its interval, to two digits of the latter.
function meanAndHalf(mean, half) {
  if (!(half > 0)) return shown(mean);
  const digits = Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(half))));
  return `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`.replace("-", "−");
}

// Order of two values: numbers by size, words by the alphabet, nothing last.
function compare(a, b) {
  const lacking = (value) => value === "" || value === null;
  if (lacking(a) || lacking(b)) return lacking(a) - lacking(b);
  const worded = Number.isNaN(Number(a)) || Number.isNaN(Number(b));
  return worded ? String(a).localeCompare(String(b)) : a - b;
}

// Marks the header that sorts; returns 1 for ascending and −1 for descending.
function turn(head, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of head.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  return down ? -1 : 1;
}

function sortable(table) {
  const head = table.tHead.rows[0];
  const body = table.tBodies[0];
  head.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (!header) return;
    const sign = turn(head, header);
    const column = header.cellIndex;
    const value = (row) => row.cells[column].dataset.value ?? "";
    body.append(...[...body.rows].sort((a, b) => sign * compare(value(a), value(b))));
  });
}
