// Pointers and the wheel: one finger or the left button for the tool, two fingers, the middle button
// or the space bar to move, the right button for the window.

import { at, labelNow, state } from "./state.js";
import { dragTone, view } from "./stage.js";
import { finishPolygon, tool } from "./tools.js";

const frame = at("drop");
const fingers = new Map();
let drag = null;  // "tool", "pan" or "tone", while a pointer is down
let last = null;
let isSpaceDown = false;
let pen = null;  // where the keys' cross is, in pixels of the frame
let isPenDown = false;

function down(event) {
  if (!state.picture || event.target.closest("button, select")) return;
  frame.setPointerCapture(event.pointerId);
  at("picture").focus({ preventScroll: true });
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  hidePen();
  if (fingers.size > 1) {
    // Two fingers never paint: what the first one began is taken back.
    if (drag === "tool") tool().cancel();
    drag = "pinch";
    return;
  }
  last = { x: event.clientX, y: event.clientY };
  if (event.button === 1 || isSpaceDown) drag = "pan";
  else if (event.button === 2) drag = "tone";
  else if (event.button === 0 && labelNow()) {
    drag = "tool";
    tool().down(view.pointAt(event.clientX, event.clientY));
  }
  event.preventDefault();
}

function move(event) {
  showCursor(event);
  const finger = fingers.get(event.pointerId);
  if (!finger) return hover(event);
  if (drag === "pinch") return pinch(event, finger);
  Object.assign(finger, { x: event.clientX, y: event.clientY });
  const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
  last = { ...finger };
  if (drag === "pan") view.pan(dx, dy);
  if (drag === "tone") dragTone(dx, dy);
  if (drag === "tool") tool().move(view.pointAt(event.clientX, event.clientY));
}

function hover(event) {
  if (state.picture && state.tool === "polygon") {
    tool().move(view.pointAt(event.clientX, event.clientY));
  }
}

function pinch(event, finger) {
  const before = spread();
  Object.assign(finger, { x: event.clientX, y: event.clientY });
  const after = spread();
  view.pan(after.x - before.x, after.y - before.y);
  if (before.reach > 0) view.zoom(after.reach / before.reach, after.x, after.y);
}

function spread() {
  const [a, b = a] = [...fingers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, reach: Math.hypot(a.x - b.x, a.y - b.y) };
}

function up(event) {
  if (!fingers.delete(event.pointerId)) return;
  const isCancelled = event.type === "pointercancel";
  if (drag === "tool" && isCancelled) tool().cancel();
  else if (drag === "tool") tool().up(view.pointAt(event.clientX, event.clientY));
  // The finger that is left of two draws nothing either.
  if (!fingers.size) drag = null;
}

function showCursor(event) {
  const isBrush = ["brush", "eraser"].includes(state.tool) && event.pointerType !== "touch";
  const cursor = at("cursor");
  cursor.hidden = !isBrush || !labelNow() || drag === "pan" || drag === "tone";
  if (!cursor.hidden) placeCursor(event.clientX, event.clientY);
}

function placeCursor(clientX, clientY) {
  const box = frame.getBoundingClientRect();
  const size = Number(at("size").value);
  Object.assign(at("cursor").style, {
    width: `${size}px`, height: `${size}px`,
    left: `${clientX - box.left - frame.clientLeft}px`,
    top: `${clientY - box.top - frame.clientTop}px`,
  });
}

// ---- the same by keys: a cross that the arrows move, and Enter for the press

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function movePen(event) {
  const by = ARROWS[event.key];
  if (!by || !state.picture) return false;
  const step = event.shiftKey ? Math.max(1, 1 / view.pixels(1)) : 10;
  pen ??= { x: frame.clientWidth / 2, y: frame.clientHeight / 2 };
  pen.x = Math.min(frame.clientWidth - 1, Math.max(0, pen.x + by[0] * step));
  pen.y = Math.min(frame.clientHeight - 1, Math.max(0, pen.y + by[1] * step));
  at("cross").hidden = false;
  Object.assign(at("cross").style, { left: `${pen.x}px`, top: `${pen.y}px` });
  if (isPenDown || state.tool === "polygon") tool().move(penPoint());
  return true;
}

function penPoint() {
  const box = frame.getBoundingClientRect();
  return view.pointAt(box.left + frame.clientLeft + pen.x, box.top + frame.clientTop + pen.y);
}

// Down, and up at the second press: the arrows draw between them.
export function pressPen(isShift) {
  if (!pen || !labelNow()) return false;
  if (state.tool === "polygon" && isShift) return finishPolygon();
  isPenDown = !isPenDown && !["polygon", "only", "drop-part"].includes(state.tool);
  const wasDown = at("cross").classList.contains("down");
  if (wasDown) tool().up(penPoint());
  else tool().down(penPoint());
  at("cross").classList.toggle("down", isPenDown);
  return true;
}

export function leavePen() {
  const wasBusy = isPenDown || !at("cross").hidden;
  hidePen();
  tool().cancel();
  return wasBusy;
}

function hidePen() {
  if (isPenDown) tool().cancel();
  isPenDown = false;
  pen = null;
  at("cross").hidden = true;
  at("cross").classList.remove("down");
}

export function holdSpace(isDown) {
  isSpaceDown = isDown;
  frame.classList.toggle("panning", isDown);
}

frame.addEventListener("pointerdown", down);
frame.addEventListener("pointermove", move);
for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, up);
frame.addEventListener("pointerleave", () => { at("cursor").hidden = true; });
frame.addEventListener("contextmenu", (event) => { if (state.picture) event.preventDefault(); });
frame.addEventListener("dblclick", () => finishPolygon());
frame.addEventListener("wheel", (event) => {
  if (!state.picture) return;
  event.preventDefault();
  // A pinch on a touch pad comes as a wheel with Ctrl, in small steps.
  view.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX, event.clientY);
}, { passive: false });
