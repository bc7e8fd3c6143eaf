// The table of all labels of a result, each among the same label of the other samples.

function regionTable({ regions: columns, group: number, unit }) {
  const group = COHORT.groups[number];
  const regions = group.names.map((_, place) => rowOf(columns, place));
  const dice = regions.some((region) => region.dice !== null);
  const heads = ["label", "volume (mL)", ...cohortHeads(group), "centroid R, A, S (mm)",
    `mean intensity (${unit ?? "scanner’s scale"})`, "touches border", ...(dice ? ["Dice"] : [])];
  const table = make("table", {},
    make("caption", {}, `Regions${group.samples > 1 ? `, among ${group.samples} samples` : ""}`),
    make("thead", {}, make("tr", {}, ...heads.map(headCell))),
    make("tbody", {}, ...regions.map((region, place) => regionRow(region, place, number, group, dice))));
  makeSortable(table);
  return make("div", { class: "wide" }, table);
}

/** Return a row of a table that is stored as columns. */
function rowOf(columns, place) {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[place]]));
}

function cohortHeads(group) {
  if (group.samples < 2) return [];
  return ["in the cohort", ...(group.samples >= COHORT.enough ? ["percentile", "z"] : [])];
}

function headCell(name) {
  const kind = /^(label|in the|touches)/.test(name) ? {} : { class: "number" };
  return make("th", { scope: "col", ...kind }, make("button", { type: "button", class: "sorter" }, name));
}

function regionRow(region, place, number, group, dice) {
  return make("tr", {},
    make("th", { scope: "row" }, swatch(group.colors[place]), ` ${group.names[place]}`),
    cell(region.volume, millilitres(region.volume)),
    ...cohortCells(region, place, number, group),
    cell(null, region.centroid ? region.centroid.map((mm) => decimals(mm)).join(", ") : "–"),
    cell(region.mean, decimals(region.mean)),
    make("td", {}, region.border ? "yes" : "no"),
    ...(dice ? [cell(region.dice, decimals(region.dice, 3))] : []));
}

function cell(value, text) {
  return make("td", { class: "number", ...(value === null ? {} : { "data-v": value }) }, text);
}

/** Return the cells that say where a region lies in the cohort: dots of all samples, this one's in colour. */
function cohortCells(region, place, number, group) {
  if (group.samples < 2) return [];
  const strip = draw("svg", { class: "strip", viewBox: "0 0 240 26", "aria-hidden": "true" },
    draw("path", { class: "axis", d: "M6 13h228" }),
    draw("use", { class: "others", href: `#dots-${number}-${place}` }),
    draw("circle", { class: "mine", cx: region.at, cy: 13, r: 4.5 }));
  const dots = make("td", { "data-v": region.at }, strip);
  if (group.samples < COHORT.enough) return [dots];
  return [dots, cell(region.percentile, decimals(region.percentile, 0)), cell(region.z, decimals(region.z))];
}

function swatch(color) {
  return draw("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
    draw("rect", { width: 10, height: 10, rx: 2, fill: color }));
}
