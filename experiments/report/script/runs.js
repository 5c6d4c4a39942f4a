// The run table: sorted and filtered as columns, shown a page at a time.
function runTable(section, data) {
  const PAGE = 50;
  const box = section.querySelector(".runs");
  const table = make("table");
  const count = make("output");
  const columns = [
    ["run", "", data.run],
    ["seed", "", data.seed],
    ["setting", "", data.setting.map((place) => data.settings[place] ?? "–"), data.setting],
    ["status", "", data.status],
    ...data.names.map((name, i) => [name, data.units[i], data.values[i]]),
  ];
  const words = columns.map(([, , values]) => aligned(values));
  const order = data.run.map((_, i) => i);
  let limit = PAGE;
  const search = make("input", { type: "search", oninput: show });
  const choose = (...names) =>
    make(
      "select",
      { onchange: show },
      make("option", { value: "" }, "all"),
      ...names.map((name) => make("option", {}, name)),
    );
  const setting = choose(...data.settings);
  const status = choose("ok", "not ok");
  const more = make("button", {
    type: "button",
    class: "plain",
    onclick: () => {
      limit = Infinity;
      show();
    },
  });
  const head = headOf(columns);
  const body = make("tbody");
  head.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (!header) return;
    const [, , cells, values = cells] = columns[header.cellIndex];
    const sign = turn(head, header);
    order.sort((a, b) => sign * compare(values[a], values[b]) || a - b);
    show();
  });
  function matches(i) {
    const words = search.value.toLowerCase().split(/\s+/);
    const text = `${data.run[i]} ${columns[2][2][i]} ${data.status[i]}`.toLowerCase();
    return (
      words.every((word) => text.includes(word)) &&
      (!setting.value || columns[2][2][i] === setting.value) &&
      (!status.value || (data.status[i] === "ok") === (status.value === "ok"))
    );
  }
  function row(i) {
    return make(
      "tr",
      {},
      ...columns.map(([name, , values], place) => {
        const word = typeof values[i] === "string";
        const kind =
          name === "status" && values[i] !== "ok" ? "word failed" : word ? "word" : null;
        return make(
          place ? "td" : "th",
          { scope: place ? null : "row", class: kind },
          word ? values[i] : words[place](values[i]),
        );
      }),
    );
  }
  function show() {
    const found = order.filter(matches);
    body.replaceChildren(...found.slice(0, limit).map(row));
    count.textContent = `${found.length} of ${data.run.length} runs${found.length > limit ? `, the first ${limit} shown` : ""}`;
    more.hidden = found.length <= limit;
    more.textContent = `Show all ${found.length}`;
  }
  table.append(make("caption", { class: "hidden" }, "Runs"), make("thead", {}, head), body);
  const scroll = make(
    "div",
    {
      class: "scroll",
      tabindex: 0,
      role: "region",
      "aria-label": `Runs: ${section.dataset.name}`,
    },
    table,
  );
  box.append(
    make(
      "div",
      { class: "controls" },
      make("label", {}, "Search", search),
      make("label", {}, "Setting", setting),
      make("label", {}, "Status", status),
      count,
    ),
    scroll,
    make("div", { class: "controls" }, more),
  );
  show();
}

function headOf(columns) {
  const header = ([name, unit]) => {
    const face = [make("span", {}, name), ...(unit ? [make("small", {}, unit)] : [])];
    const kind = ["setting", "status"].includes(name) ? "word" : null;
    return make(
      "th",
      { scope: "col", class: kind },
      make("button", { type: "button" }, ...face),
    );
  };
  return make("tr", {}, ...columns.map(header));
}
