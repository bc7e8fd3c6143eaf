// The small copies that the page carries, unpacked into voxels. Axes are z, y, x; they run to I, P and L.

function bytes(base64) {
  const text = atob(base64);
  const found = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) found[n] = text.charCodeAt(n);
  return found;
}

async function unpacked(packed, form) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream(form));
  return new Response(stream).arrayBuffer();
}

/** Return the voxels of a small copy, with its shape, spacing and affine. */
async function volumeOf(preview) {
  const packed = bytes(preview.content);
  if (preview.columns) return { ...preview, voxels: await voxelsOfPicture(packed, preview) };
  const buffer = await unpacked(packed, "deflate");
  return { ...preview, voxels: preview.kind === "uint16" ? new Uint16Array(buffer) : new Uint8Array(buffer) };
}

/** Slices lie in rows in one picture: that is how a browser unpacks them fastest. */
async function voxelsOfPicture(packed, { kind, columns, shape: [slices, height, width] }) {
  const picture = await createImageBitmap(new Blob([packed], { type: kind }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const voxels = new Uint8Array(slices * height * width);
  for (let z = 0, at = 0; z < slices; z++) {
    const [top, left] = [Math.floor(z / columns) * height, (z % columns) * width];
    for (let y = 0; y < height; y++) {
      const row = (top + y) * canvas.width + left;
      for (let x = 0; x < width; x++) voxels[at++] = pixels[4 * (row + x)];
    }
  }
  return voxels;
}

/** The two axes that are seen in a slice across an axis: down and to the right. */
const SEEN = [[1, 2], [0, 2], [0, 1]];

/** Return the pixels of a slice across an axis, row by row. */
function sliceOf({ voxels, shape }, axis, index) {
  const [down, right] = SEEN[axis];
  const [rows, columns] = [shape[down], shape[right]];
  const steps = [shape[1] * shape[2], shape[2], 1];
  const pixels = new voxels.constructor(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) {
    let from = index * steps[axis] + row * steps[down];
    for (let column = 0; column < columns; column++, from += steps[right]) pixels[at++] = voxels[from];
  }
  return { pixels, rows, columns };
}

/** Return the index along an axis of one copy that lies where an index of another does. */
function sameplace(index, axis, from, to) {
  const place = ((index + 0.5) * from.spacing[axis]) / to.spacing[axis];
  return Math.min(Math.floor(place), to.shape[axis] - 1);
}

/** Return the RAS+ millimetres of an index. */
function world({ affine }, index) {
  return affine.map((row) => row[3] + index.reduce((sum, at, axis) => sum + row[axis] * at, 0));
}
