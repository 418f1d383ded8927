// What a press on the picture does: each tool takes points of the picture. Keys give the same points.

import * as regions from "./regions.js";
import { FOREGROUND, BACKGROUND } from "./label.js";
import { at, labelNow, show, state, tell } from "./state.js";
import { view } from "./stage.js";

let stroke = null;  // { label, from } while a brush is down
let corner = null;  // of a box that is being drawn
let corners = [];  // of a polygon

const pixel = ({ x, y }) => ({ x: Math.round(x), y: Math.round(y) });
// A smaller radius could pass between the pixels' centres and paint nothing.
const radius = () => Math.max(Math.SQRT1_2, view.pixels(at("size").value) / 2);

function change(make) {
  const label = labelNow();
  if (!label) return;
  const wanted = make(label.mask, label.width, label.height);
  if (wanted) label.become(wanted);
  show();
}

function brush(value) {
  return {
    down(point) {
      const label = labelNow();
      if (!label) return;
      label.begin();
      stroke = { label, from: point };
      this.move(point);
    },
    move(point) {
      if (!stroke) return;
      const { label, from } = stroke;
      // An answer to another prompt came meanwhile: its mask took no stroke that could be undone.
      if (label !== labelNow()) return this.up();
      view.drawMasks(label.line(from, point, radius(), value) ?? undefined);
      stroke.from = point;
    },
    up() {
      stroke?.label.end();
      stroke = null;
      show();
    },
    cancel() {
      stroke?.label.cancel();
      stroke = null;
      show();
    },
  };
}

// One press is all of it.
const click = (act) => ({ down: act, move() {}, up() {}, cancel() {} });

const part = (make) => click((point) => {
  const { x, y } = pixel(point);
  change((mask, width, height) => {
    const isInside = x >= 0 && y >= 0 && x < width && y < height;
    const found = isInside && regions.partAt(mask, width, height, x, y);
    if (!found) tell("Nothing is marked there: press on a part of the mask.");
    else tell("");
    return found ? make(mask, found) : null;
  });
});

const boxOf = (from, to) => ({
  left: Math.min(from.x, to.x), top: Math.min(from.y, to.y),
  right: Math.max(from.x, to.x) + 1, bottom: Math.max(from.y, to.y) + 1,
});

const box = {
  down(point) { corner = pixel(point); },
  move(point) { if (corner) guide([corner, pixel(point)], "box"); },
  up(point) {
    if (!corner) return;
    const limits = boxOf(corner, pixel(point));
    box.cancel();
    // A press without a way is no box.
    if (limits.right - limits.left < 3 || limits.bottom - limits.top < 3) return;
    change((mask, width, height) => regions.within(mask, width, height, limits));
  },
  cancel() { corner = null; guide([]); },
};

const polygon = {
  down(point) {
    const first = corners[0];
    const isBack = first && Math.hypot(first.x - point.x, first.y - point.y) < view.pixels(10);
    if (isBack && corners.length > 2) return polygon.finish();
    corners.push(point);
    guide(corners, "polygon");
  },
  move(point) { if (corners.length) guide([...corners, point], "polygon"); },
  up() {},
  cancel() { corners = []; guide([]); },
  finish(value = 1) {
    const points = corners;
    polygon.cancel();
    if (points.length < 3) return;
    change((mask, width, height) => regions.withPolygon(mask, width, height, points, value));
  },
  get isBegun() { return corners.length > 0; },
};

export const TOOLS = {
  brush: brush(FOREGROUND),
  eraser: brush(BACKGROUND),
  only: part((mask, found) => found),
  "drop-part": part((mask, found) => regions.without(mask, found)),
  box,
  polygon,
};

export const tool = () => TOOLS[state.tool];

export function choose(name) {
  tool().cancel();
  state.tool = name;
  show();
}

export function finishPolygon(value) {
  if (!polygon.isBegun) return false;
  polygon.finish(value);
  return true;
}

export const COMMANDS = {
  fill: () => change(regions.withHolesFilled),
  grow: () => change(regions.grown),
  shrink: () => change(regions.shrunk),
};

export function step(act) {
  // Undo and redo. First: what moved on after it would be part of no stroke.
  const label = labelNow();
  stroke?.label.end();
  stroke = null;
  polygon.cancel();
  if (!label) return;
  label[act]();
  show();
}

function guide(points, kind = "") {
  const places = points.map((point) => view.onFrame(point));
  const [first, last] = [places[0], places.at(-1)];
  const isBox = kind === "box";
  at("guide-box").toggleAttribute("hidden", !isBox);
  at("guide-lines").setAttribute(
    "points", isBox ? "" : places.map(({ x, y }) => `${x},${y}`).join(" "),
  );
  const sides = isBox ? {
    x: Math.min(first.x, last.x), y: Math.min(first.y, last.y),
    width: Math.abs(last.x - first.x), height: Math.abs(last.y - first.y),
  } : { x: 0, y: 0, width: 0, height: 0 };
  for (const [name, value] of Object.entries(sides)) at("guide-box").setAttribute(name, value);
}
