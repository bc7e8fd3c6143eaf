// Three slices side by side, to one scale, each with a slider; they meet in one voxel, and a click moves it.

const PLANES = ["axial", "coronal", "sagittal"];
/** A slice gets at least this part of the longest side of all, however thin the volume is. */
const NARROWEST = 0.2;

/** Say a place in RAS+ millimetres by the sides of the body: L 7, P 23, S 5. */
function directions(place) {
  return place.map((mm, axis) => `${["LR", "PA", "IS"][axis][mm < 0 ? 0 : 1]} ${decimals(Math.abs(mm), 0)}`).join(", ");
}

function stroke(context, path, color, width) {
  [context.strokeStyle, context.lineWidth] = [color, width];
  context.stroke(path);
}

class SliceViewer {
  constructor(root, group, image, labels, meeting) {
    Object.assign(this, { root, group, image, labels });
    this.index = meeting.map((part, axis) => Math.min(Math.floor(part * image.shape[axis]), image.shape[axis] - 1));
    this.sides = image.shape.map((count, axis) => count * image.spacing[axis]);
    this.show = { outlines: true, crosshair: true };
    this.drawn = new Map();
    this.panels = PLANES.map((_, axis) => this.panel(axis));
    this.where = make("output", { class: "where quiet" });
    const row = make("div", { class: "slices" }, ...this.panels.map(({ figure }) => figure));
    row.style.gridTemplateColumns = this.panels.map(({ width }) => `minmax(0, ${width}fr)`).join(" ");
    this.tools = make("div", { class: "tools" }, this.toggle("outlines"), this.toggle("crosshair"), this.where);
    root.replaceChildren(this.tools, row);
    new ResizeObserver(() => this.draw()).observe(row);
  }

  toggle(what) {
    const box = make("input", { type: "checkbox", class: what, checked: "" });
    box.addEventListener("change", () => {
      this.show[what] = box.checked;
      this.draw();
    });
    return make("label", {}, box, ` ${what}`);
  }

  panel(axis) {
    const [down, right] = SEEN[axis];
    const least = NARROWEST * Math.max(...this.sides);
    const [height, width] = [Math.max(this.sides[down], least), Math.max(this.sides[right], least)];
    const canvas = make("canvas", { role: "img", "aria-label": `${PLANES[axis]} slice` });
    canvas.style.aspectRatio = `${width} / ${height}`;
    const edges = COHORT.edges[axis].map((letter, side) =>
      make("span", { class: `edge ${["top", "bottom", "left", "right"][side]}`, "aria-hidden": "true" }, letter));
    const slider = make("input", {
      type: "range", min: 0, max: this.image.shape[axis] - 1, value: this.index[axis], "aria-label": `${PLANES[axis]} slice`,
    });
    slider.addEventListener("input", () => this.move({ [axis]: Number(slider.value) }));
    const stage = make("div", { class: "stage" }, canvas, ...edges);
    const panel = { canvas, slider, width, height, figure: make("figure", {}, stage, slider) };
    canvas.addEventListener("pointerdown", (event) => this.point(event, axis, panel));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.point(event, axis, panel));
    return panel;
  }

  /** Move the other two slices to where a slice is pointed at. */
  point(event, axis, { canvas, width, height }) {
    const box = canvas.getBoundingClientRect();
    const parts = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    const moved = {};
    SEEN[axis].forEach((seen, n) => {
      const margin = ([height, width][n] - this.sides[seen]) / 2;
      const place = (parts[n] * [height, width][n] - margin) / this.image.spacing[seen];
      moved[seen] = Math.min(Math.max(Math.floor(place), 0), this.image.shape[seen] - 1);
    });
    this.move(moved);
  }

  move(places) {
    for (const [axis, place] of Object.entries(places)) {
      this.index[axis] = place;
      this.panels[axis].slider.value = place;
    }
    this.draw();
  }

  draw() {
    this.panels.forEach((panel, axis) => this.drawPanel(panel, axis));
    const labelled = this.index.map((at, axis) => sameplace(at, axis, this.image, this.labels));
    const [z, y, x] = labelled;
    const label = this.labels.voxels[(z * this.labels.shape[1] + y) * this.labels.shape[2] + x];
    const name = label ? this.group.names[label - 1] : "no label";
    this.where.textContent = `${directions(world(this.image, this.index))} mm: ${name}`;
  }

  drawPanel({ canvas, width, height }, axis) {
    const pixels = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!pixels) return;
    const scale = pixels / width;
    [canvas.width, canvas.height] = [pixels, Math.round(height * scale)];
    const context = canvas.getContext("2d");
    const [down, right] = SEEN[axis];
    const [left, top] = [((width - this.sides[right]) / 2) * scale, ((height - this.sides[down]) / 2) * scale];
    context.imageSmoothingQuality = "high";
    context.drawImage(this.grey(axis), left, top, this.sides[right] * scale, this.sides[down] * scale);
    if (this.show.outlines) this.drawOutlines(context, axis, scale, left, top);
    if (this.show.crosshair) this.drawCrosshair(context, axis, scale, left, top);
  }

  /** Return the picture of the image's slice, a pixel for a voxel. */
  grey(axis) {
    const { pixels, rows, columns } = sliceOf(this.image, axis, this.index[axis]);
    const canvas = make("canvas", { width: columns, height: rows });
    const picture = new ImageData(columns, rows);
    for (let n = 0; n < pixels.length; n++) picture.data.set([pixels[n], pixels[n], pixels[n], 255], 4 * n);
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  }

  drawOutlines(context, axis, scale, left, top) {
    const [down, right] = SEEN[axis];
    const { spacing } = this.labels;
    const place = new DOMMatrix([scale * spacing[right], 0, 0, scale * spacing[down], left, top]);
    const pixel = window.devicePixelRatio || 1;
    context.lineCap = "round";
    for (const [label, outline] of this.outlinesOf(axis)) {
      const path = new Path2D();
      path.addPath(outline, place);
      stroke(context, path, "rgb(0 0 0 / 0.45)", 2.4 * pixel); // a shadow, so that white shows on white
      stroke(context, path, this.group.colors[label - 1], 1.25 * pixel);
    }
  }

  /** Return the outlines of the slice across an axis; the last ones are kept, as a slider moves one axis only. */
  outlinesOf(axis) {
    const index = sameplace(this.index[axis], axis, this.image, this.labels);
    const last = this.drawn.get(axis);
    if (last?.index === index) return last.paths;
    const paths = outlines(sliceOf(this.labels, axis, index));
    this.drawn.set(axis, { index, paths });
    return paths;
  }

  drawCrosshair(context, axis, scale, left, top) {
    const [y, x] = SEEN[axis].map((seen) => (this.index[seen] + 0.5) * this.image.spacing[seen] * scale);
    const [height, width] = SEEN[axis].map((seen) => this.sides[seen] * scale);
    context.strokeStyle = "rgb(255 255 255 / 0.35)";
    context.lineWidth = window.devicePixelRatio || 1;
    context.beginPath();
    context.moveTo(left, top + y);
    context.lineTo(left + width, top + y);
    context.moveTo(left + x, top);
    context.lineTo(left + x, top + height);
    context.stroke();
  }
}
