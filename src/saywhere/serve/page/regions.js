// Masks made of masks: connected parts, holes, a pixel more or less, polygons. Nothing of the page.
// A mask is a Uint8Array of 0 and 1, row by row.

export function partAt(mask, width, height, x, y) {
  // The part that a point lies in, neighbours at corners too; null where nothing is marked.
  if (!mask[y * width + x]) return null;
  return flooded(mask, width, height, [y * width + x], 1, true);
}

export function without(mask, part) {
  return mask.map((value, i) => (part[i] ? 0 : value));
}

export function withHolesFilled(mask, width, height) {
  // What no way from the border reaches is inside.
  const border = [];
  for (let x = 0; x < width; x++) border.push(x, (height - 1) * width + x);
  for (let y = 0; y < height; y++) border.push(y * width, y * width + width - 1);
  const outside = flooded(mask, width, height, border.filter((i) => !mask[i]), 0, false);
  return outside.map((value) => 1 - value);
}

function flooded(mask, width, height, seeds, value, withCorners) {
  // Span by span: a stack of pixels would take a hundred times the picture.
  const reached = new Uint8Array(mask.length);
  const stack = [...seeds];
  const isOpen = (i) => mask[i] === value && !reached[i];
  const reach = withCorners ? 1 : 0;
  while (stack.length) {
    const seed = stack.pop();
    if (!isOpen(seed)) continue;
    const row = Math.floor(seed / width);
    let left = seed;
    let right = seed;
    while (left > row * width && isOpen(left - 1)) left--;
    while (right < row * width + width - 1 && isOpen(right + 1)) right++;
    reached.fill(1, left, right + 1);
    for (const next of [row - 1, row + 1]) {
      if (next < 0 || next >= height) continue;
      const shift = (next - row) * width;
      const first = Math.max(next * width, left + shift - reach);
      const last = Math.min(next * width + width - 1, right + shift + reach);
      for (let i = first; i <= last; i++) {
        if (isOpen(i) && (i === first || !isOpen(i - 1))) stack.push(i);
      }
    }
  }
  return reached;
}

export function grown(mask, width, height) { return moved(mask, width, height, 1); }

export function shrunk(mask, width, height) { return moved(mask, width, height, 0); }

function moved(mask, width, height, value) {
  // Each pixel beside one of this value takes it. The picture's border is no edge of a mask.
  const next = mask.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (mask[i] !== value) continue;
      if (x > 0) next[i - 1] = value;
      if (x < width - 1) next[i + 1] = value;
      if (y > 0) next[i - width] = value;
      if (y < height - 1) next[i + width] = value;
    }
  }
  return next;
}

export function within(mask, width, height, { left, top, right, bottom }) {
  const inside = new Uint8Array(mask.length);
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
    const begin = y * width + Math.max(0, left);
    const end = y * width + Math.min(width, right);
    if (begin < end) inside.set(mask.subarray(begin, end), begin);
  }
  return inside;
}

export function withPolygon(mask, width, height, points, value) {
  // Even-odd, by the pixels' centres; points in pixels, (0, 0) the centre of the first.
  const filled = mask.slice();
  const ys = points.map(({ y }) => y);
  const top = Math.max(0, Math.ceil(Math.min(...ys)));
  const bottom = Math.min(height - 1, Math.floor(Math.max(...ys)));
  for (let y = top; y <= bottom; y++) {
    const crossings = crossingsAt(points, y);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const first = Math.max(0, Math.ceil(crossings[i]));
      const last = Math.min(width - 1, Math.floor(crossings[i + 1]));
      if (first <= last) filled.fill(value, y * width + first, y * width + last + 1);
    }
  }
  return filled;
}

function crossingsAt(points, y) {
  const found = [];
  points.forEach((from, i) => {
    const to = points[(i + 1) % points.length];
    if ((from.y <= y) === (to.y <= y)) return;
    found.push(from.x + (y - from.y) * (to.x - from.x) / (to.y - from.y));
  });
  return found.sort((a, b) => a - b);
}
