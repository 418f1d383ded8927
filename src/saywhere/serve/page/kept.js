// Whether a label's mask is on the server's disk as it stands.

import { at } from "./state.js";

// What a mask was made from; nothing of a whole one is the model's.
export function signature(label) {
  const of = label.isWhole ? [] : [at("threshold").value, label.model];
  return JSON.stringify([label.prompt, label.version, ...of]);
}

export const isKept = (label) => label.keptAs === signature(label);

// Work that would be lost: painting, and changes of what was kept.
export const isAtRisk = (label) => !isKept(label) && (label.isCorrected || label.keptAs !== null);
