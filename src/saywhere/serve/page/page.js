// The page: pictures, words, masks, corrections. State is in `state`; `show` draws all of it.

import { asked, showEvidence } from "./evidence.js";
import { COLOURS, Label, doubts, draw, png } from "./label.js";
import * as service from "./service.js";

const at = (id) => document.getElementById(id);
const WAIT_MS = 120;  // after the last key, before the words are sent
const state = { files: [], number: 0, bitmap: null, labels: [], chosen: 0, tool: "brush", models: [], limits: null, keeps: false, asking: null, image: null, stroke: null, known: new Map(), recalled: null, done: new Set(), evidence: null };

async function start() {
  at("who").value = sessionStorage.getItem("who") ?? "";  // a reload forgets nobody
  try {
    const found = await service.models();
    Object.assign(state, { models: found.models, limits: found.limits, keeps: found.keeps });
    at("model").replaceChildren(...found.models.map((model) => new Option(`${model.name} (${model.network}, ${model.size_px} px)`, model.name)));
    takeModel();
    tellKept((await service.kept()).n_kept);
    countDone(state.files);  // of a folder that was opened before the server answered
  } catch (error) { tell(error.message); }
}

const modelNamed = (name) => state.models.find((model) => model.name === name);

function takeModel() {
  const model = modelNamed(at("model").value);
  at("suggestions").replaceChildren(...model.suggestions.map((text) => new Option(text)));
  at("threshold").value = model.threshold;
  segment();
}

// ---- pictures

async function open(files) {
  const pictures = [...files].filter((file) => /\.(png|jpe?g|tiff?|bmp)$/i.test(file.name)).sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  if (!pictures.length) return tell("No picture among these files. PNG, JPEG, TIFF, BMP, GIF and WebP are read.");
  if (!mayLeave()) return;
  Object.assign(state, { files: pictures, number: 0, done: new Set() });
  countDone(pictures);
  await go(0);
}

async function countDone(files) {
  // those of a folder that something was kept for, be it before a reload: known by their digests, as the server does
  if (!files.length || !state.keeps || !crypto.subtle) return;  // a browser gives digests on loopback and over HTTPS only
  try {
    const kept = new Set((await service.kept()).images);
    for (const file of kept.size ? files : []) {
      const digest = await file.arrayBuffer().then((bytes) => crypto.subtle.digest("SHA-256", bytes)).then(hexadecimal, () => "");  // a file that cannot be read is none
      if (state.files !== files) return;  // other files were opened meanwhile
      if (kept.has(digest)) state.done.add(file);
    }
    show();
  } catch (error) { tell(error.message); }
}

async function go(number) {
  if (number < 0 || number >= state.files.length) return;
  state.asking?.abort();  // an answer for the picture before would come too late
  const file = state.files[number];
  Object.assign(state, { number, labels: [], chosen: 0, bitmap: null, image: null, stroke: null, known: new Map(), recalled: null, evidence: null });
  const words = at("prompt").value;
  let bitmap;
  try {
    bitmap = await bitmapOfFile(file);
  } catch (error) { tell(error.message); show(); return; }
  if (state.files[state.number] !== file) return;  // another picture was asked for meanwhile
  state.bitmap = bitmap;
  tell("");
  at("picture").setAttribute("aria-label", `Picture ${number + 1} of ${state.files.length}`);
  await segment();
  if (state.files[state.number] === file && await recall(file) && at("prompt").value === words) {  // words typed meanwhile are not replaced
    at("prompt").value = [...state.recalled.keys()].join("\n");
    await segment();
  }
}

async function recall(file) {
  // what was kept for this picture before a reload, or a picture ago: → is there any?
  if (!state.keeps || !state.image) return false;
  try {
    const { rows } = await service.kept(state.image);
    const masks = await Promise.all(rows.map(async (row) => [row.prompt, await service.greys(row.mask_png)]));
    if (state.files[state.number] !== file) return false;
    state.recalled = new Map(masks);
    if (rows.length) state.done.add(file);
    return rows.length > 0;
  } catch (error) { tell(error.message); return false; }
}

async function bitmapOfFile(file) {
  const most = state.limits?.file_bytes;
  if (file.size > most) throw new Error(`This file has ${megabytes(file.size)}; at most ${megabytes(most)} are taken: make the image smaller.`);  // a server that refuses so much hangs up, and a browser cannot read why
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });  // upright, as the service reads it
  } catch {
    const answer = await service.segment(file, [""], at("model").value, ["image"]);  // a TIFF: the server can read it
    return service.bitmapOf(answer.image_png);
  }
  const { width, height } = bitmap, limit = state.limits?.pixels;
  if (width * height > limit) throw new Error(`This picture has ${width} × ${height} pixels; at most ${limit.toLocaleString("en")} are taken: make the image smaller.`);
  return bitmap;
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const signature = (label) => [label.version, label.isWhole ? "" : at("threshold").value, label.model].join("|");  // of a mask: what it was made from
const isKept = (label) => label.keptAs === signature(label);
const isCorrected = () => [...state.known.values()].some((label) => label.isCorrected && !isKept(label));
const mayLeave = () => !isCorrected() || confirm("Corrections that were not kept will be lost. Go on?");

// ---- words

let timer = null;
function typed() { clearTimeout(timer); timer = setTimeout(segment, WAIT_MS); }

async function segment() {
  if (!state.bitmap) return show();
  state.asking?.abort();
  const asking = state.asking = new AbortController(), model = at("model").value, known = state.known;
  const prompts = at("prompt").value.split("\n").map((line) => line.trim()).filter((line, i, all) => line && all.indexOf(line) === i);
  try {
    const answer = await service.segment(state.files[state.number], prompts.length ? prompts : [""], model, ["probability", "pseudo_image"], asking.signal);
    const [height, width] = answer.size;
    const drawn = await Promise.all(answer.results.map(async (found) => ({
      probability: await service.greys(found.probability_png),
      pseudo: found.pseudo_image_png ? await service.bitmapOf(found.pseudo_image_png) : null,
    })));
    if (asking.signal.aborted) return;
    const chosen = state.labels[state.chosen];
    state.image = answer.image_sha256;
    state.labels = answer.results.map((facts, i) => {
      const before = known.get(facts.prompt), label = before ?? new Label(facts.prompt, width, height);  // what was painted for these words stays, however often they are retyped
      Object.assign(label, { facts, model, colour: COLOURS[i % COLOURS.length], ...drawn[i] });
      known.set(facts.prompt, label);
      const kept = state.recalled?.get(facts.prompt);
      if (kept?.length === width * height && !label.isCorrected && !label.keptAs) { label.cover(kept); label.keptAs = signature(label); }
      return label;
    });
    const place = state.labels.indexOf(chosen);  // a line above it may have come or gone
    state.chosen = place >= 0 ? place : Math.min(state.chosen, state.labels.length - 1);
    tell(doubts(state.labels, modelNamed(model)?.hears_words));
  } catch (error) { if (error.name !== "AbortError") tell(error.message); }
  show();
}

async function askOthers() {
  const label = state.labels[state.chosen], bitmap = state.bitmap, file = state.files[state.number], of = asked(label);
  at("ask").disabled = true;
  try {
    const { prompt: other } = await service.opposite(label.prompt);
    const answer = await service.segment(file, other === null ? [""] : ["", other], label.model, ["probability"]);
    const probabilities = await Promise.all(answer.results.map((found) => service.greys(found.probability_png)));
    if (state.bitmap !== bitmap || asked(state.labels[state.chosen]) !== of) return;  // another picture or label was chosen meanwhile
    state.evidence = { of, probabilities, words: other === null ? "nothing to contradict" : `“${other}”` };
  } catch (error) { tell(error.message); }
  show();
}

// ---- corrections

function pointAt(event) {
  const canvas = at("picture"), box = canvas.getBoundingClientRect();
  const scale = Math.min(box.width / canvas.width, box.height / canvas.height);  // object-fit: contain
  const left = (box.width - canvas.width * scale) / 2, top = (box.height - canvas.height * scale) / 2;
  const radius = Math.max(Math.SQRT1_2, at("size").value / scale / 2);  // a smaller one could pass between the pixels' centres and paint nothing
  return { x: (event.clientX - box.left - left) / scale - 0.5, y: (event.clientY - box.top - top) / scale - 0.5, radius };
}

function strokeTo(event) {
  const { label, from } = state.stroke, point = pointAt(event);
  if (label !== state.labels[state.chosen]) return endStroke();  // an answer to other words came meanwhile: their mask took no stroke that could be undone
  label.line(from, point, point.radius, state.tool === "brush" ? 1 : 2);
  state.stroke = { label, from: point };
  show();
}

const endStroke = () => { state.stroke = null; };

async function keepAll() {
  const threshold = at("threshold").value, who = at("who").value, image = state.files[state.number];  // as they are now: the next picture may come meanwhile
  const work = state.labels.filter((label) => !isKept(label)).map((label) => ({ label, as: signature(label), mask: label.mask(threshold), suggested: label.suggested(threshold) }));
  at("keep").disabled = true;
  try {
    for (const { label, as, mask, suggested } of work) {
      if (label.keyFor !== as) Object.assign(label, { key: newKey(), keyFor: as });  // a failed act is tried again under its key; another mask has another
      const [maskPng, suggestedPng] = await Promise.all([mask, suggested].map((each) => png(each, label.width, label.height)));
      const answer = await service.keep({ image, mask: maskPng, suggested: suggestedPng, prompt: label.prompt, key: label.key, who, model: label.model });
      label.keptAs = as;
      state.done.add(image);
      tellKept(answer.n_kept);
    }
    tell("");
  } catch (error) { tell(`Not kept: ${error.message}`); }
  show();
}

const hexadecimal = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const newKey = () => hexadecimal(crypto.getRandomValues(new Uint8Array(16)));

// ---- drawing

function tell(text) { at("notice").textContent = text; at("notice").hidden = !text; }
function tellKept(n) { at("kept").textContent = state.keeps ? `${n} kept so far` : "This server keeps nothing: start it with --store DIR."; }

function show() {
  const threshold = at("threshold").value, label = state.labels[state.chosen], has = Boolean(state.bitmap);
  at("threshold-value").textContent = Number(threshold).toFixed(2);
  at("opacity-value").textContent = Number(at("opacity").value).toFixed(2);
  at("hint").hidden = has;
  at("picture").classList.toggle("has", has);
  if (has) draw(at("picture"), state.bitmap, state.labels.map((each) => ({ mask: each.mask(threshold), colour: each.colour })), { opacity: Number(at("opacity").value), contour: at("contour").checked });
  showEvidence(state, label, threshold);
  for (const tool of ["brush", "eraser"]) at(tool).setAttribute("aria-pressed", state.tool === tool);
  at("undo").disabled = !label?.past.length;
  at("redo").disabled = !label?.future.length;
  at("keep").disabled = !state.keeps || !label || state.labels.every(isKept);
  at("ask").disabled = !label || !label.pseudo;
  at("place").textContent = state.files.length ? `${state.number + 1} of ${state.files.length}${state.done.size ? `, ${state.done.size} kept` : ""}` : "no picture";
  at("previous").disabled = state.number <= 0;
  at("next").disabled = state.number >= state.files.length - 1;
  at("labels").replaceChildren(...state.labels.map((each, i) => entry(each, i, threshold)));
}

function entry(label, number, threshold) {
  const item = document.createElement("li"), button = document.createElement("button"), swatch = document.createElement("span"), words = document.createElement("span"), facts = document.createElement("span");
  swatch.className = "swatch"; words.className = "words"; facts.className = "facts";
  swatch.style.background = `rgb(${label.colour})`;
  words.textContent = label.prompt || "(empty prompt)";
  const area = label.mask(threshold).reduce((sum, value) => sum + value, 0);
  const isAsLearned = Number(threshold) === modelNamed(label.model)?.threshold;
  facts.textContent = [`${(100 * area / label.probability.length).toFixed(1)} %`, label.howGood(isAsLearned), isKept(label) ? "kept" : label.isCorrected ? "corrected" : ""].filter(Boolean).join(" · ");
  button.type = "button";
  button.setAttribute("aria-pressed", number === state.chosen);
  button.append(swatch, words, facts);
  button.addEventListener("click", () => { state.chosen = number; show(); });
  item.append(button);
  return item;
}

function takeOver(sentence) {
  // into the line where the cursor is: the other lines are other labels
  const box = at("prompt"), lines = box.value.split("\n");
  lines[box.value.slice(0, box.selectionStart).split("\n").length - 1] = sentence;
  box.value = lines.join("\n");
}

// ---- wiring

const choose = (tool) => { state.tool = tool; show(); };
const turn = (act) => () => { const label = state.labels[state.chosen]; endStroke(); if (label) { label[act](); show(); } };  // what moved on after it would be part of no stroke
const [back, forth] = [turn("undo"), turn("redo")];
const step = (by) => { if (mayLeave()) go(state.number + by); };
const resize = (by) => { at("size").value = Number(at("size").value) + by; };
const KEYS = { b: () => choose("brush"), e: () => choose("eraser"), c: () => at("contour").click(), n: () => step(1), p: () => step(-1), "[": () => resize(-3), "]": () => resize(3) };

for (const id of ["open", "folder"]) at(id).addEventListener("change", (event) => open(event.target.files));
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
for (const [id, act] of Object.entries({ brush: KEYS.b, eraser: KEYS.e, undo: back, redo: forth, keep: keepAll, ask: askOthers, previous: KEYS.p, next: KEYS.n })) at(id).addEventListener("click", act);

at("picture").addEventListener("pointerdown", (event) => {
  const label = state.labels[state.chosen];
  if (!label || event.button) return;
  at("picture").setPointerCapture(event.pointerId);
  label.beginStroke();
  state.stroke = { label, from: pointAt(event) };
  strokeTo(event);
});
at("picture").addEventListener("pointermove", (event) => { if (state.stroke) strokeTo(event); });
for (const name of ["pointerup", "pointercancel"]) at("picture").addEventListener(name, endStroke);

addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("textarea, select, input:not([type=range]):not([type=checkbox])"), key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && key === "s") { event.preventDefault(); at("keep").click(); }
  else if (isCommand && key === "z" && !isTyping) { event.preventDefault(); (event.shiftKey ? forth : back)(); }
  else if (!isCommand && !event.altKey && !isTyping && KEYS[key]) { event.preventDefault(); KEYS[key](); }
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
