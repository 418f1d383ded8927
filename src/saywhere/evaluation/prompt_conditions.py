"""The same images, other words: right, empty, shuffled, contradictory, and wordings never trained on."""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.data.prompt_table import texts_of
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ConfigError, nearest
from saywhere.text.directions import contradict
from saywhere.text.prompts import shuffle

WORDS = ("right", "empty", "shuffled", "contradictory", "unseen")


def prompts_for(words: str, rows: Sequence[Row], config: Config) -> list[str | None]:
    """One prompt a row, None where these words do not apply (nothing to contradict).

    `right`: the row's own at `text.evaluate_prompts`. `empty`: blank. `shuffled`: another row's, of a different text.
    `contradictory`: left↔right and upper↔lower exchanged. `unseen`: the row's own at `text.unseen_prompts`.
    """
    right = [evaluation_prompt(row, config) for row in rows]
    if words == "right":
        return list(right)
    if words == "empty":
        return [""] * len(rows)
    if words == "shuffled":
        return [
            other if other != own else None
            for own, other in zip(right, shuffle(right, config.train.seed))
        ]
    if words == "contradictory":
        return [contradict(prompt) for prompt in right]
    assert config.text.unseen_prompts is not None  # `asked` gives no others
    return [texts_of(row, config.text.unseen_prompts, "text.unseen_prompts")[0] for row in rows]


def asked(config: Config, words: Sequence[str] | None = None) -> list[str]:
    """The words that an evaluation measures: `words`, else `evaluate.words` and the unseen ones; an image-only model has but one answer.

    Raises ConfigError for words that do not exist, before anything is measured.
    """
    chosen = (
        [*config.evaluate.words, *(["unseen"] if config.text.unseen_prompts else [])]
        if words is None
        else words
    )
    for word in chosen:
        if word not in WORDS:
            raise ConfigError(
                f"no words {word!r}", where="evaluate.words", remedy=nearest(word, WORDS)
            )
    if "unseen" in chosen and not config.text.unseen_prompts:
        raise ConfigError(
            "words 'unseen', and text.unseen_prompts is not set",
            remedy="set it to a level of the manifest",
        )
    return list(dict.fromkeys(["right", *chosen])) if config.fusion.uses_text else ["right"]
