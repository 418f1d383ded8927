// One prompt's mask: the model's probability, a threshold, and what a person painted over it.

// Cyan first: it is rare in mucosa, skin and X-ray.
export const COLOURS = [
  [0, 229, 255], [255, 170, 0], [214, 92, 214], [80, 200, 120],
  [255, 99, 99], [56, 160, 255], [240, 228, 66], [180, 140, 255],
];
const N_STEPS_BACK = 50;
let painted = 0;  // counts every change, so that two masks with one number are equal

export class Label {
  constructor(prompt, width, height) {
    Object.assign(this, { prompt, width, height, colour: COLOURS[0] });
    Object.assign(this, { facts: null, pseudo: null, model: null, version: 0 });
    Object.assign(this, { keptAs: null, key: null, keyFor: null });
    this.probability = new Uint8Array(width * height);
    // 0 as the model says, 1 foreground, 2 background.
    this.painted = new Uint8Array(width * height);
    this.past = [];
    this.future = [];
  }

  suggested(threshold) {
    return this.probability.map((value) => (value > 255 * threshold ? 1 : 0));
  }

  mask(threshold) {
    const mask = this.suggested(threshold);
    for (let i = 0; i < mask.length; i++) {
      if (this.painted[i]) mask[i] = this.painted[i] === 1 ? 1 : 0;
    }
    return mask;
  }

  // Nothing of a whole one is the model's, so no threshold matters.
  get isWhole() { return this.painted.every((value) => value > 0); }

  get isCorrected() { return this.painted.some((value) => value > 0); }

  howGood(isAsLearned) {
    // The expected Dice was learned of the model's own mask at its own threshold, and of prompts
    // like those that it was trained on.
    const { confidence, presence, expected_dice: expected, denies, unfamiliarity } = this.facts;
    if (confidence === null) return `nothing found (at most ${Math.round(100 * presence)} % sure)`;
    const isUsual = isAsLearned && !this.isCorrected && !denies && !(unfamiliarity > 1);
    if (expected !== null && isUsual) return `expected Dice ${expected.toFixed(2)}`;
    return `sure ${Math.round(100 * confidence)} %`;
  }

  beginStroke() {
    this.past.push(this.painted.slice());
    if (this.past.length > N_STEPS_BACK) this.past.shift();
    this.future = [];
  }

  paint(x, y, radius, value) {
    this.version = ++painted;
    const top = Math.max(0, Math.ceil(y - radius));
    const bottom = Math.min(this.height - 1, Math.floor(y + radius));
    for (let row = top; row <= bottom; row++) {
      const reach = Math.sqrt(radius * radius - (row - y) * (row - y));
      const left = Math.max(0, Math.ceil(x - reach));
      const right = Math.min(this.width - 1, Math.floor(x + reach));
      const begin = row * this.width;
      for (let column = left; column <= right; column++) this.painted[begin + column] = value;
    }
  }

  line(from, to, radius, value) {
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    // Half a radius apart, so that the discs make a line without notches.
    const n = Math.max(1, Math.ceil(Math.hypot(dx, dy) / Math.max(1, radius / 2)));
    for (let i = 0; i <= n; i++) {
      this.paint(from.x + dx * i / n, from.y + dy * i / n, radius, value);
    }
  }

  cover(mask) {
    // All of it as it was kept, whatever the model says now.
    this.version = ++painted;
    this.painted = mask.map((value) => (value ? 1 : 2));
  }

  undo() { this.#move(this.past, this.future); }

  redo() { this.#move(this.future, this.past); }

  #move(source, target) {
    if (!source.length) return;
    this.version = ++painted;
    target.push(this.painted);
    this.painted = source.pop();
  }
}

export function doubts(labels, hearsWords) {
  // Why a person should look twice; empty where there is no reason.
  const denying = hearsWords && labels.find(({ facts }) => facts.denies);
  const isFar = (label) => label !== denying && label.prompt && label.facts.unfamiliarity > 1;
  const far = labels.find(isFar);
  const reasons = [];
  if (denying) {
    reasons.push(
      `“${denying.prompt}” says what is not there: published sets teach no such words, ` +
      "and what they deny may be marked all the same.",
    );
  }
  if (far) {
    reasons.push(`“${far.prompt}” is unlike what this model was taught: look twice at its mask.`);
  }
  // Translated, in another language, nobody knows whose left: each once.
  const warnings = labels.flatMap((label) => label.facts.warnings || []);
  reasons.push(...[...new Set(warnings)].map((text) => `${text}.`));
  return reasons.join(" ");
}

export function isEdge(mask, width, height, i) {
  const x = i % width;
  const y = (i - x) / width;
  const isOnBorder = x === 0 || y === 0 || x === width - 1 || y === height - 1;
  return isOnBorder || !(mask[i - 1] && mask[i + 1] && mask[i - width] && mask[i + width]);
}

export function draw(canvas, bitmap, masks, { opacity = 0.45, contour = false } = {}) {
  // The picture, and above it each mask in its colour.
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const picture = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const { width, height } = bitmap;
  // A line of one pixel is lost where a large picture is shown small.
  const isThick = Math.max(width, height) > 700;
  const isOnEdge = (mask, i) =>
    isEdge(mask, width, height, i) ||
    (isThick && i >= width && isEdge(mask, width, height, i - width));
  const inside = contour ? 0 : opacity;
  for (const { mask, colour } of masks) {
    for (let i = 0; i < mask.length; i++) {
      if (!mask[i]) continue;
      const share = isOnEdge(mask, i) ? 1 : inside;
      for (let channel = 0; channel < 3; channel++) {
        const place = 4 * i + channel;
        picture.data[place] += share * (colour[channel] - picture.data[place]);
      }
    }
  }
  context.putImageData(picture, 0, 0);
}

export async function png(mask, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let i = 0; i < mask.length; i++) {
    picture.data.set(mask[i] ? [255, 255, 255, 255] : [0, 0, 0, 255], 4 * i);
  }
  context.putImageData(picture, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
