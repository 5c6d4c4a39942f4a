function start() {
  for (const table of document.querySelectorAll("table.sortable")) sortable(table);
  for (const section of document.querySelectorAll("section.folder")) {
    const data = JSON.parse(document.getElementById(`${section.id}-data`).textContent);
    if (section.querySelector("select.reference")) comparison(section, data.runs);
    if (section.querySelector(".runs")) runTable(section, data.runs);
    if (data.explorer) explore(section.querySelector(".explorer"), data);
  }
}

start();
