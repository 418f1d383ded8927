// Keeping masks, and taking them back.

import { hexadecimal, nameOf } from "./files.js";
import { groupNow, keptIn } from "./group.js";
import { isKept, signature } from "./kept.js";
import { maskPng } from "./png.js";
import * as service from "./service.js";
import { aboutFile, at, fileNow, show, state, tell } from "./state.js";
import { segment, settled } from "./work.js";
import * as words from "./words.js";

const newKey = () => hexadecimal(crypto.getRandomValues(new Uint8Array(16)));
const BLANK = "No words are given for this picture. Keep the mask without words?";
let isKeeping = false;

export function tellKept(n) {
  const advice = "This server keeps nothing: start it with --store DIR.";
  at("kept").textContent = state.keeps ? `${n} kept so far` : advice;
}

// All that is not kept yet: true where everything is on the disk in the end.
export async function keepAll() {
  if (!state.keeps || isKeeping) return false;
  isKeeping = true;
  at("keep").disabled = true;
  try {
    // Words that were typed just now are meant, not those before.
    await settled();
    const work = workToKeep();
    if (!work) return false;
    for (const each of work) await keepOne(each);
    words.rememberWords(work.map(({ label }) => label.prompt));
    tell("");
    return true;
  } catch (error) {
    tell(`Not kept: ${error.message}`);
    return false;
  } finally {
    isKeeping = false;
    show();
  }
}

function workToKeep() {
  const open = state.labels.filter((label) => !isKept(label));
  if (open.some(({ prompt }) => !prompt) && !confirm(BLANK)) return null;
  // As they are now: the next picture may come meanwhile.
  return open.map((label) => ({
    label,
    file: fileNow(),
    seen: state.seen,
    as: signature(label),
    prompt: label.prompt,
    model: label.model,
    mask: label.mask.slice(),
    suggested: label.suggested(),
    who: at("who").value,
    named: at("names").checked,
    group: groupNow(),
  }));
}

async function keepOne({ label, file, seen, as, prompt, model, mask, suggested, ...about }) {
  const { who, named, group } = about;
  // A failed act is tried again under its key; another mask has another.
  if (label.keyFor !== as) Object.assign(label, { key: newKey(), keyFor: as });
  const { key, width, height, row } = label;
  const fields = {
    ...service.source(file),
    mask: await maskPng(mask, width, height),
    suggested: await maskPng(suggested, width, height),
    prompt, key, who, model,
    seen: ["", ...seen],  // an empty one says that this page looks at all
    // The same label under other words: one takes the other's place.
    ...(row && row.prompt !== prompt ? { replaces: row.key } : {}),
    ...(named ? { name: nameOf(file) } : {}),
    ...(group ? { group } : {}),
  };
  const answer = await keptDespiteOthers(fields);
  if (!answer) throw new Error("another person's mask is there, and yours was not put beside it");
  seen.add(key);
  // The row takes the place of one's own: that is no other reader's.
  const isOwn = (old) => old.key === row?.key || (old.prompt === prompt && old.who === who);
  if (fileNow() === file) state.recalled = state.recalled.filter((old) => !isOwn(old));
  Object.assign(label, { keptAs: as, row: { key, prompt, who } });
  aboutFile(file).state = "kept";
  keptIn(file, group);
  tellKept(answer.n_kept);
}

async function keptDespiteOthers(fields) {
  try {
    return await service.keep(fields);
  } catch (error) {
    if (error.code !== "kept_meanwhile") throw error;
    const wantsBoth = confirm(`${error.message}\n\nKeep yours beside it?`);
    return wantsBoth ? service.keep({ ...fields, beside: "true" }) : null;
  }
}

// A label goes: its line, its painting, and what was kept of it.
export async function remove(label) {
  const question = label.row
    ? `Take back what was kept for “${label.prompt || "no words"}”? It stays in the history.`
    : `Delete the painting for “${label.prompt || "no words"}”?`;
  if ((label.row || label.isCorrected) && !confirm(question)) return;
  try {
    if (label.row) {
      const { n_kept: n } = await service.takeBack({ key: label.row.key, who: at("who").value });
      tellKept(n);
    }
  } catch (error) { return tell(`Not taken back: ${error.message}`); }
  state.known.delete(label.prompt);
  state.recalled = state.recalled.filter(({ prompt }) => prompt !== label.prompt);
  const isLast = ![...state.known.values()].some(({ row }) => row);
  if (label.row && isLast) aboutFile(fileNow()).state = "new";
  words.replaceLine(label.prompt, null);
  await segment();
}
