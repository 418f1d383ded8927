// What the prompt did: the pseudo-image, and the masks for an empty and a contradictory prompt.

import * as service from "./service.js";
import { at, fileNow, labelNow, show, state, tell, whenChanged } from "./state.js";

const SIDE = 320;  // pixels of the longer side
let last = "";  // what the two masks are of, as they stand

// What the evidence is of.
const asked = (label) => label && `${label.model}|${label.prompt}`;

export async function askOthers() {
  const label = labelNow();
  const { picture } = state;
  const of = asked(label);
  at("ask").disabled = true;
  try {
    const { prompt: other } = await service.opposite(label.prompt);
    const prompt = other === null ? [""] : ["", other];
    const fields = { prompt, model: label.model, include: ["probability"] };
    const answer = await service.segment(fileNow(), fields);
    const greysOf = (result) => service.greys(result.probability_png);
    const probabilities = await Promise.all(answer.results.map(greysOf));
    // Another picture or label may have been chosen meanwhile.
    if (state.picture !== picture || asked(labelNow()) !== of) return;
    const caption = other === null ? "nothing to contradict" : `“${other}”`;
    state.evidence = { of, probabilities, caption };
  } catch (error) { tell(error.message); }
  show();
}

whenChanged(() => {
  const label = labelNow();
  const threshold = at("threshold").value;
  // Of the chosen label alone: another prompt, model or picture takes it away.
  if (state.evidence?.of !== asked(label)) state.evidence = null;
  at("ask").disabled = !label?.pseudo;
  if (label?.pseudo) put(at("pseudo"), label.pseudo);
  else clear(at("pseudo"));
  at("opposite-words").textContent = state.evidence?.caption ?? "contradictory prompt";
  const shown = state.evidence && [state.evidence.of, state.number, threshold, label.colour];
  const drawn = shown ? shown.join("|") : "";
  if (drawn === last) return;  // every step of a stroke comes by here
  last = drawn;
  for (const [i, id] of ["empty", "opposite"].entries()) {
    const probability = state.evidence?.probabilities[i];
    if (probability) drawMask(at(id), probability, 255 * threshold, label.colour);
    else clear(at(id));
  }
});

function put(canvas, image) {
  Object.assign(canvas, { width: image.width, height: image.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context;
}

function drawMask(canvas, probability, cut, colour) {
  const { picture } = state;
  const context = put(canvas, picture.thumbnail(SIDE));
  const { width, height } = canvas;
  const image = context.getImageData(0, 0, width, height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y + 0.5) * picture.height / height) * picture.width;
    for (let x = 0; x < width; x++) {
      if (probability[row + Math.floor((x + 0.5) * picture.width / width)] <= cut) continue;
      for (let i = 0; i < 3; i++) {
        const place = 4 * (y * width + x) + i;
        image.data[place] = (image.data[place] + colour[i]) / 2;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

function clear(canvas) { canvas.width = canvas.width; }  // setting a canvas's width empties it
