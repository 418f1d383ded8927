// A picture: its pixels at several sizes, and which grey values are black and white.

const SMALLEST = 700;  // pixels of the longer side: no smaller copy is made

export class Picture {
  // `values` are grey ones (Uint8Array or Uint16Array), else `bitmap` is drawn as it is.
  // A value v stands for `offset + step * v`, in Hounsfield units for instance.
  constructor({ width, height, values = null, bitmap = null, ...facts }) {
    const known = { offset: 0, step: 1, windows: [], orientation: "", isDeep: false, ...facts };
    Object.assign(this, { width, height }, known);
    this.levels = values ? greyLevels(values, width, height) : bitmapLevels(bitmap);
    this.full = values ? extremes(values) : { low: 0, high: 255 };
    // Eight bits are meant to be seen as they are; deeper ones are not.
    this.start = known.windows[0] ?? (known.isDeep ? this.full : { low: 0, high: 255 });
    this.tone = { low: this.start.low, high: this.start.high };
    // Of a colour picture, by the browser.
    this.brightness = 1;
  }

  get isGrey() { return this.levels[0].values !== null; }

  // What to draw where a pixel of the picture takes so many of the screen.
  drawable(scale) {
    const fine = this.levels.filter((level) => level.width >= this.width * scale);
    const level = fine.at(-1) ?? this.levels[0];
    return level.values ? toned(level, this.tone) : level.bitmap;
  }

  thumbnail(side) {
    const shrunk = Math.min(1, side / Math.max(this.width, this.height));
    const [width, height] =
      [this.width, this.height].map((size) => Math.max(1, Math.round(size * shrunk)));
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(this.drawable(shrunk), 0, 0, width, height);
    return canvas;
  }
}

export function pictureOfBitmap(bitmap) {
  const { width, height } = bitmap;
  const values = greyOf(bitmap);
  return new Picture(values ? { width, height, values } : { width, height, bitmap });
}

function greyOf(bitmap) {
  // Null for a picture of colours.
  const colours = new Uint32Array(pixelsOf(bitmap).buffer);
  const values = new Uint8Array(colours.length);
  for (let i = 0; i < values.length; i++) {
    const colour = colours[i];
    const red = colour & 255;
    if (((colour >> 8) & 255) !== red || ((colour >> 16) & 255) !== red) return null;
    values[i] = red;
  }
  return values;
}

function pixelsOf(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

function bitmapLevels(bitmap) {
  const levels = [{ width: bitmap.width, height: bitmap.height, values: null, bitmap }];
  // Halves of halves: drawn small from its full size, a photograph flickers and takes long.
  while (Math.max(levels.at(-1).width, levels.at(-1).height) > 2 * SMALLEST) {
    const last = levels.at(-1);
    const [width, height] = [last.width, last.height].map((size) => Math.ceil(size / 2));
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(last.bitmap, 0, 0, width, height);
    levels.push({ width, height, values: null, bitmap: canvas });
  }
  return levels;
}

function greyLevels(values, width, height) {
  const levels = [{ width, height, values }];
  while (Math.max(levels.at(-1).width, levels.at(-1).height) > 2 * SMALLEST) {
    levels.push(halved(levels.at(-1)));
  }
  return levels;
}

function halved({ width, height, values }) {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const small = new values.constructor(w * h);
  for (let y = 0; y < h; y++) {
    const up = 2 * y * width;
    const down = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < w; x++) {
      const left = 2 * x;
      const right = Math.min(left + 1, width - 1);
      const sum = values[up + left] + values[up + right] + values[down + left] + values[down + right];
      small[y * w + x] = sum / 4;
    }
  }
  return { width: w, height: h, values: small };
}

function extremes(values) {
  let [low, high] = [values[0], values[0]];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high: Math.max(high, low + 1) };
}

function toned(level, { low, high }) {
  const { width, height, values } = level;
  if (level.low === low && level.high === high) return level.canvas;
  level.canvas ??= new OffscreenCanvas(width, height);
  const context = level.canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const table = tableOf(low, high, values.BYTES_PER_ELEMENT === 1 ? 256 : 65536);
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[values[i]];
  context.putImageData(image, 0, 0);
  Object.assign(level, { low, high });
  return level.canvas;
}

function tableOf(low, high, n) {
  const table = new Uint32Array(n);
  const reach = Math.max(high - low, 1e-6);
  for (let value = 0; value < n; value++) {
    const grey = Math.round(255 * Math.min(1, Math.max(0, (value - low) / reach)));
    table[value] = (255 << 24) | (grey << 16) | (grey << 8) | grey;
  }
  return table;
}
