// Outlines of labels: marching squares, each label by itself, a little inside so that neighbours' lines stay apart.

const [TOP, RIGHT, BOTTOM, LEFT] = [0, 1, 2, 3];

/** Which sides of a cell a line joins, by which corners are inside: 1 top left, 2 top right, 4 and 8 below them. */
const LINES = [
  [], [LEFT, TOP], [TOP, RIGHT], [LEFT, RIGHT], [RIGHT, BOTTOM], [LEFT, TOP, RIGHT, BOTTOM], [TOP, BOTTOM],
  [LEFT, BOTTOM], [BOTTOM, LEFT], [TOP, BOTTOM], [TOP, RIGHT, BOTTOM, LEFT], [RIGHT, BOTTOM], [LEFT, RIGHT],
  [TOP, RIGHT], [LEFT, TOP], [],
];

/** How far a line runs from the centre of the pixel inside; half-way would be 0.5. */
const NEAR = 0.25;

/** Where a line crosses a side of a cell, whose corners are pixel centres. */
function crossing(side, code) {
  const inside = (corner) => Boolean(code & corner);
  const part = (first) => (inside(first) ? NEAR : 1 - NEAR);
  if (side === TOP) return [part(1), 0];
  if (side === RIGHT) return [1, part(2)];
  if (side === BOTTOM) return [part(8), 1];
  return [0, part(1)];
}

/** The lines of each kind of cell, as x, y, x, y from its top left corner. */
const CELLS = LINES.map((sides, code) => sides.map((side) => crossing(side, code)));

/** Return the outline of each label of a slice, in pixels; labels are numbers, 0 is background. */
function outlines({ pixels, rows, columns }) {
  const paths = new Map();
  const at = (row, column) =>
    row < 0 || column < 0 || row >= rows || column >= columns ? 0 : pixels[row * columns + column];
  for (let row = -1; row < rows; row++) {
    for (let column = -1; column < columns; column++) {
      const corners = [at(row, column), at(row, column + 1), at(row + 1, column + 1), at(row + 1, column)];
      const [a, b, c, d] = corners;
      if (a === b && b === c && c === d) continue;
      for (const label of new Set(corners)) {
        if (!label) continue;
        const code = (a === label) | ((b === label) << 1) | ((c === label) << 2) | ((d === label) << 3);
        if (!paths.has(label)) paths.set(label, new Path2D());
        addLines(paths.get(label), CELLS[code], column + 0.5, row + 0.5);
      }
    }
  }
  return paths;
}

function addLines(path, points, left, top) {
  for (let n = 0; n < points.length; n += 2) {
    path.moveTo(left + points[n][0], top + points[n][1]);
    path.lineTo(left + points[n + 1][0], top + points[n + 1][1]);
  }
}
