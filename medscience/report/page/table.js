// Tables that sort by any column, and the overview, which also filters.

/** What a cell is sorted by: its number, or its text; empty cells are null and come last in both directions. */
function sortKey(cell) {
  if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
  const text = cell.textContent.trim();
  return text === "–" || text === "" ? null : text.toLowerCase();
}

function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
  keyed.sort(([a], [b]) => compare(a, b, direction));
  body.append(...keyed.map(([, row]) => row));
}

/** Let the buttons in a table's head sort it: first up, then down; numbers first down. */
function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button")?.addEventListener("click", () => {
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      sortBy(table, column, order === "ascending" ? 1 : -1);
    });
  });
}

function startOverview() {
  const table = document.getElementById("overview");
  const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
  const [find, flagged, failed] = ["find", "only-flagged", "only-failed"].map((id) => document.getElementById(id));

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      const kind = [flagged?.checked && "flagged" in row.dataset, failed?.checked && "failed" in row.dataset];
      const wanted = !(flagged?.checked || failed?.checked) || kind.some(Boolean);
      row.hidden = !(wanted && words.every((word) => text.includes(word)));
      shown += !row.hidden;
    }
    document.getElementById("shown").textContent =
      shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  };

  document.getElementById("filters").addEventListener("input", filter);
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  table.tBodies[0].addEventListener("click", (event) => {
    if (!event.target.closest("a")) event.target.closest("tr").querySelector("a")?.click();
  });
  makeSortable(table);
  filter();
}
