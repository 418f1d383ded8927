"""The same images under other prompts.

Right, empty, shuffled, contradictory, and wordings that were never trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.data.prompt_table import texts_of
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ConfigError, nearest
from saywhere.text.directions import contradict
from saywhere.text.prompts import shuffle

CONDITIONS = ("right", "empty", "shuffled", "contradictory", "unseen")


def prompts_for(condition: str, rows: Sequence[Row], config: Config) -> list[str | None]:
    """Write the prompts of a condition.

    Args:
        condition: `right`: the row's own at `text.evaluate_prompts`. `empty`: blank. `shuffled`:
            another row's, of a different text. `contradictory`: left and right, upper and lower
            exchanged. `unseen`: the row's own at `text.unseen_prompts`.
        rows: Of one split.
        config: Its `train.seed` shuffles.

    Returns:
        One prompt per row; None where the condition does not apply, as where there is nothing to
        contradict.

    Raises:
        UsageError: Where a row has no text at that level.
    """
    right = [evaluation_prompt(row, config.evaluation_level) for row in rows]
    if condition == "right":
        return list(right)
    if condition == "empty":
        return [""] * len(rows)
    if condition == "shuffled":
        others = shuffle(right, config.train.seed)
        return [other if other != own else None for own, other in zip(right, others)]
    if condition == "contradictory":
        return [contradict(prompt) for prompt in right]
    # `conditions_of` gives no others.
    assert config.text.unseen_prompts is not None
    return [texts_of(row, config.text.unseen_prompts, "text.unseen_prompts")[0] for row in rows]


def conditions_of(config: Config, wanted: Sequence[str] | None = None) -> list[str]:
    """Choose the conditions that an evaluation measures, before anything is measured.

    Args:
        config: Of the model.
        wanted: Conditions; default: `evaluate.words`, and `unseen` where `text.unseen_prompts` is
            set.

    Returns:
        `right` first, each once. An image-only model has one answer, so `right` alone.

    Raises:
        ConfigError: For a condition that does not exist, and for `unseen` without a level.
    """
    unseen = ["unseen"] if config.text.unseen_prompts else []
    chosen = [*config.evaluate.words, *unseen] if wanted is None else wanted
    for condition in chosen:
        if condition not in CONDITIONS:
            raise ConfigError(
                f"no words {condition!r}",
                where="evaluate.words",
                remedy=nearest(condition, CONDITIONS),
            )
    if "unseen" in chosen and not unseen:
        raise ConfigError(
            "words 'unseen', and text.unseen_prompts is not set",
            remedy="set it to a level of the manifest",
        )
    # `right` is always measured, since the others are compared with it.
    return list(dict.fromkeys(["right", *chosen])) if config.fusion.uses_text else ["right"]
