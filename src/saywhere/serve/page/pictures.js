// The list of pictures: what each looks like, its name, and what became of it.

import { howSure } from "./doubts.js";
import { nameOf } from "./files.js";
import * as ahead from "./ahead.js";
import { aboutFile, at, element, fileNow, show, state, tell, whenChanged } from "./state.js";
import { go, mayLeave } from "./work.js";
import * as words from "./words.js";

const STATES = { new: "new", kept: "kept", unsure: "unsure", unreadable: "unreadable" };
let isRanked = false;
let isRanking = false;
let shown = "";  // what the list was made of

whenChanged(() => {
  at("place").textContent = placeInWords();
  at("previous").disabled = state.number <= 0;
  at("next").disabled = state.number >= state.files.length - 1;
  at("strip").hidden = state.files.length < 2;
  const order = listed();
  const facts = order.map((file) => {
    const { state: of, thumbnail, expected } = aboutFile(file);
    return [state.files.indexOf(file), of, Boolean(thumbnail), expected?.toFixed(2)].join();
  });
  const now = [state.number, ...facts].join("|");
  if (now === shown) return;
  shown = now;
  at("pictures").replaceChildren(...order.map(entry));
  reveal(at("pictures"), at("pictures").querySelector("[aria-current]"));
});

// By the list's own bar alone: scrollIntoView would move the whole page, under a stroke too.
function reveal(list, item) {
  if (!item) return;
  const [outer, inner] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  list.scrollLeft += Math.max(0, inner.right - outer.right) - Math.max(0, outer.left - inner.left);
}

function placeInWords() {
  if (!state.files.length) return "no picture";
  const nKept = state.files.filter((file) => aboutFile(file).state === "kept").length;
  return `${state.number + 1} of ${state.files.length}${nKept ? `, ${nKept} kept` : ""}`;
}

export function listed() {
  const wanted = at("filter").value;
  const files = state.files.filter((file) => !wanted || aboutFile(file).state === wanted);
  if (!isRanked) return files;
  return files.sort((a, b) => (aboutFile(a).expected ?? 2) - (aboutFile(b).expected ?? 2));
}

function entry(file) {
  const number = state.files.indexOf(file);
  const about = aboutFile(file);
  const item = element("li", "");
  const button = element("button", `picture-entry ${about.state}`);
  button.type = "button";
  if (number === state.number) button.setAttribute("aria-current", "true");
  button.append(about.thumbnail ?? element("span", "no-thumbnail"));
  button.append(element("span", "name", nameOf(file)), element("span", "facts", factsOf(about)));
  button.addEventListener("click", () => { if (mayLeave()) go(number); });
  item.append(button);
  return item;
}

function factsOf({ state: of, expected }) {
  const sure = expected === undefined || of === "kept" ? "" : ` · ${expected.toFixed(2)}`;
  return `${STATES[of]}${sure}`;
}

export function step(by) {
  // Along the list as it is sorted and filtered.
  const order = listed();
  const place = order.indexOf(fileNow());
  const next = place < 0 ? order.find((file) => state.files.indexOf(file) > state.number) : order[place + by];
  if (next && mayLeave()) return go(state.files.indexOf(next));
}

export function nextNew() {
  const order = isRanked ? listed() : state.files;
  const after = [...order.slice(order.indexOf(fileNow()) + 1), ...order];
  const next = after.find(
    (file) => file !== fileNow() && ["new", "unsure"].includes(aboutFile(file).state),
  );
  if (!next) return tell("No picture of this folder is new any more.");
  if (mayLeave()) return go(state.files.indexOf(next));
}

async function rank() {
  // Every picture once, with the words in the box; pressed again it stops.
  if (isRanking || isRanked) {
    isRanking = isRanked = false;
    return showRank();
  }
  const model = at("model").value;
  if (!model) return tell("Choose a model first: several are served.");
  const files = state.files;
  isRanking = true;
  for (const [i, file] of files.entries()) {
    if (!isRanking || state.files !== files) return showRank();
    at("rank").textContent = `Stop (${i + 1} of ${files.length})`;
    await estimate(file, model);
  }
  Object.assign(at("filter"), { value: "" });
  isRanking = false;
  isRanked = true;
  showRank();
}

async function estimate(file, model) {
  const about = aboutFile(file);
  if (about.state === "kept" || about.expected !== undefined) return;
  try {
    const { results } = await ahead.facts(file, words.promptsTyped(), model);
    about.expected = Math.min(...results.map(howSure));
  } catch {
    about.state = "unreadable";
  }
}

function showRank() {
  at("rank").textContent = "Least certain first";
  at("rank").setAttribute("aria-pressed", isRanked);
  shown = "";
  show();
}

at("filter").addEventListener("change", show);
at("rank").addEventListener("click", rank);
at("next-new").addEventListener("click", nextNew);
