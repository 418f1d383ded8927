// The page: pictures, prompts, masks, corrections. State is in `state`; `show` draws all of it.
// Long because every part reads and changes that one state.

import { asked, showEvidence } from "./evidence.js";
import { COLOURS, Label, doubts, draw, png } from "./label.js";
import * as service from "./service.js";

const at = (id) => document.getElementById(id);
const WAIT_MS = 120;  // after the last key, before the prompts are sent
// What belongs to one picture: another picture begins with it anew.
const nothingDrawn = () => ({
  bitmap: null, image: null, labels: [], chosen: 0, stroke: null, known: new Map(), recalled: null,
  evidence: null,
});
const state = {
  ...nothingDrawn(), files: [], number: 0, tool: "brush", models: [], limits: null, keeps: false,
  asking: null, done: new Set(),
};

async function start() {
  at("who").value = sessionStorage.getItem("who") ?? "";  // a reload forgets nobody
  try {
    const { models, limits, keeps, takes_references: takes } = await service.models();
    Object.assign(state, { models, limits, keeps });
    at("archive").hidden = !takes;
    at("model").replaceChildren(...models.map((model) => new Option(titleOf(model), model.name)));
    takeModel();
    tellKept((await service.kept()).n_kept);
    countDone(state.files);  // of a folder that was opened before the server answered
  } catch (error) { tell(error.message); }
}

const titleOf = (model) => `${model.name} (${model.network}, ${model.size_px} px)`;
const modelNamed = (name) => state.models.find((model) => model.name === name);

function takeModel() {
  const model = modelNamed(at("model").value);
  at("suggestions").replaceChildren(...model.suggestions.map((text) => new Option(text)));
  at("threshold").value = model.threshold;
  at("whose").textContent = !model.hears_words ? "" : model.frame ? `Left means the ${model.left}.` : "Whose left this model knows is not stated.";
  segment();
}

// ---- pictures

async function open(files) {
  const are = await Promise.all([...files].map(isPicture));
  const pictures = [...files].filter((_, i) => are[i])
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  if (!pictures.length) {
    return tell(
      "No picture among these files. PNG, JPEG, TIFF, BMP, GIF, WebP, DICOM and NIfTI are read.",
    );
  }
  await begin(pictures);
}

async function isPicture(file) {
  if (/\.(png|jpe?g|tiff?|bmp|gif|webp|dcm|nii|nii\.gz)$/i.test(file.name)) return true;
  // Archives name DICOM files as they like: what counts is the mark behind the preamble.
  try {
    return await file.slice(128, 132).text() === "DICM";
  } catch {
    return false;  // a folder that was dropped
  }
}

async function begin(pictures) {
  if (!mayLeave()) return;
  Object.assign(state, { files: pictures, number: 0, done: new Set() });
  countDone(pictures);
  await go(0);
}

async function countDone(files) {
  // Those of a folder that something was kept for, be it before a reload. They are known by their
  // digests, as on the server; a browser gives digests on loopback and over HTTPS only.
  if (!files.length || !state.keeps || !crypto.subtle) return;
  try {
    const kept = new Set((await service.kept()).images);
    for (const file of kept.size ? files : []) {
      const digest = await digestOf(file);
      if (state.files !== files) return;  // other files were opened meanwhile
      if (kept.has(digest)) state.done.add(file);
    }
    show();
  } catch (error) { tell(error.message); }
}

async function digestOf(file) {
  try {
    return hexadecimal(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  } catch {
    return "";  // a file that cannot be read is none
  }
}

async function go(number) {
  if (number < 0 || number >= state.files.length) return;
  state.asking?.abort();  // an answer for the picture before would come too late
  const file = state.files[number];
  Object.assign(state, nothingDrawn(), { number });
  const prompts = at("prompt").value;
  let bitmap;
  try {
    bitmap = await bitmapOfFile(file);
  } catch (error) { tell(error.message); show(); return; }
  if (state.files[state.number] !== file) return;  // another picture was asked for meanwhile
  state.bitmap = bitmap;
  tell("");
  at("picture").setAttribute("aria-label", `Picture ${number + 1} of ${state.files.length}`);
  await segment();
  const isRecalled = state.files[state.number] === file && await recall(file);
  // Prompts that were typed meanwhile are not replaced.
  if (isRecalled && at("prompt").value === prompts) {
    at("prompt").value = [...state.recalled.keys()].join("\n");
    await segment();
  }
}

async function recall(file) {
  // What was kept for this picture, before a reload or a picture ago: is there any?
  if (!state.keeps || !state.image) return false;
  try {
    const { rows } = await service.kept(state.image);
    const maskOf = async (row) => [row.prompt, await service.greys(row.mask_png)];
    const masks = await Promise.all(rows.map(maskOf));
    if (state.files[state.number] !== file) return false;
    state.recalled = new Map(masks);
    if (rows.length) state.done.add(file);
    return rows.length > 0;
  } catch (error) { tell(error.message); return false; }
}

async function bitmapOfFile(file) {
  if (file.reference) return bitmapByServer(file);
  const most = state.limits?.file_bytes;
  // A server that refuses so much hangs up, and a browser cannot read why.
  if (file.size > most) throw tooLarge("file", megabytes(file.size), megabytes(most));
  let bitmap;
  try {
    // Upright, as the service reads it.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return bitmapByServer(file);  // a TIFF, or of a clinic
  }
  const { width, height } = bitmap;
  const limit = state.limits?.pixels;
  if (width * height > limit) {
    throw tooLarge("picture", `${width} × ${height} pixels`, limit.toLocaleString("en"));
  }
  return bitmap;
}

async function bitmapByServer(file) {
  const answer = await service.segment(file, [""], at("model").value, ["image"]);
  return service.bitmapOf(answer.image_png);
}

const tooLarge = (what, size, most) =>
  new Error(`This ${what} has ${size}; at most ${most} are taken: make the image smaller.`);

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
// Of a mask: what it was made from.
const signature = (label) =>
  [label.version, label.isWhole ? "" : at("threshold").value, label.model].join("|");
const isKept = (label) => label.keptAs === signature(label);
const isAtRisk = (label) => label.isCorrected && !isKept(label);
const isCorrected = () => [...state.known.values()].some(isAtRisk);
const mayLeave = () =>
  !isCorrected() || confirm("Corrections that were not kept will be lost. Go on?");

// ---- prompts

let timer = null;
function typed() { clearTimeout(timer); timer = setTimeout(segment, WAIT_MS); }

async function segment() {
  if (!state.bitmap) return show();
  state.asking?.abort();
  const asking = new AbortController();
  state.asking = asking;
  const model = at("model").value;
  const known = state.known;
  const file = state.files[state.number];
  const include = ["probability", "pseudo_image"];
  try {
    const answer = await service.segment(file, promptsTyped(), model, include, asking.signal);
    const [height, width] = answer.size;
    const drawn = await Promise.all(answer.results.map(picturesOf));
    if (asking.signal.aborted) return;
    const chosen = state.labels[state.chosen];
    state.image = answer.image_sha256;
    state.labels = answer.results.map((facts, i) => {
      // What was painted for this prompt stays, however often it is retyped.
      const label = known.get(facts.prompt) ?? new Label(facts.prompt, width, height);
      Object.assign(label, { facts, model, colour: COLOURS[i % COLOURS.length], ...drawn[i] });
      known.set(facts.prompt, label);
      takeRecalled(label, width * height);
      return label;
    });
    const place = state.labels.indexOf(chosen);  // a line above it may have come or gone
    state.chosen = place >= 0 ? place : Math.min(state.chosen, state.labels.length - 1);
    tell(doubts(state.labels, modelNamed(model)?.hears_words));
  } catch (error) { if (error.name !== "AbortError") tell(error.message); }
  show();
}

function promptsTyped() {
  // One a line, each once; without any, the model marks what it marks by itself.
  const lines = at("prompt").value.split("\n").map((line) => line.trim()).filter(Boolean);
  return lines.length ? [...new Set(lines)] : [""];
}

const picturesOf = async (result) => ({
  probability: await service.greys(result.probability_png),
  pseudo: result.pseudo_image_png ? await service.bitmapOf(result.pseudo_image_png) : null,
});

function takeRecalled(label, nPixels) {
  // A mask that was kept earlier takes the model's place, but never that of newer work.
  const mask = state.recalled?.get(label.prompt);
  if (mask?.length !== nPixels || label.isCorrected || label.keptAs) return;
  label.cover(mask);
  label.keptAs = signature(label);
}

async function askOthers() {
  const label = state.labels[state.chosen];
  const bitmap = state.bitmap;
  const file = state.files[state.number];
  const of = asked(label);
  at("ask").disabled = true;
  try {
    const { prompt: other } = await service.opposite(label.prompt);
    const prompts = other === null ? [""] : ["", other];
    const answer = await service.segment(file, prompts, label.model, ["probability"]);
    const greysOf = (result) => service.greys(result.probability_png);
    const probabilities = await Promise.all(answer.results.map(greysOf));
    // Another picture or label may have been chosen meanwhile.
    if (state.bitmap !== bitmap || asked(state.labels[state.chosen]) !== of) return;
    const caption = other === null ? "nothing to contradict" : `“${other}”`;
    state.evidence = { of, probabilities, caption };
  } catch (error) { tell(error.message); }
  show();
}

// ---- corrections

function pointAt(event) {
  const canvas = at("picture");
  const box = canvas.getBoundingClientRect();
  // The stylesheet says object-fit: contain, so there may be margins around the picture.
  const scale = Math.min(box.width / canvas.width, box.height / canvas.height);
  const left = (box.width - canvas.width * scale) / 2;
  const top = (box.height - canvas.height * scale) / 2;
  return {
    x: (event.clientX - box.left - left) / scale - 0.5,
    y: (event.clientY - box.top - top) / scale - 0.5,
    // A smaller radius could pass between the pixels' centres and paint nothing.
    radius: Math.max(Math.SQRT1_2, at("size").value / scale / 2),
  };
}

function strokeTo(event) {
  const { label, from } = state.stroke;
  const point = pointAt(event);
  // An answer to another prompt came meanwhile: its mask took no stroke that could be undone.
  if (label !== state.labels[state.chosen]) return endStroke();
  label.line(from, point, point.radius, state.tool === "brush" ? 1 : 2);
  state.stroke = { label, from: point };
  show();
}

const endStroke = () => { state.stroke = null; };

async function keepAll() {
  // As they are now: the next picture may come meanwhile.
  const threshold = at("threshold").value;
  const who = at("who").value;
  const image = state.files[state.number];
  const work = state.labels.filter((label) => !isKept(label)).map((label) => ({
    label,
    as: signature(label),
    mask: label.mask(threshold),
    suggested: label.suggested(threshold),
  }));
  at("keep").disabled = true;
  try {
    for (const { label, as, mask, suggested } of work) {
      // A failed act is tried again under its key; another mask has another.
      if (label.keyFor !== as) Object.assign(label, { key: newKey(), keyFor: as });
      const { prompt, key, model, width, height } = label;
      const answer = await service.keep({
        ...service.source(image),
        mask: await png(mask, width, height),
        suggested: await png(suggested, width, height),
        prompt,
        key,
        who,
        model,
      });
      label.keptAs = as;
      state.done.add(image);
      tellKept(answer.n_kept);
    }
    tell("");
  } catch (error) { tell(`Not kept: ${error.message}`); }
  show();
}

const hexadecimal = (bytes) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const newKey = () => hexadecimal(crypto.getRandomValues(new Uint8Array(16)));

// ---- drawing

function tell(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

function tellKept(n) {
  const advice = "This server keeps nothing: start it with --store DIR.";
  at("kept").textContent = state.keeps ? `${n} kept so far` : advice;
}

function show() {
  const threshold = at("threshold").value;
  const label = state.labels[state.chosen];
  const has = Boolean(state.bitmap);
  at("threshold-value").textContent = Number(threshold).toFixed(2);
  at("opacity-value").textContent = Number(at("opacity").value).toFixed(2);
  at("hint").hidden = has;
  at("picture").classList.toggle("has", has);
  if (has) drawMasks(threshold);
  showEvidence(state, label, threshold);
  for (const tool of ["brush", "eraser"]) {
    at(tool).setAttribute("aria-pressed", state.tool === tool);
  }
  at("undo").disabled = !label?.past.length;
  at("redo").disabled = !label?.future.length;
  at("keep").disabled = !state.keeps || !label || state.labels.every(isKept);
  at("ask").disabled = !label || !label.pseudo;
  at("place").textContent = placeInWords();
  at("previous").disabled = state.number <= 0;
  at("next").disabled = state.number >= state.files.length - 1;
  at("labels").replaceChildren(...state.labels.map((each, i) => entry(each, i, threshold)));
}

function drawMasks(threshold) {
  const masks = state.labels.map((label) => ({
    mask: label.mask(threshold),
    colour: label.colour,
  }));
  const style = { opacity: Number(at("opacity").value), contour: at("contour").checked };
  draw(at("picture"), state.bitmap, masks, style);
}

function placeInWords() {
  if (!state.files.length) return "no picture";
  const nKept = state.done.size ? `, ${state.done.size} kept` : "";
  return `${state.number + 1} of ${state.files.length}${nKept}`;
}

function entry(label, number, threshold) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const swatch = span("swatch", "");
  swatch.style.background = `rgb(${label.colour})`;
  button.type = "button";
  button.setAttribute("aria-pressed", number === state.chosen);
  button.append(swatch, span("words", label.prompt || "(empty prompt)"));
  button.append(span("facts", factsOf(label, threshold)));
  button.addEventListener("click", () => { state.chosen = number; show(); });
  item.append(button);
  return item;
}

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function factsOf(label, threshold) {
  const area = label.mask(threshold).reduce((sum, value) => sum + value, 0);
  const share = `${(100 * area / label.probability.length).toFixed(1)} %`;
  const isAsLearned = Number(threshold) === modelNamed(label.model)?.threshold;
  const work = label.isCorrected ? "corrected" : "";
  const facts = [share, label.howGood(isAsLearned), isKept(label) ? "kept" : work];
  return facts.filter(Boolean).join(" · ");
}

function takeOver(sentence) {
  // Into the line where the cursor is: the other lines are other labels.
  const box = at("prompt");
  const lines = box.value.split("\n");
  lines[box.value.slice(0, box.selectionStart).split("\n").length - 1] = sentence;
  box.value = lines.join("\n");
}

// ---- wiring

const choose = (tool) => { state.tool = tool; show(); };
const turn = (act) => () => {
  const label = state.labels[state.chosen];
  // First: what moved on after it would be part of no stroke.
  endStroke();
  if (!label) return;
  label[act]();
  show();
};
const [back, forth] = [turn("undo"), turn("redo")];
const step = (by) => { if (mayLeave()) go(state.number + by); };
const resize = (by) => { at("size").value = Number(at("size").value) + by; };
const KEYS = {
  b: () => choose("brush"),
  e: () => choose("eraser"),
  c: () => at("contour").click(),
  n: () => step(1),
  p: () => step(-1),
  "[": () => resize(-3),
  "]": () => resize(3),
};
const CLICKS = {
  brush: KEYS.b, eraser: KEYS.e, undo: back, redo: forth, keep: keepAll, ask: askOthers,
  previous: KEYS.p, next: KEYS.n,
};

for (const id of ["open", "folder"]) {
  at(id).addEventListener("change", (event) => open(event.target.files));
}
at("archive").addEventListener("submit", (event) => {
  event.preventDefault();
  begin([{ reference: at("reference").value.trim() }]);
});
at("prompt").addEventListener("input", typed);
at("model").addEventListener("change", takeModel);
at("who").addEventListener("input", () => sessionStorage.setItem("who", at("who").value));
at("suggestion").addEventListener("change", (event) => {
  if (!event.target.value) return;
  takeOver(event.target.value);
  event.target.value = "";
  segment();
});
for (const id of ["threshold", "opacity", "contour"]) at(id).addEventListener("input", show);
for (const [id, act] of Object.entries(CLICKS)) at(id).addEventListener("click", act);

at("picture").addEventListener("pointerdown", (event) => {
  const label = state.labels[state.chosen];
  if (!label || event.button) return;
  at("picture").setPointerCapture(event.pointerId);
  label.beginStroke();
  state.stroke = { label, from: pointAt(event) };
  strokeTo(event);
});
at("picture").addEventListener("pointermove", (event) => { if (state.stroke) strokeTo(event); });
for (const name of ["pointerup", "pointercancel"]) {
  at("picture").addEventListener(name, endStroke);
}

const TEXT_FIELDS = "textarea, select, input:not([type=range]):not([type=checkbox])";

function actOf(event) {
  // What a key does; nothing of it is taken from somebody who types, but for saving.
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && key === "s") return () => at("keep").click();
  if (event.target.matches(TEXT_FIELDS)) return null;
  if (isCommand) return key === "z" ? (event.shiftKey ? forth : back) : null;
  return event.altKey ? null : KEYS[key];
}

addEventListener("keydown", (event) => {
  const act = actOf(event);
  if (!act) return;
  event.preventDefault();
  act();
});
for (const name of ["dragover", "dragleave", "drop"]) {
  at("drop").addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") open(event.dataTransfer.files);
  });
}
addEventListener("beforeunload", (event) => { if (isCorrected()) event.preventDefault(); });

start();
