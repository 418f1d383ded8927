// The one view of this page, its buttons, and which grey values are black and white.

import { at, show, state, whenChanged } from "./state.js";
import { View } from "./view.js";

export const view = new View(at("drop"), at("below"), at("above"), at("picture"));

const KEPT_TONES = new Map();  // kind of picture → tone, where it is carried to the next one
const kindOf = (picture) => `${picture.isGrey}|${picture.isDeep}|${picture.offset}|${picture.step}`;

export function showPicture(picture) {
  const keeps = at("keep-view").checked;
  const tone = picture && keeps && KEPT_TONES.get(kindOf(picture));
  if (tone) Object.assign(picture, { tone: { ...tone.tone }, brightness: tone.brightness });
  view.show(picture, keeps);
  fillWindows(picture);
  showTone();
}

// ---- tone

function changeTone(tone) {
  const { picture } = state;
  if (!picture) return;
  if (picture.isGrey) picture.tone = { low: tone.low, high: Math.max(tone.high, tone.low + 1) };
  const { tone: kept, brightness } = picture;
  KEPT_TONES.set(kindOf(picture), { tone: { ...kept }, brightness });
  showTone();
  view.redraw();
}

// Across: a wider window; down: a darker picture, as in a viewer of a clinic.
export function dragTone(dx, dy) {
  const { picture } = state;
  if (!picture) return;
  if (!picture.isGrey) return brighten(picture.brightness - dy / 200);
  const { low, high } = picture.tone;
  const reach = (picture.full.high - picture.full.low) / 400;
  const middle = (low + high) / 2 + dy * reach;
  const width = Math.max(1, high - low + dx * reach);
  changeTone({ low: middle - width / 2, high: middle + width / 2 });
}

function brighten(share) {
  if (!state.picture) return;
  state.picture.brightness = Math.min(3, Math.max(0.2, share));
  changeTone({});
}

function windowsOf(picture) {
  if (!picture.isGrey) return [];
  const { full, isDeep, windows } = picture;
  const eight = { name: "As stored", low: 0, high: 255 };
  return [...windows, ...(isDeep ? [] : [eight]), { name: "Full range", ...full }];
}

function fillWindows(picture) {
  const named = picture ? windowsOf(picture) : [];
  const options = named.map(({ name }, i) => new Option(name, i));
  at("window").replaceChildren(...options, new Option("By hand", ""));
}

function showTone() {
  const { picture } = state;
  at("tone-grey").hidden = !picture?.isGrey;
  at("tone-colour").hidden = !picture || picture.isGrey;
  if (!picture) return;
  const { tone, full, offset, step } = picture;
  const named = windowsOf(picture);
  const chosen = named.findIndex(({ low, high }) => low === tone.low && high === tone.high);
  at("window").value = chosen < 0 ? "" : String(chosen);
  const reach = full.high - full.low;
  at("level").value = String(100 * ((tone.low + tone.high) / 2 - full.low) / reach);
  at("width").value = String(100 * (tone.high - tone.low) / reach);
  const shown = [tone.low, tone.high].map((value) => Math.round(offset + step * value));
  at("tone").textContent = `${shown[0]} to ${shown[1]}`;
  at("brightness").value = String(100 * picture.brightness);
}

function toneOfSliders() {
  const { full } = state.picture;
  const reach = (full.high - full.low) / 100;
  const middle = full.low + Number(at("level").value) * reach;
  const half = Math.max(1, Number(at("width").value) * reach) / 2;
  changeTone({ low: middle - half, high: middle + half });
}

// ---- buttons

export const ZOOMS = {
  closer: () => view.zoom(1.25),
  farther: () => view.zoom(0.8),
  fit: () => view.fit(),
  actual: () => view.actual(),
};
for (const [id, act] of Object.entries(ZOOMS)) at(id).addEventListener("click", act);
view.whenMoved = () => {
  at("zoom").textContent = `${Math.round(100 * view.scale)} %`;
  // At the picture's sides, or the frame's where the picture goes on beyond it.
  const right = view.x + view.picture.width * view.scale;
  at("side-left").style.left = `${Math.max(0, view.x) / view.ratio + 8}px`;
  at("side-right").style.right = `${Math.max(0, view.width - right) / view.ratio + 8}px`;
};
for (const id of ["level", "width"]) at(id).addEventListener("input", toneOfSliders);
at("brightness").addEventListener("input", () => brighten(at("brightness").value / 100));
at("window").addEventListener("change", () => {
  const chosen = windowsOf(state.picture)[at("window").value];
  if (chosen) changeTone(chosen);
});
for (const id of ["opacity", "contour"]) at(id).addEventListener("input", show);

whenChanged(() => {
  const { picture } = state;
  at("hint").hidden = Boolean(picture);
  view.opacity = Number(at("opacity").value);
  view.contour = at("contour").checked;
  view.masks = picture ? state.labels.filter((label) => !label.isHidden) : [];
  view.redrawMasks();
  at("opacity-value").textContent = view.opacity.toFixed(2);
  // Which side is the patient's, where that is known.
  const [towards] = at("orientation").value || picture?.orientation || "";
  const sides = { L: ["R", "L"], R: ["L", "R"] }[towards] ?? ["", ""];
  ["side-left", "side-right"].forEach((id, i) => { at(id).textContent = sides[i]; });
});
