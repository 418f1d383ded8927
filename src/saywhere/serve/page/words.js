// The box of words: one label a line, where the words came from, and what was typed before.

import { at, labelNow, modelNamed, state, whenChanged } from "./state.js";

const MOST_LINES = 12;
const N_REMEMBERED = 30;
const box = () => at("prompt");

export function promptsTyped() {
  // One a line, each once; without any, the model marks what it marks by itself.
  const lines = box().value.split("\n").map((line) => line.trim()).filter(Boolean);
  return lines.length ? [...new Set(lines)] : [""];
}

export function setWords(text, isCarried = false) {
  box().value = text;
  markCarried(isCarried && text.trim() !== "");
  fitBox();
}

export function markCarried(isCarried) {
  box().classList.toggle("carried", isCarried);
  at("carried").hidden = !isCarried;
}

export function fitBox() {
  const lines = box().value.split("\n").length;
  box().rows = Math.min(MOST_LINES, Math.max(3, lines + 1));
}

export function takeOver(sentence) {
  // Into the line where the cursor is: the other lines are other labels.
  const lines = box().value.split("\n");
  lines[box().value.slice(0, box().selectionStart).split("\n").length - 1] = sentence;
  setWords(lines.join("\n"));
}

export function replaceLine(before, after) {
  // `after` is null: the line goes.
  const lines = box().value.split("\n");
  const at_ = lines.findIndex((line) => line.trim() === before);
  if (at_ < 0) return after === null ? undefined : setWords([...lines, after].join("\n").trim());
  lines.splice(at_, 1, ...(after === null ? [] : [after]));
  setWords(lines.join("\n"));
}

export function selectLine(prompt) {
  const { value } = box();
  const lines = value.split("\n");
  const number = lines.findIndex((line) => line.trim() === prompt);
  const start = lines.slice(0, Math.max(0, number)).join("\n").length + (number > 0 ? 1 : 0);
  box().focus();
  box().setSelectionRange(start, start + (lines[number]?.length ?? 0));
}

// ---- which label a line is, when its words change

export function renamed(before, after) {
  // Pairs [old words, new words] of lines that were edited in place.
  const gone = before.filter((prompt) => !after.includes(prompt));
  const come = after.filter((prompt) => !before.includes(prompt));
  if (gone.length !== come.length) return [];
  return gone.map((old, i) => [old, come[i]]);
}

export function isMended(before, after) {
  // Are these the same words, but for a slip?
  if (!before || !after) return false;
  return distance(before, after) <= Math.max(2, Math.max(before.length, after.length) / 3);
}

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

// ---- words of before

export function rememberWords(prompts) {
  const told = [...prompts.filter(Boolean), ...history()];
  sessionStorage.setItem("words", JSON.stringify([...new Set(told)].slice(0, N_REMEMBERED)));
  fillSuggestions();
}

const history = () => JSON.parse(sessionStorage.getItem("words") ?? "[]");

export function fillSuggestions() {
  const model = modelNamed(at("model").value);
  const texts = [...new Set([...history(), ...(model?.suggestions ?? [])])];
  at("suggestions").replaceChildren(...texts.map((text) => new Option(text)));
}

// ---- whose left

whenChanged(() => {
  const model = modelNamed(at("model").value);
  at("whose").textContent = whoseLeft(model);
  const label = labelNow();
  const isRead = Boolean(label?.facts?.read_as);
  at("read-as").hidden = !isRead;
  if (isRead) at("read-as-words").textContent = `“${label.facts.read_as}”`;
  at("orientation-bar").hidden = !(model?.hears_words && model.frame) || !state.picture;
});

function whoseLeft(model) {
  if (!model?.hears_words) return "";
  return model.frame ? `Left means the ${model.left}.` : "Whose left this model knows is not stated.";
}
