"""The sentence is written anew from the augmented mask, by the set's own rule for places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from saywhere.captions.grid import PlaceRule
from saywhere.captions.lungs import LungRule, named
from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.data.training_prompts import levels_of
from saywhere.datasets.described import fit_rule
from saywhere.prompt_policies.policy import PromptPolicy
from saywhere.transforms.geometry import Geometry


class Recaption(PromptPolicy):
    """What a sentence says of places and their number is replaced by what the mask shows now; all
    else is kept.

    A target that left the frame keeps its words. Where the set names thirds of lungs (LViT's
    sentences), they are written so.
    """

    changes_prompts = True

    def __init__(self, rule: PlaceRule | LungRule) -> None:
        self.rule = rule

    @classmethod
    def open(cls, config: Config, rows: Sequence[Row]) -> Recaption:
        """The rule is fitted on the training rows' first sentences;
        how well it fits is recorded.
        """
        return cls(fit_rule(rows, levels_of(config)))

    def sentences(self, prompt: str) -> list[str]:
        return self._rule_of(prompt).versions(prompt)

    def prompts_after(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        return [
            self._rule_of(prompt).rewrite(prompt, target)
            for prompt, target in zip(prompts, mask[:, 0].bool().cpu().numpy())
        ]

    def facts(self) -> dict[str, Any]:
        return {"place_rule": self.rule.to_json()}

    def _rule_of(self, prompt: str) -> PlaceRule | LungRule:
        """Sentences of mosaics and halves name no thirds of lungs:
        they get places of the 3×3 grid.
        """
        return (
            PlaceRule() if isinstance(self.rule, LungRule) and named(prompt) is None else self.rule
        )
