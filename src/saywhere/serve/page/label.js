// One prompt's mask: the model's probability, a threshold, and what a person painted over it.
// Every change is a step that can be undone; a step holds only the tiles that it changed.

const TILE = 128;  // pixels a side
const N_STEPS_BACK = 50;
const MOST_BYTES = 256 * 2 ** 20;  // of all steps of a label
let painted = 0;  // counts every change, so that two masks with one number are equal

export const MODELS = 0;  // as the model says
export const FOREGROUND = 1;
export const BACKGROUND = 2;

export class Label {
  constructor(prompt, width, height) {
    Object.assign(this, { prompt, width, height, colour: [86, 180, 233], isHidden: false });
    Object.assign(this, { facts: null, pseudo: null, model: null, version: 0 });
    Object.assign(this, { keptAs: null, row: null, key: null, keyFor: null });
    this.probability = new Uint8Array(width * height);
    this.painted = new Uint8Array(width * height);
    this.mask = new Uint8Array(width * height);  // 0 and 1: what is shown and kept
    Object.assign(this, { cut: 127.5, area: 0, nPainted: 0 });
    Object.assign(this, { past: [], future: [], step: null });
  }

  get isCorrected() { return this.nPainted > 0; }

  // Nothing of a whole one is the model's, so no threshold matters.
  get isWhole() { return this.nPainted === this.painted.length; }

  get everything() { return { left: 0, top: 0, right: this.width, bottom: this.height }; }

  hears(probability, threshold) {
    this.probability = probability;
    this.cut = 255 * threshold;
    this.#settle(this.everything);
  }

  cutAt(threshold) {
    if (this.cut === 255 * threshold) return;
    this.cut = 255 * threshold;
    if (!this.isWhole) this.#settle(this.everything);
  }

  suggested() {
    const { probability, cut } = this;
    const mask = new Uint8Array(probability.length);
    for (let i = 0; i < mask.length; i++) mask[i] = probability[i] > cut ? 1 : 0;
    return mask;
  }

  // ---- steps

  begin() { this.step = { tiles: new Map(), version: this.version, box: null }; }

  end() {
    const step = this.step;
    this.step = null;
    if (!step?.tiles.size) return;
    this.past.push(step);
    this.future = [];
    const bytes = () => this.past.reduce((sum, { tiles }) => sum + tiles.size * TILE * TILE, 0);
    while (this.past.length > N_STEPS_BACK || (this.past.length > 1 && bytes() > MOST_BYTES)) {
      this.past.shift();
    }
  }

  cancel() {
    // As if the step had never begun: a second finger came, or Esc.
    const step = this.step;
    this.step = null;
    if (!step?.tiles.size) return null;
    this.#swap(step.tiles);
    this.version = step.version;
    return step.box;
  }

  undo() { return this.#move(this.past, this.future); }

  redo() { return this.#move(this.future, this.past); }

  #move(source, target) {
    this.end();
    if (!source.length) return null;
    const { tiles, version, box } = source.pop();
    target.push({ tiles: this.#swap(tiles), version: this.version, box });
    this.version = version;
    return box;
  }

  #swap(tiles) {
    const before = new Map();
    for (const [number, values] of tiles) {
      before.set(number, this.#tile(number));
      this.#put(number, values);
    }
    return before;
  }

  #save(box) {
    const { tiles } = this.step;
    const across = Math.ceil(this.width / TILE);
    for (let row = Math.floor(box.top / TILE); row * TILE < box.bottom; row++) {
      for (let column = Math.floor(box.left / TILE); column * TILE < box.right; column++) {
        const number = row * across + column;
        if (!tiles.has(number)) tiles.set(number, this.#tile(number));
      }
    }
    this.step.box = united(this.step.box, box);
  }

  #rowsOf(number) {
    const across = Math.ceil(this.width / TILE);
    const left = (number % across) * TILE;
    const top = Math.floor(number / across) * TILE;
    const width = Math.min(TILE, this.width - left);
    return { start: top * this.width + left, width, n: Math.min(TILE, this.height - top) };
  }

  #tile(number) {
    const { start, width, n } = this.#rowsOf(number);
    const values = new Uint8Array(width * n);
    for (let row = 0; row < n; row++) {
      const begin = start + row * this.width;
      values.set(this.painted.subarray(begin, begin + width), row * width);
    }
    return values;
  }

  #put(number, values) {
    const { start, width, n } = this.#rowsOf(number);
    for (let row = 0; row < n; row++) {
      const own = values.subarray(row * width, (row + 1) * width);
      const begin = start + row * this.width;
      for (let i = 0; i < width; i++) {
        this.nPainted += (own[i] > 0) - (this.painted[begin + i] > 0);
      }
      this.painted.set(own, begin);
    }
    const left = start % this.width;
    const top = Math.floor(start / this.width);
    this.#settle({ left, top, right: left + width, bottom: top + n });
  }

  #settle({ left, top, right, bottom }) {
    // The mask anew, where something under it changed.
    const { painted: over, probability, cut, mask } = this;
    for (let row = top; row < bottom; row++) {
      const end = row * this.width + right;
      for (let i = row * this.width + left; i < end; i++) {
        const on = over[i] ? (over[i] === FOREGROUND ? 1 : 0) : (probability[i] > cut ? 1 : 0);
        this.area += on - mask[i];
        mask[i] = on;
      }
    }
  }

  // ---- changes; each gives the box that changed, or null

  line(from, to, radius, value) {
    const reach = (least, most, size) =>
      [Math.max(0, Math.floor(least - radius)), Math.min(size, Math.ceil(most + radius) + 1)];
    const [left, right] = reach(Math.min(from.x, to.x), Math.max(from.x, to.x), this.width);
    const [top, bottom] = reach(Math.min(from.y, to.y), Math.max(from.y, to.y), this.height);
    if (left >= right || top >= bottom) return null;
    const box = { left, top, right, bottom };
    this.#save(box);
    this.version = ++painted;
    for (let row = top; row < bottom; row++) {
      const [first, last] = reached(row, from, to, radius);
      const start = Math.max(left, Math.ceil(first));
      const end = Math.min(right - 1, Math.floor(last));
      this.#span(row * this.width + start, row * this.width + end, value);
    }
    return box;
  }

  #span(first, last, value) {
    const { painted: over, mask } = this;
    const on = value === FOREGROUND ? 1 : 0;
    for (let i = first; i <= last; i++) {
      if (over[i] === value) continue;
      if (!over[i]) this.nPainted++;
      over[i] = value;
      this.area += on - mask[i];
      mask[i] = on;
    }
  }

  become(wanted) {
    // As one step; painted only where it differs, so that the rest still follows the threshold.
    const box = differing(this.mask, wanted, this.width, this.height);
    if (!box) return null;
    this.begin();
    this.#save(box);
    this.version = ++painted;
    for (let row = box.top; row < box.bottom; row++) {
      const end = row * this.width + box.right;
      for (let i = row * this.width + box.left; i < end; i++) {
        if (this.mask[i] !== wanted[i]) this.#span(i, i, wanted[i] ? FOREGROUND : BACKGROUND);
      }
    }
    this.end();
    return box;
  }

  cover(mask) {
    // All of it as it was kept, whatever the model says now; no step, since nobody did it here.
    this.version = ++painted;
    this.painted = mask.map((value) => (value ? FOREGROUND : BACKGROUND));
    this.nPainted = mask.length;
    Object.assign(this, { past: [], future: [], step: null });
    this.#settle(this.everything);
  }
}

// From where to where a row lies within the radius of a line. Discs side by side would leave notches
// at the rim, and a thin brush would have holes.
function reached(row, from, to, radius) {
  let [first, last] = [Infinity, -Infinity];
  const take = (a, b) => { if (a <= b) [first, last] = [Math.min(first, a), Math.max(last, b)]; };
  for (const { x, y } of [from, to]) {
    const half = Math.sqrt(radius * radius - (row - y) * (row - y));  // NaN: no part of the row
    take(x - half, x + half);
  }
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  if (length === 0) return [first, last];
  // Between the two ends: at most the radius beside the line, and neither before nor behind it.
  const down = row - from.y;
  const beside = between(dy, -down * dx, -radius * length, radius * length);
  const along = between(dx, down * dy, 0, length * length);
  take(from.x + Math.max(beside[0], along[0]), from.x + Math.min(beside[1], along[1]));
  return [first, last];
}

// The x for which slope · x + offset lies from least to most.
function between(slope, offset, least, most) {
  if (slope === 0) {
    return offset >= least && offset <= most ? [-Infinity, Infinity] : [Infinity, -Infinity];
  }
  const ends = [(least - offset) / slope, (most - offset) / slope];
  return slope > 0 ? ends : ends.reverse();
}

export function united(a, b) {
  if (!a || !b) return a ?? b;
  return {
    left: Math.min(a.left, b.left), top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right), bottom: Math.max(a.bottom, b.bottom),
  };
}

function differing(a, b, width, height) {
  let box = null;
  for (let row = 0; row < height; row++) {
    const begin = row * width;
    let left = 0;
    while (left < width && a[begin + left] === b[begin + left]) left++;
    if (left === width) continue;
    let right = width;
    while (a[begin + right - 1] === b[begin + right - 1]) right--;
    box = united(box, { left, top: row, right, bottom: row + 1 });
  }
  return box;
}
