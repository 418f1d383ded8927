"""The same images under other prompts.

Right, empty, shuffled, contradictory, and wordings that were never trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ConfigError, nearest
from saywhere.text.directions import contradict
from saywhere.text.prompts import shuffle

CONDITIONS = ("right", "empty", "shuffled", "contradictory", "unseen")


@dataclass(frozen=True)
class PromptLevels:
    """Which of a row's prompts an evaluation reads.

    Attributes:
        right: Level of its own prompt; None for an image-only model.
        unseen: Level of wordings that were never trained on; None where there are none.
    """

    right: str | None
    unseen: str | None


def prompts_for(
    condition: str, rows: Sequence[Row], levels: PromptLevels, seed: int
) -> list[str | None]:
    """Write the prompts of a condition.

    Args:
        condition: `right`: the row's own. `empty`: blank. `shuffled`: another row's, of a
            different text. `contradictory`: left and right, upper and lower exchanged. `unseen`:
            the row's own in a wording that was never trained on.
        rows: Of one split.
        levels: Where their prompts stand.
        seed: Shuffles.

    Returns:
        One prompt per row; None where the condition does not apply, as where there is nothing to
        contradict.

    Raises:
        UsageError: Where a row has no text at that level.
    """
    right = [evaluation_prompt(row, levels.right) for row in rows]
    if condition == "right":
        return list(right)
    if condition == "empty":
        return [""] * len(rows)
    if condition == "shuffled":
        others = shuffle(right, seed)
        # Where all prompts are equal, there is no other one to give.
        return [other if other != own else None for own, other in zip(right, others)]
    if condition == "contradictory":
        return [contradict(prompt) for prompt in right]
    # `conditions_of` gives no others.
    assert levels.unseen is not None
    return [texts_of(row, levels.unseen, "text.unseen_prompts")[0] for row in rows]


def conditions_of(
    levels: PromptLevels, usual: Sequence[str], wanted: Sequence[str] | None = None
) -> list[str]:
    """Choose the conditions that an evaluation measures, before anything is measured.

    Args:
        levels: Where the rows' prompts stand.
        usual: `evaluate.words` of the model's configuration.
        wanted: Conditions; default: the usual ones, and `unseen` where there is a level for it.

    Returns:
        `right` first, each once. An image-only model has one answer, so `right` alone.

    Raises:
        ConfigError: For a condition that does not exist, and for `unseen` without a level.
    """
    unseen = ["unseen"] if levels.unseen else []
    chosen = [*usual, *unseen] if wanted is None else wanted
    for condition in chosen:
        if condition not in CONDITIONS:
            raise ConfigError(
                f"no prompt condition {condition!r}",
                where="evaluate.words",
                remedy=nearest(condition, CONDITIONS),
            )
    if "unseen" in chosen and not unseen:
        raise ConfigError(
            "prompts 'unseen', and text.unseen_prompts is not set",
            remedy="set it to a level of the manifest",
        )
    # `right` is always measured, since the others are compared with it.
    return ["right"] if levels.right is None else list(dict.fromkeys(["right", *chosen]))
