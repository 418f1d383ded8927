// The list of labels: choose, hide, rename, delete; and painting whose words are gone.

import { howGood } from "./doubts.js";
import { isKept } from "./kept.js";
import { remove } from "./keep.js";
import { at, element, modelNamed, show, state, whenChanged } from "./state.js";
import { segment } from "./work.js";
import * as words from "./words.js";

whenChanged(() => {
  const list = at("labels");
  // A list made anew must not take the keyboard's place away.
  const focused = document.activeElement?.closest("#labels") && document.activeElement.dataset.of;
  list.replaceChildren(...state.labels.map(entry), ...leftOver().map(leftEntry));
  if (focused) list.querySelector(`[data-of="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
});

function leftOver() {
  return [...state.known.values()].filter(
    (label) => label.isCorrected && !state.labels.includes(label) && !isKept(label),
  );
}

function entry(label, number) {
  const item = element("li", label.isHidden ? "hidden" : "");
  const chosen = choice(label, number);
  chosen.setAttribute("aria-pressed", number === state.chosen);
  chosen.addEventListener("click", () => { state.chosen = number; show(); });
  const name = label.prompt || "the label without words";
  const tools = element("span", "tools");
  const hide = small(label.isHidden ? "Show" : "Hide", name, () => turn(label), number);
  hide.setAttribute("aria-pressed", label.isHidden);
  tools.append(
    hide,
    small("Rename", name, () => rename(label), number),
    small("Delete", name, () => remove(label), number),
  );
  item.append(chosen, tools);
  return item;
}

function choice(label, number) {
  const button = element("button", "choose");
  button.type = "button";
  button.dataset.of = `${number} choose`;
  const swatch = element("span", "swatch");
  swatch.style.background = `rgb(${label.colour})`;
  button.append(swatch, element("span", "words", label.prompt || "(empty prompt)"));
  button.append(element("span", "facts", factsOf(label)));
  return button;
}

function small(text, of, act, number) {
  const button = element("button", "small-button", text);
  button.type = "button";
  button.dataset.of = `${number} ${text}`;
  button.setAttribute("aria-label", `${text}: ${of}`);
  button.addEventListener("click", act);
  return button;
}

function leftEntry(label) {
  const item = element("li", "left-over");
  const name = label.prompt || "(empty prompt)";
  item.append(
    element("span", "left-words", `Painted for “${name}”, whose words are gone`),
    small("Put back", name, () => putBack(label), `left ${name}`),
    small("Delete", name, () => remove(label), `left ${name}`),
  );
  return item;
}

async function putBack(label) {
  words.replaceLine("", label.prompt);
  await segment();
}

function factsOf(label) {
  const share = `${(100 * label.area / label.mask.length).toFixed(1)} %`;
  const isAsLearned = Number(at("threshold").value) === modelNamed(label.model)?.threshold;
  const work = label.isCorrected ? "corrected" : "";
  const changed = label.keptAs !== null ? "changed since it was kept" : work;
  const facts = [share, howGood(label, isAsLearned), isKept(label) ? "kept" : changed];
  const others = state.recalled.filter(({ prompt, key }) => prompt === label.prompt && key !== label.row?.key);
  if (others.length && !at("blind").checked) {
    facts.push(`also by ${[...new Set(others.map(({ who }) => who || "someone"))].join(", ")}`);
  }
  return facts.filter(Boolean).join(" · ");
}

export function turn(label) {
  if (!label) return;
  label.isHidden = !label.isHidden;
  show();
}

export function rename(label) {
  // Whatever is typed into the line now, it is this label's.
  if (!label) return;
  state.renaming = label;
  words.selectLine(label.prompt);
}
