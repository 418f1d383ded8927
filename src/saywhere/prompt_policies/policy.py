"""The interface of an arm; as it stands, words that nothing happens to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.transforms.geometry import Geometry


class PromptPolicy:
    """Each sentence that it can say is known beforehand,
    so that no training step runs the encoder.
    """

    pseudo_image_turns = False
    """Does the pseudo-image turn with the image? (Only early fusion has one.)"""
    changes_prompts = False
    """Does `say` ever answer with another sentence?"""

    @classmethod
    def open(cls, config: Config, rows: Sequence[Row]) -> PromptPolicy:
        """Ready for these training rows."""
        return cls()

    def sentences(self, prompt: str) -> list[str]:
        """All that `prompt` can become, itself included."""
        return [prompt]

    def geometry(self, drawn: Geometry) -> Geometry:
        """How image and mask are turned, of what was drawn."""
        return drawn

    def prompts_after(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        """The sentences of a batch after `geometry`; `mask`: (batch, 1, height, width), turned."""
        return list(prompts)

    def facts(self) -> dict[str, Any]:
        """What is to be recorded of it in run.json."""
        return {}
