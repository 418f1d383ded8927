"""What a model knows of the prompts it was taught: whose left, which script, which language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from saywhere.text.frames import BOTH, FRAMES, IMAGE, NOT_STATED, PATIENT
from saywhere.text.languages import taught_languages, taught_scripts

MOST = 20
LONGEST = 60
LEFT_OF = {
    IMAGE: "left of the image",
    PATIENT: "patient's left",
    BOTH: "left of the image or the patient's, as the prompt says",
    NOT_STATED: "not stated",
}
"""Frame → what "left" means, for people."""


class PromptFactsRecord(TypedDict):
    """`PromptFacts` as a checkpoint and a model's config.json hold them."""

    frame: str
    plain: str
    scripts: list[str]
    languages: list[str]


@dataclass(frozen=True)
class PromptFacts:
    """Of the prompts of a training.

    Attributes:
        frame: whose left they mean: `image`, `patient`, `both` (they say whose), or "" where
            nobody stated it.
        plain: of `both`, the frame of words that do not say whose; "" where all say it.
        scripts: as "Latin"; none where it is not known.
        languages: as "English"; none where it is not known.
    """

    frame: str = NOT_STATED
    plain: str = NOT_STATED
    scripts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    @property
    def left(self) -> str:
        """What "left" means, for people: "left of the image"."""
        return LEFT_OF[self.frame]

    def to_json(self) -> PromptFactsRecord:
        """Make the record that a checkpoint and a model's config.json hold.

        Returns:
            Field name → value.
        """
        return {
            "frame": self.frame,
            "plain": self.plain,
            "scripts": list(self.scripts),
            "languages": list(self.languages),
        }

    @classmethod
    def from_json(cls, document: Any) -> PromptFacts:
        """Read what `to_json` gave; what a stranger's file holds instead counts as not stated.

        Args:
            document: of any form.

        Returns:
            The facts that are of the right form.
        """
        known = document if isinstance(document, dict) else {}
        frame, plain = known.get("frame"), known.get("plain")
        return cls(
            frame=frame if frame in (*FRAMES, BOTH) else NOT_STATED,
            plain=plain if plain in FRAMES else NOT_STATED,
            scripts=_names(known.get("scripts")),
            languages=_names(known.get("languages")),
        )


def facts_of(prompts: Sequence[str], frame: str, plain: str = NOT_STATED) -> PromptFacts:
    """Learn what can be told from training prompts.

    Args:
        prompts: all of them.
        frame: whose left they mean.
        plain: of `both`, the frame of plain words.

    Returns:
        The facts.
    """
    return PromptFacts(frame, plain, taught_scripts(prompts), taught_languages(prompts))


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(name[:LONGEST] for name in value[:MOST] if isinstance(name, str))
