// What the prompt did: the pseudo-image, and the masks for an empty and a contradictory prompt.

import { draw } from "./label.js";

const at = (id) => document.getElementById(id);
let last = "";  // what the two masks are of, as they stand

export const asked = (label) => label && `${label.model}|${label.prompt}`;  // what the evidence is of

export function showEvidence(state, label, threshold) {
  // of the chosen label alone: other words, another model or picture take it away
  if (state.evidence?.of !== asked(label)) state.evidence = null;
  if (label?.pseudo) draw(at("pseudo"), label.pseudo, []); else clear(at("pseudo"));
  at("opposite-words").textContent = state.evidence?.words ?? "contradictory prompt";
  const drawn = state.evidence ? [state.evidence.of, state.number, threshold, label.colour].join("|") : "";
  if (drawn === last) return;  // every step of a stroke comes by here
  last = drawn;
  for (const [i, id] of ["empty", "opposite"].entries()) {
    const probability = state.evidence?.probabilities[i];
    if (probability) draw(at(id), state.bitmap, [{ mask: probability.map((value) => (value > 255 * threshold ? 1 : 0)), colour: label.colour }]);
    else clear(at(id));
  }
}

function clear(canvas) { canvas.width = canvas.width; }  // setting a canvas's width empties it
