// Pictures and answers, made before they are asked for: the next picture is there at once.

import { pictureOf } from "./files.js";
import * as service from "./service.js";
import { at } from "./state.js";

const MOST = 3;  // pictures and answers that are held; one of 12 megapixels takes some 60 MB
const pictures = new Map();
const answers = new Map();

function remember(map, key, made) {
  map.delete(key);
  map.set(key, made);
  // What failed is asked for again.
  made.catch(() => { if (map.get(key) === made) map.delete(key); });
  while (map.size > MOST) map.delete(map.keys().next().value);
  return made;
}

export const picture = (file) =>
  pictures.get(file) ?? remember(pictures, file, pictureOf(file));

export function question(file, prompts, model) {
  const orientation = at("orientation").value;
  return { file, prompts, model, orientation };
}

const keyOf = ({ file, ...rest }) => `${numberOf(file)}|${JSON.stringify(rest)}`;
const numbers = new WeakMap();
let counted = 0;
function numberOf(file) {
  if (!numbers.has(file)) numbers.set(file, ++counted);
  return numbers.get(file);
}

// The answer, with its pictures decoded.
export function answer(asked, signal) {
  const key = keyOf(asked);
  // What is broken off is no answer to who asks the same right after.
  signal?.addEventListener("abort", () => answers.delete(key));
  return answers.get(key) ?? remember(answers, key, answered(asked, signal));
}

async function answered({ file, prompts, model, orientation }, signal) {
  const fields = { prompt: prompts, model, include: ["probability", "pseudo_image"] };
  const asked = orientation ? { ...fields, orientation } : fields;
  const found = await service.segment(file, asked, signal);
  return { ...found, drawn: await Promise.all(found.results.map(picturesOf)) };
}

const picturesOf = async (result) => ({
  probability: await service.greys(result.probability_png),
  pseudo: result.pseudo_image_png ? await service.bitmapOf(result.pseudo_image_png) : null,
});

export function forget() {
  pictures.clear();
  answers.clear();
}

// Only what the model says of it, without pictures.
export function facts(file, prompts, model) {
  return service.segment(file, { prompt: prompts, model });
}
