// One 3D view for the whole page, by niivue. It is unpacked when it is first asked for, and moves to the sample that
// asks: a browser allows few WebGL contexts, so there is one.

const AZIMUTH = 120;
const ELEVATION = 15;
const ZOOM = 1.3;
/** Where the cut comes from: azimuth and elevation of the plane, in niivue's terms. */
const CUTS = { left: [270, 0], front: [180, 0], above: [0, 90] };
/** A plane this far from the middle cuts nothing. */
const NO_CUT = 2;

/** NIfTI's code for voxels that are labels; without it niivue blends the colours of neighbouring numbers. */
const LABELS = 1002;

let view = null;

/** Show a sample in 3D, in a place of the page; what cannot be shown is said there in one line. */
async function show3d(place, viewer) {
  try {
    view ??= await View3d.start(place);
    await view.show(place, viewer);
  } catch (fault) {
    view?.panel.remove();
    view = null;
    place.replaceChildren(make("p", { class: "note" }, `The 3D view needs WebGL 2, which did not start: ${fault.message}`));
  }
}

class View3d {
  static async start(place) {
    if (!make("canvas").getContext("webgl2")) throw new Error("this browser has none");
    const found = new View3d();
    place.replaceChildren(found.panel);
    await found.attach(await loadNiivue());
    return found;
  }

  constructor() {
    this.canvas = make("canvas", { role: "img", tabindex: 0 });
    this.scan = slider(0, 100, 100);
    this.depth = slider(0, 100, 0);
    this.side = make("select", {}, ...Object.keys(CUTS).map((name) => make("option", {}, name)));
    this.through = make("input", { type: "checkbox" });
    const close = make("button", { type: "button", class: "control" }, "close");
    this.panel = make("div", { class: "view3d" },
      make("div", { class: "stage3d" }, this.canvas),
      make("div", { class: "tools" }, make("label", {}, "scan ", this.scan), make("label", {}, "cut ", this.depth),
        make("label", {}, "from ", this.side), make("label", {}, this.through, " through labels"), close));
    for (const control of [this.scan, this.depth, this.side, this.through]) control.addEventListener("input", () => this.adjust());
    close.addEventListener("click", () => this.panel.remove());
  }

  async attach(library) {
    this.library = library;
    // dragged files would be opened, fonts and colours are its own: nothing is fetched
    this.niivue = new library.Niivue({
      dragAndDropEnabled: false, logLevel: "silent", isOrientCube: true, showLegend: false, isColorbar: false,
      show3Dcrosshair: false, isAntiAlias: true, loadingText: "", backColor: [0, 0, 0, 1], clipPlaneColor: [0, 0, 0, 0],
    });
    await this.niivue.attachToCanvas(this.canvas);
    this.niivue.setSliceType(this.niivue.sliceTypeRender);
  }

  async show(place, { image, labels, group, title }) {
    place.replaceChildren(this.panel);
    this.canvas.setAttribute("aria-label", `3D view of ${title}`);
    const scan = await this.library.NVImage.new(nifti(image), "scan.nii", "gray", 1);
    const found = await this.library.NVImage.new(nifti(labels, LABELS), "labels.nii", "gray", 1);
    found.setColormapLabel(colorTable(group));
    while (this.niivue.volumes.length) this.niivue.removeVolume(this.niivue.volumes.at(-1));
    this.niivue.addVolume(scan);
    this.niivue.addVolume(found);
    this.niivue.setRenderAzimuthElevation(AZIMUTH, ELEVATION);
    this.niivue.setScale(ZOOM);
    this.adjust();
  }

  adjust() {
    const depth = Number(this.depth.value);
    this.niivue.opts.isClipAllVolumes = this.through.checked;
    this.niivue.setOpacity(0, Number(this.scan.value) / 100);
    this.niivue.setClipPlane([depth ? 0.5 - depth / 100 : NO_CUT, ...CUTS[this.side.value]]);
  }
}

function slider(min, max, value) {
  return make("input", { type: "range", min, max, value });
}

/** Unpack the viewer and run it: the page's policy lets exactly these bytes run. */
async function loadNiivue() {
  const source = await unpacked(bytes(document.getElementById("niivue").textContent), "gzip");
  document.head.append(make("script", {}, new TextDecoder().decode(source)));
  if (!window.niivue) throw new Error("the viewer was not allowed to run");
  return window.niivue;
}

/** Return niivue's table of colours: the background is clear, the labels are not. */
function colorTable({ names, colors }) {
  const parts = colors.map((color) => color.match(/\d+/g).map(Number));
  const channel = (n) => [0, ...parts.map((part) => part[n])];
  return {
    R: channel(0), G: channel(1), B: channel(2), A: [0, ...parts.map(() => 255)],
    I: [...Array(names.length + 1).keys()], labels: ["", ...names],
  };
}

/** Return a volume as a NIfTI-1 file in memory; its first index runs along our last axis. */
function nifti({ voxels, shape, spacing, affine }, intent = 0) {
  const [start, wide] = [352, voxels.BYTES_PER_ELEMENT];
  const file = new ArrayBuffer(start + voxels.byteLength);
  const header = new DataView(file);
  header.setInt32(0, 348, true);
  [3, ...shape.toReversed(), 1, 1, 1, 1].forEach((size, n) => header.setInt16(40 + 2 * n, size, true));
  header.setInt16(68, intent, true);
  header.setInt16(70, wide === 1 ? 2 : 512, true); // datatype: uint8 or uint16
  header.setInt16(72, 8 * wide, true);
  [1, ...spacing.toReversed()].forEach((size, n) => header.setFloat32(76 + 4 * n, size, true));
  header.setFloat32(108, start, true); // where the voxels begin
  header.setFloat32(112, 1, true); // slope
  header.setInt8(123, 2); // millimetres
  header.setInt16(254, 1, true); // the affine is in the sform
  affine.forEach(([z, y, x, origin], row) =>
    [x, y, z, origin].forEach((value, n) => header.setFloat32(280 + 16 * row + 4 * n, value, true)));
  [0x6e, 0x2b, 0x31, 0].forEach((letter, n) => header.setUint8(344 + n, letter)); // "n+1"
  new Uint8Array(file, start).set(new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength));
  return file;
}
