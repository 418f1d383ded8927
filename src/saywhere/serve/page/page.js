// The page: it starts here, and its buttons are joined to what they do.

import { askOthers } from "./evidence.js";
import "./keys.js";
import { isAtRisk, isKept } from "./kept.js";
import { keepAll, tellKept } from "./keep.js";
import { step as stepTo } from "./pictures.js";
import "./review.js";
import * as service from "./service.js";
import { at, labelNow, show, state, tell, whenChanged } from "./state.js";
import { choose, COMMANDS, step, TOOLS } from "./tools.js";
import * as work from "./work.js";
import * as words from "./words.js";

async function start() {
  at("who").value = sessionStorage.getItem("who") ?? "";  // a reload forgets nobody
  try {
    const { models, limits, keeps, takes_references: takes, user } = await service.models();
    Object.assign(state, { models, limits, keeps });
    at("archive").hidden = !takes;
    if (user) takeUser(user);
    offerModels(models);
    tellKept((await service.kept()).n_kept);
    work.countDone(state.files);  // of a folder that was opened before the server answered
  } catch (error) { tell(error.message); }
}

function takeUser(name) {
  // The server knows it by the token: nobody signs with another's name.
  at("who").value = name;
  at("who").readOnly = true;
  at("who").title = "The name behind this page's token";
}

function offerModels(models) {
  const titleOf = (model) => `${model.name} (${model.network}, ${model.size_px} px)`;
  const options = models.map((model) => new Option(titleOf(model), model.name));
  // Which of several is meant nobody can guess.
  if (models.length > 1) options.unshift(new Option("Choose a model…", ""));
  at("model").replaceChildren(...options);
  work.takeModel();
}

whenChanged(() => {
  const label = labelNow();
  at("threshold-value").textContent = Number(at("threshold").value).toFixed(2);
  for (const tool of Object.keys(TOOLS)) {
    at(tool).setAttribute("aria-pressed", state.tool === tool);
  }
  for (const id of Object.keys(COMMANDS)) at(id).disabled = !label;
  at("undo").disabled = !label?.past.length;
  at("redo").disabled = !label?.future.length;
  const isAllKept = !state.isAsking && state.labels.every(isKept);
  at("keep").disabled = !state.keeps || !label || isAllKept;
});

const CLICKS = {
  ...COMMANDS,
  undo: () => step("undo"), redo: () => step("redo"), keep: keepAll, ask: askOthers,
  previous: () => stepTo(-1), next: () => stepTo(1),
  "clear-words": () => { words.setWords(""); work.segment(); },
  "write-read-as": () => {
    words.replaceLine(labelNow().prompt, labelNow().facts.read_as);
    work.segment();
  },
};
for (const [id, act] of Object.entries(CLICKS)) at(id).addEventListener("click", act);
for (const tool of Object.keys(TOOLS)) at(tool).addEventListener("click", () => choose(tool));
for (const id of ["open", "folder"]) {
  at(id).addEventListener("change", (event) => work.open(event.target.files));
}
at("archive").addEventListener("submit", (event) => {
  event.preventDefault();
  work.begin([{ reference: at("reference").value.trim() }]);
});
at("prompt").addEventListener("input", work.typed);
at("prompt").addEventListener("blur", () => { state.renaming = null; });
at("model").addEventListener("change", work.chooseModel);
at("orientation").addEventListener("change", work.segment);
at("who").addEventListener("input", () => sessionStorage.setItem("who", at("who").value));
at("suggestion").addEventListener("change", (event) => {
  if (!event.target.value) return;
  words.takeOver(event.target.value);
  event.target.value = "";
  work.segment();
});
at("threshold").addEventListener("input", () => {
  for (const label of state.labels) label.cutAt(at("threshold").value);
  show();
});
for (const name of ["dragover", "dragleave", "drop"]) {
  at("drop").addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") work.open(event.dataTransfer.files);
  });
}
addEventListener("beforeunload", (event) => {
  if ([...state.known.values()].some(isAtRisk)) event.preventDefault();
});

start();
