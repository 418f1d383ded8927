// What is seen of a picture and its masks: zoom, place, and drawing no more than what changed.
// Two canvases of the frame's size lie over each other: the picture, and the masks. So a stroke
// costs what it covers on the screen, however large the picture is.

const MOST = 40;  // pixels of the screen for one of the picture
const CRISP = 3;  // from here on the picture's own pixels are shown as squares

export class View {
  constructor(frame, picture, masks, place) {
    Object.assign(this, { frame, place, picture: null, masks: [] });
    Object.assign(this, { scale: 1, x: 0, y: 0, isFitted: true });
    Object.assign(this, { isWaiting: false, isPictureOld: false });
    Object.assign(this, { opacity: 0.45, contour: false, whenMoved: () => {} });
    this.canvases = [picture, masks];
    [this.below, this.above] = [picture.getContext("2d"), masks.getContext("2d")];
    new ResizeObserver(() => this.#resize()).observe(frame);
    this.#resize();
  }

  get ratio() { return globalThis.devicePixelRatio || 1; }

  get width() { return this.canvases[0].width; }

  get height() { return this.canvases[0].height; }

  get fitting() {
    return Math.min(this.width / this.picture.width, this.height / this.picture.height);
  }

  // ---- what is shown

  show(picture, keepsPlace = false) {
    const before = this.picture;
    const [x, y] = before ? this.#middle() : [0.5, 0.5];
    const zoom = before ? this.scale / this.fitting : 1;
    this.picture = picture;
    if (!picture) return this.redraw();
    if (!keepsPlace || !before || this.isFitted) return this.fit();
    this.scale = zoom * this.fitting;
    this.x = this.width / 2 - x * picture.width * this.scale;
    this.y = this.height / 2 - y * picture.height * this.scale;
    this.#moved();
  }

  #middle() {
    return [
      (this.width / 2 - this.x) / this.scale / this.picture.width,
      (this.height / 2 - this.y) / this.scale / this.picture.height,
    ];
  }

  fit() {
    if (!this.picture) return;
    this.scale = this.fitting;
    this.x = (this.width - this.picture.width * this.scale) / 2;
    this.y = (this.height - this.picture.height * this.scale) / 2;
    this.#moved();
    this.isFitted = true;
  }

  // A pixel of the picture is one of the screen.
  actual() { this.zoom(1 / this.scale); }

  zoom(factor, clientX = null, clientY = null) {
    if (!this.picture) return;
    const [x, y] =
      clientX === null ? [this.width / 2, this.height / 2] : this.#onCanvas(clientX, clientY);
    const least = Math.min(1, this.fitting) / 2;
    const scale = Math.min(MOST, Math.max(least, this.scale * factor));
    this.x = x - (x - this.x) * scale / this.scale;
    this.y = y - (y - this.y) * scale / this.scale;
    this.scale = scale;
    this.#moved();
  }

  pan(dx, dy) {
    if (!this.picture) return;
    this.x += dx * this.ratio;
    this.y += dy * this.ratio;
    this.#moved();
  }

  #moved() {
    this.isFitted = false;
    const { picture, scale, ratio } = this;
    // Some of it always stays in sight.
    const margin = 40 * ratio;
    const clamp = (at, size, room) => Math.min(room - margin, Math.max(margin - size * scale, at));
    this.x = clamp(this.x, picture.width, this.width);
    this.y = clamp(this.y, picture.height, this.height);
    Object.assign(this.place.style, {
      left: `${this.x / ratio}px`, top: `${this.y / ratio}px`,
      width: `${picture.width * scale / ratio}px`, height: `${picture.height * scale / ratio}px`,
    });
    this.whenMoved();
    this.redraw();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.frame;
    const [width, height] =
      [clientWidth, clientHeight].map((size) => Math.max(1, Math.round(size * this.ratio)));
    if (this.width === width && this.height === height) return;
    const { isFitted } = this;
    for (const canvas of this.canvases) Object.assign(canvas, { width, height });
    if (!this.picture) return;
    if (isFitted) this.fit();
    else this.#moved();
  }

  // ---- places

  #onCanvas(clientX, clientY) {
    const box = this.frame.getBoundingClientRect();
    const inset = { left: this.frame.clientLeft, top: this.frame.clientTop };
    return [
      (clientX - box.left - inset.left) * this.ratio,
      (clientY - box.top - inset.top) * this.ratio,
    ];
  }

  // In pixels of the picture, (0, 0) the centre of the first one.
  pointAt(clientX, clientY) {
    const [x, y] = this.#onCanvas(clientX, clientY);
    return { x: (x - this.x) / this.scale - 0.5, y: (y - this.y) / this.scale - 0.5 };
  }

  // In pixels of the style sheet, from the frame's corner.
  onFrame({ x, y }) {
    return {
      x: ((x + 0.5) * this.scale + this.x) / this.ratio,
      y: ((y + 0.5) * this.scale + this.y) / this.ratio,
    };
  }

  pixels(length) { return length * this.ratio / this.scale; }

  // ---- drawing

  redraw() { this.#drawSoon(true); }

  // The picture stays as it is on the screen: one of 12 megapixels takes longer than all masks.
  redrawMasks() { this.#drawSoon(false); }

  #drawSoon(withPicture) {
    this.isPictureOld ||= withPicture;
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      if (this.isPictureOld) this.#drawPicture();
      this.isPictureOld = false;
      this.drawMasks();
    });
  }

  #drawPicture() {
    const { below, picture, scale } = this;
    below.setTransform(1, 0, 0, 1, 0, 0);
    below.clearRect(0, 0, this.width, this.height);
    if (!picture) return;
    below.imageSmoothingEnabled = scale < CRISP;
    below.filter = picture.isGrey || picture.brightness === 1
      ? "none" : `brightness(${picture.brightness})`;
    const [width, height] = [picture.width * scale, picture.height * scale];
    below.drawImage(picture.drawable(scale), this.x, this.y, width, height);
  }

  drawMasks(box = null) {
    // `box` in pixels of the picture: all else stays as it is on the screen.
    const area = this.picture ? this.#onScreen(box) : null;
    if (!area) {
      if (!box) this.above.clearRect(0, 0, this.width, this.height);
      return;
    }
    if (!box) this.above.clearRect(0, 0, this.width, this.height);
    const image = this.above.createImageData(area.right - area.left, area.bottom - area.top);
    const pixels = new Uint32Array(image.data.buffer);
    for (const { mask, colour } of this.masks) this.#lay(pixels, area, mask, colour);
    this.above.putImageData(image, area.left, area.top);
  }

  #onScreen(box) {
    const { left, top, right, bottom } =
      box ?? { left: 0, top: 0, right: this.picture.width, bottom: this.picture.height };
    const rim = this.#rim + 1;  // an edge moves with its neighbours
    const area = {
      left: Math.max(0, Math.floor(left * this.scale + this.x) - rim),
      top: Math.max(0, Math.floor(top * this.scale + this.y) - rim),
      right: Math.min(this.width, Math.ceil(right * this.scale + this.x) + rim),
      bottom: Math.min(this.height, Math.ceil(bottom * this.scale + this.y) + rim),
    };
    return area.left < area.right && area.top < area.bottom ? area : null;
  }

  get #rim() { return Math.max(1, Math.round(1.5 * this.ratio)); }

  #lay(pixels, area, mask, colour) {
    const rim = this.#rim;
    const width = area.right - area.left + 2 * rim;
    const height = area.bottom - area.top + 2 * rim;
    const seen = this.#sampled(mask, area.left - rim, area.top - rim, width, height);
    const [inside, edge] = [this.contour ? 0 : this.opacity, 1].map((share) => packed(colour, share));
    for (let y = 0, i = 0; y < height - 2 * rim; y++) {
      let at = (y + rim) * width + rim;
      for (let x = 0; x < width - 2 * rim; x++, i++, at++) {
        if (!seen[at]) continue;
        const isInside =
          seen[at - rim] && seen[at + rim] && seen[at - rim * width] && seen[at + rim * width];
        const over = isInside ? inside : edge;
        if (over) pixels[i] = pixels[i] && isInside ? blended(pixels[i], over) : over;
      }
    }
  }

  #sampled(mask, left, top, width, height) {
    // The mask as the screen sees it: one value a pixel of the screen, 0 outside of the picture.
    const { picture, scale } = this;
    const seen = new Uint8Array(width * height);
    const columns = new Int32Array(width);
    for (let x = 0; x < width; x++) columns[x] = Math.floor((left + x + 0.5 - this.x) / scale);
    for (let y = 0; y < height; y++) {
      const row = Math.floor((top + y + 0.5 - this.y) / scale);
      if (row < 0 || row >= picture.height) continue;
      const begin = row * picture.width;
      for (let x = 0; x < width; x++) {
        const column = columns[x];
        if (column >= 0 && column < picture.width) seen[y * width + x] = mask[begin + column];
      }
    }
    return seen;
  }
}

function packed([red, green, blue], share) {
  return ((Math.round(255 * share) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function blended(under, over) {
  // Where two masks lie over each other both colours show.
  const mean = (shift) => (((under >>> shift) & 255) + ((over >>> shift) & 255)) >> 1;
  const alpha = Math.max(under >>> 24, over >>> 24);
  return ((alpha << 24) | (mean(16) << 16) | (mean(8) << 8) | mean(0)) >>> 0;
}
