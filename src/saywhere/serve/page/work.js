// The work on a picture: open it, ask the model, bring back what was kept, go on to another.

import * as ahead from "./ahead.js";
import { colourOf } from "./colours.js";
import { doubts, howSure } from "./doubts.js";
import { digestOf, isPicture } from "./files.js";
import { keptIn, showGroup } from "./group.js";
import { Label } from "./label.js";
import { isAtRisk, signature } from "./kept.js";
import * as service from "./service.js";
import { showPicture } from "./stage.js";
import {
  aboutFile, at, fileNow, labelNow, modelNamed, nothingDrawn, show, state, tell,
} from "./state.js";
import * as words from "./words.js";

const WAIT_MS = 120;  // after the last key, before the prompts are sent
const UNSURE = 0.7;  // below this expected Dice a picture is marked as unsure
const IDLE_MS = 400;  // after an answer, before the next picture is made ready
let timer = null;
let preparing = null;
let asked = Promise.resolve();

export const mayLeave = () =>
  ![...state.known.values()].some(isAtRisk) ||
  confirm("Corrections that were not kept will be lost. Go on?");

// ---- pictures

export async function open(files) {
  state.isTyped = false;
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

export async function begin(pictures) {
  if (!mayLeave()) return;
  ahead.forget();
  Object.assign(state, nothingDrawn(), { files: pictures, number: 0, about: new Map() });
  await recallModel(pictures[0]);
  countDone(pictures);
  await turnTo(0);
}

export async function countDone(files) {
  // Those of a folder that something was kept for, be it before a reload. They are known by their
  // digests, as on the server.
  if (!files.length || !state.keeps || !crypto.subtle) return;
  try {
    const kept = new Set((await service.kept()).images);
    for (const file of kept.size ? files : []) {
      const digest = await digestOf(file);
      if (state.files !== files) return;  // other files were opened meanwhile
      if (kept.has(digest)) aboutFile(file).state = "kept";
    }
    show();
  } catch (error) { tell(error.message); }
}

export async function go(number) {
  if (number < 0 || number >= state.files.length) return;
  state.isTyped = false;
  await turnTo(number);
}

async function turnTo(number) {
  state.asking?.abort();  // an answer for the picture before would come too late
  clearTimeout(timer);
  leaveWords();
  const file = state.files[number];
  Object.assign(state, nothingDrawn(), { number });
  const own = aboutFile(file);
  const isNew = own.words === undefined;
  words.setWords(own.words ?? at("prompt").value, isNew && state.files.length > 1);
  showGroup();
  if (await showFile(file)) await segment();
}

function leaveWords() {
  const file = fileNow();
  if (file && state.picture) aboutFile(file).words = at("prompt").value;
}

async function showFile(file) {
  // Nothing of the picture before stays, whatever becomes of this one.
  at("picture").setAttribute("aria-label", "No picture yet");
  let picture;
  try {
    picture = await ahead.picture(file);
  } catch (error) {
    aboutFile(file).state = "unreadable";
    if (fileNow() !== file) return false;
    tell(error.message);
    showPicture(null);
    show();
    return false;
  }
  if (fileNow() !== file) return false;  // another picture was asked for meanwhile
  state.picture = picture;
  aboutFile(file).thumbnail ??= picture.thumbnail(56);
  tell("");
  showPicture(picture);
  const place = `Picture ${state.number + 1} of ${state.files.length}`;
  at("picture").setAttribute("aria-label", place);
  show();
  return true;
}

function prepareSoon() {
  clearTimeout(preparing);
  preparing = setTimeout(prepareNext, IDLE_MS);
}

async function prepareNext() {
  // The next one's masks are computed while this one is looked at.
  const file = state.files[state.number + 1];
  const model = at("model").value;
  if (!file || !model) return;
  try {
    const picture = await ahead.picture(file);
    aboutFile(file).thumbnail ??= picture.thumbnail(56);
    const prompts = aboutFile(file).words === undefined ? words.promptsTyped() : null;
    if (prompts) note(file, await ahead.answer(ahead.question(file, prompts, model)));
  } catch {
    // It is said when the picture is opened.
  }
  show();
}

// ---- models

const folderOf = (file) => file.webkitRelativePath?.split("/")[0] ?? "";

async function folderKey(file) {
  // Not the folder's name, which may be a patient's.
  const name = new File([folderOf(file)], "folder");
  return `model of ${await digestOf(name)}`;
}

async function recallModel(file) {
  const remembered = localStorage.getItem(await folderKey(file));
  if (remembered && modelNamed(remembered) && !at("model").value) {
    at("model").value = remembered;
    takeModel();
  }
}

export async function chooseModel() {
  takeModel();
  const file = fileNow();
  if (file) localStorage.setItem(await folderKey(file), at("model").value);
}

export function takeModel() {
  const model = modelNamed(at("model").value);
  if (!model) return show();
  words.fillSuggestions();
  at("threshold").value = model.threshold;
  segment();
}

// ---- prompts

export function typed() {
  state.isTyped = true;
  words.markCarried(false);
  words.fitBox();
  clearTimeout(timer);
  state.isAsking = true;
  timer = setTimeout(segment, WAIT_MS);
}

// When the masks are those of the words in the box.
export async function settled() {
  if (state.isAsking) { clearTimeout(timer); segment(); }
  await asked;
}

export function segment() {
  clearTimeout(timer);
  asked = ask().then(bringBack);
  return asked;
}

async function bringBack() {
  // What was kept for this picture, as soon as its digest is known.
  if (state.wasRecalled || !state.image) return;
  state.wasRecalled = true;
  const file = fileNow();
  if (!await recall(file) || fileNow() !== file) return;
  // Prompts that were typed meanwhile are not replaced.
  if (!state.isTyped) {
    words.setWords(promptsRecalled().join("\n"));
    return ask();
  }
  for (const label of state.labels) takeRecalled(label);
  show();
}

async function ask() {
  if (!state.picture) { state.isAsking = false; return show(); }
  const model = at("model").value;
  if (!model) {
    state.isAsking = false;
    tell("Choose a model first: several are served.");
    return show();
  }
  state.asking?.abort();
  const asking = new AbortController();
  Object.assign(state, { asking, isAsking: true });
  const file = fileNow();
  const question = ahead.question(file, words.promptsTyped(), model);
  try {
    const answer = await ahead.answer(question, asking.signal);
    if (asking.signal.aborted || fileNow() !== file) return;
    takeAnswer(answer, model);
    note(file, answer);
    prepareSoon();
    tell(doubts(state.labels, modelNamed(model)?.hears_words));
  } catch (error) { if (error.name !== "AbortError") tell(error.message); }
  if (state.asking === asking) state.isAsking = false;
  show();
}

function takeAnswer(answer, model) {
  const [height, width] = answer.size;
  const chosen = labelNow();
  state.image = answer.image_sha256;
  carryPainting(answer.results.map(({ prompt }) => prompt));
  const threshold = at("threshold").value;
  const before = state.labels;
  state.labels = answer.results.map((facts, i) => {
    // What was painted for this prompt stays, however often it is retyped.
    const label = state.known.get(facts.prompt) ?? new Label(facts.prompt, width, height);
    const { probability, pseudo } = answer.drawn[i];
    Object.assign(label, { facts, model, pseudo });
    label.hears(probability, threshold);
    state.known.set(facts.prompt, label);
    takeRecalled(label);
    return label;
  });
  giveColours(before);
  const place = state.labels.indexOf(chosen);  // a line above it may have come or gone
  state.chosen = place >= 0 ? place : Math.max(0, Math.min(state.chosen, state.labels.length - 1));
}

function giveColours(before) {
  // A label that is shown keeps its colour, whatever lines come and go. One that comes back has
  // its own again, where no other has taken it meanwhile.
  const taken = new Set();
  const isStaying = (label) => before.includes(label);
  const others = state.labels.filter((label) => !isStaying(label));
  for (const label of [...state.labels.filter(isStaying), ...others]) {
    if (label.number === undefined || taken.has(label.number)) {
      label.number = 0;
      while (taken.has(label.number)) label.number++;
    }
    taken.add(label.number);
    label.colour = colourOf(label.number);
  }
}

function carryPainting(prompts) {
  // A slip in the words was mended: what was painted stays with its line.
  const before = state.labels.map(({ prompt }) => prompt);
  for (const [old, now] of words.renamed(before, prompts)) {
    const label = state.known.get(old);
    const isMeant = label === state.renaming || words.isMended(old, now);
    if (!label || !isMeant || state.known.get(now)?.isCorrected) continue;
    state.known.delete(old);
    label.prompt = now;
    state.known.set(now, label);
  }
}

function note(file, answer) {
  // How sure the model is of a picture that nobody has kept anything for.
  const about = aboutFile(file);
  about.expected = Math.min(...answer.results.map(howSure));
  if (about.state === "new" || about.state === "unsure") {
    about.state = about.expected < UNSURE ? "unsure" : "new";
  }
}

// ---- what was kept

async function recall(file) {
  // What was kept for this picture, before a reload or a picture ago: is there any?
  if (!state.keeps || !state.image) return false;
  try {
    const { rows } = await service.kept(state.image);
    const withMask = async (row) => ({ ...row, mask: await service.greys(row.mask_png) });
    const recalled = await Promise.all(rows.filter((row) => row.mask_png).map(withMask));
    if (fileNow() !== file) return false;
    state.recalled = recalled;
    state.seen = new Set(rows.map(({ key }) => key));
    if (rows.length) aboutFile(file).state = "kept";
    for (const { group } of rows) keptIn(file, group);
    return rowsShown().length > 0;
  } catch (error) { tell(error.message); return false; }
}

// A blind second reading hides what others kept.
const rowsShown = () => state.recalled.filter(
  ({ who }) => !at("blind").checked || who === at("who").value,
);
const promptsRecalled = () => [...new Set(rowsShown().map(({ prompt }) => prompt))];

function takeRecalled(label) {
  // A mask that was kept earlier takes the model's place, but never that of newer work.
  const row = rowsShown().findLast(({ prompt }) => prompt === label.prompt);
  if (row?.mask.length !== label.mask.length || label.isCorrected || label.keptAs) return;
  label.cover(row.mask);
  Object.assign(label, { row, keptAs: signature(label) });
}
