// The group of a picture: its patient or study. Pictures of one group share a split of a training.

import { aboutFile, at, fileNow } from "./state.js";

const given = new Set();  // offered for the next pictures; nothing is carried over unasked

// Of the picture that is shown now; one that was kept with a group stays in it.
export function showGroup() {
  const file = fileNow();
  const { group = "", hasGroup = false } = file ? aboutFile(file) : {};
  const field = at("group");
  field.value = group;
  field.disabled = hasGroup;
  field.title = hasGroup ? "This picture was kept in this group, and stays in it" : "";
  at("groups").replaceChildren(...[...given].map((text) => new Option(text)));
}

// What a row of this picture was kept with.
export function keptIn(file, group) {
  if (!group) return;
  given.add(group);
  Object.assign(aboutFile(file), { group, hasGroup: true });
  if (file === fileNow()) showGroup();
}

export const groupNow = () => at("group").value.trim();

at("group").addEventListener("input", () => {
  const file = fileNow();
  if (file) aboutFile(file).group = at("group").value;
});
