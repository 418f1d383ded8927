// The page's one state, and who draws anew when it changes.

export const at = (id) => document.getElementById(id);

// What belongs to one picture: another picture begins with it anew.
export const nothingDrawn = () => ({
  picture: null, image: null, labels: [], chosen: 0, known: new Map(), recalled: [],
  evidence: null, seen: new Set(), isAsking: false, wasRecalled: false,
});

export const state = {
  ...nothingDrawn(), files: [], number: 0, tool: "brush", models: [], limits: null, keeps: false,
  asking: null, isTyped: false,
  about: new Map(),  // file → { state, thumbnail, expected, words, digest }
};

const drawers = [];
export const whenChanged = (draw) => drawers.push(draw);
export function show() { for (const draw of drawers) draw(); }

export function tell(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

export const fileNow = () => state.files[state.number];
export const labelNow = () => state.labels[state.chosen];
export const modelNamed = (name) => state.models.find((model) => model.name === name);

export function aboutFile(file) {
  if (!state.about.has(file)) state.about.set(file, { state: "new" });
  return state.about.get(file);
}

export function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
