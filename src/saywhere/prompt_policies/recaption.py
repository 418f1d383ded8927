"""The prompt is written anew from the augmented mask, by the data set's own rule for places."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from saywhere.captions.grid import PlaceRule
from saywhere.captions.lungs import LungRule, named
from saywhere.config import AugmentConfig
from saywhere.data.manifest_row import Row
from saywhere.datasets.described import fit_rule
from saywhere.prompt_policies.policy import PolicyRecord, PromptPolicy
from saywhere.transforms.geometry import Geometry


class Recaption(PromptPolicy):
    """Replace places and their number by what the transformed mask shows; all else stays.

    The prompt of a target that left the frame stays as it is. Where the data set names thirds of
    lungs (LViT's sentences), places are written so.
    """

    changes_prompts = True

    def __init__(self, rule: PlaceRule | LungRule) -> None:
        self.rule = rule

    @classmethod
    def open(cls, augment: AugmentConfig, levels: Sequence[str], rows: Sequence[Row]) -> Recaption:
        """Fit the rule for places on the first prompt of each training row.

        Args:
            augment: Not used: whatever moves, the mask shows where it went.
            levels: The prompt levels that training draws from.
            rows: The training rows, with masks.

        Returns:
            The policy; its `facts` say how well the rule fits.
        """
        # Fitted to the set's own words: a rule of our own would mix its error with the policy's.
        return cls(fit_rule(rows, list(levels)))

    def sentences(self, prompt: str) -> list[str]:
        """The prompt with every place that the rule can write. See `PromptPolicy`."""
        return self._rule_of(prompt).versions(prompt)

    def prompts_after(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        """The prompts with the places of the transformed masks. See `PromptPolicy`."""
        return [
            self._rule_of(prompt).rewrite(prompt, target)
            # One copy from the device for the whole batch.
            for prompt, target in zip(prompts, mask[:, 0].bool().cpu().numpy())
        ]

    def facts(self) -> PolicyRecord:
        """The rule, and how well it fits the training rows' own prompts."""
        return {"place_rule": self.rule.to_json()}

    def _rule_of(self, prompt: str) -> PlaceRule | LungRule:
        """Prompts of mosaics and halves name no thirds of lungs: they get places of a 3×3 grid."""
        if isinstance(self.rule, LungRule) and named(prompt) is None:
            # Thirds of the image, since those sentences come from templates and fit no set's rule.
            return PlaceRule()
        return self.rule
