// What the prompt did: the pseudo-image, and the masks for an empty and a contradictory prompt.

import { draw } from "./label.js";

const at = (id) => document.getElementById(id);
let last = "";  // what the two masks are of, as they stand

// What the evidence is of.
export const asked = (label) => label && `${label.model}|${label.prompt}`;

export function showEvidence(state, label, threshold) {
  // Of the chosen label alone: another prompt, model or picture takes it away.
  if (state.evidence?.of !== asked(label)) state.evidence = null;
  if (label?.pseudo) draw(at("pseudo"), label.pseudo, []);
  else clear(at("pseudo"));
  at("opposite-words").textContent = state.evidence?.caption ?? "contradictory prompt";
  const shown = state.evidence && [state.evidence.of, state.number, threshold, label.colour];
  const drawn = shown ? shown.join("|") : "";
  if (drawn === last) return;  // every step of a stroke comes by here
  last = drawn;
  for (const [i, id] of ["empty", "opposite"].entries()) {
    const probability = state.evidence?.probabilities[i];
    if (!probability) {
      clear(at(id));
      continue;
    }
    const mask = probability.map((value) => (value > 255 * threshold ? 1 : 0));
    draw(at(id), state.bitmap, [{ mask, colour: label.colour }]);
  }
}

function clear(canvas) { canvas.width = canvas.width; }  // setting a canvas's width empties it
