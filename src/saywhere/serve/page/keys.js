// What each key does. Nothing is taken from somebody who types, but for keeping and leaving.

import { holdSpace, leavePen, movePen, pressPen } from "./gestures.js";
import { keepAll } from "./keep.js";
import { rename, turn } from "./labels.js";
import { nextNew, step as stepTo } from "./pictures.js";
import { ZOOMS } from "./stage.js";
import { at, labelNow, show, state } from "./state.js";
import { choose, COMMANDS, finishPolygon, step } from "./tools.js";

const TEXT_FIELDS = "textarea, select, input:not([type=range]):not([type=checkbox]):not([type=file])";
const resize = (by) => { at("size").value = Number(at("size").value) + by; };

function chooseLabel(by) {
  const n = state.labels.length;
  if (n) state.chosen = (state.chosen + by + n) % n;
  show();
}

async function keepAndGo() {
  if (at("keep").disabled || await keepAll()) stepTo(1);
}

const KEYS = {
  b: () => choose("brush"),
  e: () => choose("eraser"),
  k: () => choose("only"),
  d: () => choose("drop-part"),
  x: () => choose("box"),
  g: () => choose("polygon"),
  h: COMMANDS.fill,
  ".": COMMANDS.grow,
  ",": COMMANDS.shrink,
  c: () => at("contour").click(),
  v: () => turn(labelNow()),
  r: () => rename(labelNow()),
  n: () => stepTo(1),
  p: () => stepTo(-1),
  m: nextNew,
  j: () => chooseLabel(1),
  i: () => chooseLabel(-1),
  f: ZOOMS.fit,
  1: ZOOMS.actual,
  "+": ZOOMS.closer,
  "=": ZOOMS.closer,
  "-": ZOOMS.farther,
  "[": () => resize(-3),
  "]": () => resize(3),
};
const ALT_KEYS = { n: KEYS.n, p: KEYS.p, m: KEYS.m };

function actOf(event) {
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && key === "s") return keepAll;
  if (isCommand && key === "enter") return keepAndGo;
  if (event.altKey && !isCommand) return ALT_KEYS[key];
  const isTyping = event.target.matches(TEXT_FIELDS);
  if (key === "escape") return () => leave(isTyping);
  if (isTyping) return null;
  if (isCommand) return key === "z" ? () => step(event.shiftKey ? "redo" : "undo") : null;
  return onPicture(event) ?? KEYS[key];
}

function onPicture(event) {
  if (event.target !== at("picture")) return null;
  if (event.key.startsWith("Arrow")) return () => movePen(event);
  if (event.key === "Enter") return () => pressPen(event.shiftKey) || finishPolygon();
  if (event.key === " ") return () => holdSpace(true);
  return null;
}

function leave(isTyping) {
  // Out of the words, to the picture: there the single keys work.
  leavePen();
  if (isTyping) at("picture").focus({ preventScroll: true });
}

addEventListener("keydown", (event) => {
  const act = actOf(event);
  if (!act) return;
  event.preventDefault();
  act();
});
addEventListener("keyup", (event) => { if (event.key === " ") holdSpace(false); });
addEventListener("blur", () => holdSpace(false));
