// Why a person should look twice at a mask, and how good it may be.

const UNLIKE = 1;  // unfamiliarity above which words or a picture are unlike those of the training

export const isUnlike = ({ prompt, facts }) => Boolean(prompt) && facts.unfamiliarity > UNLIKE;

const isUnlikePicture = ({ facts }) => (facts.picture_unfamiliarity ?? 0) > UNLIKE;

// How good a mask may be, from 0 to 1, to look at the least certain first.
export const howSure = (facts) =>
  isUnlikePicture({ facts }) ? 0 : (facts.expected_dice ?? facts.confidence ?? 0);

export function howGood(label, isAsLearned) {
  // The expected Dice was learned of the model's own mask at its own threshold, and of prompts
  // like those that it was trained on.
  const { confidence, presence, expected_dice: expected, denies } = label.facts;
  if (confidence === null) return `nothing found (at most ${Math.round(100 * presence)} % sure)`;
  const isUsual = isAsLearned && !label.isCorrected && !denies && !isUnlike(label);
  if (expected !== null && isUsual) return `expected Dice ${expected.toFixed(2)}`;
  const sure = `sure ${Math.round(100 * confidence)} %`;
  if (isUnlikePicture(label)) return `${sure}, no expected Dice: unlike picture`;
  return expected !== null && isUnlike(label) ? `${sure}, no expected Dice: unlike words` : sure;
}

export function doubts(labels, hearsWords) {
  // Empty where there is no reason.
  const denying = hearsWords && labels.find(({ facts }) => facts.denies);
  const far = labels.find((label) => label !== denying && isUnlike(label));
  const reasons = [];
  if (denying) {
    reasons.push(
      `“${denying.prompt}” says what is not there: a model that was never taught such words ` +
      "marks it all the same, and one that was may take a denied place for a denied target.",
    );
  }
  if (far) {
    reasons.push(
      `“${far.prompt}” is unlike what this model was taught: look twice at its mask. ` +
      "No expected Dice is given, since it was measured on words like those of the training.",
    );
  }
  reasons.push(...warnings(labels));
  return reasons.join(" ");
}

function warnings(labels) {
  // Translated, emptied, nobody knows whose left: each once, with the words that it is about.
  const about = new Map();
  for (const { prompt, facts } of labels) {
    for (const text of facts.warnings || []) {
      about.set(text, [...(about.get(text) || []), `“${prompt || "no words"}”`]);
    }
  }
  return [...about].map(([text, prompts]) =>
    prompts.length < labels.length ? `${prompts.join(", ")}: ${text}.` : `${text}.`);
}
