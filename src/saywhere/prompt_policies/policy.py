"""The interface of a prompt policy; as it stands, prompts stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from torch import Tensor

from saywhere.captions.grid import PlaceRuleRecord
from saywhere.captions.lungs import LungRuleRecord
from saywhere.config import AugmentConfig
from saywhere.data.manifest_row import Row
from saywhere.transforms.geometry import Geometry


class PolicyRecord(TypedDict, total=False):
    """What run.json says of a policy, beside its name."""

    place_rule: PlaceRuleRecord | LungRuleRecord


class PromptPolicy:
    """What happens to the prompt of a sample whose image is transformed.

    All prompts that a policy can give are known beforehand, so that they are embedded once and no
    training step runs the encoder.
    """

    pseudo_image_turns = False
    """Does the pseudo-image turn with the image? (Only early fusion has one.)"""
    # Asked before each step: most policies then need no look at the masks.
    changes_prompts = False
    """Does `prompts_after` ever give another prompt?"""

    @classmethod
    def open(
        cls, augment: AugmentConfig, levels: Sequence[str], rows: Sequence[Row]
    ) -> PromptPolicy:
        """Make the policy for these training rows.

        Args:
            augment: How images will be transformed.
            levels: The prompt levels that training draws from.
            rows: The training rows.

        Returns:
            The policy, fitted where it needs to be.
        """
        return cls()

    def sentences(self, prompt: str) -> list[str]:
        """All prompts that a prompt can become.

        Args:
            prompt: As the manifest gives it.

        Returns:
            Those prompts, itself included.
        """
        return [prompt]

    def geometry(self, drawn: Geometry) -> Geometry:
        """How image and mask are transformed.

        Args:
            drawn: The geometry that the augmentation drew.

        Returns:
            What is done of it; all of it, unless a policy says otherwise.
        """
        return drawn

    def prompts_after(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        """The prompts of a batch after its transform.

        Args:
            prompts: One per sample, as they fit the original images.
            geometry: What was done to the images.
            mask: (batch, 1, height, width), 0 or 1, augmented frame.

        Returns:
            One prompt per sample.
        """
        return list(prompts)

    def facts(self) -> PolicyRecord:
        """What run.json records of the policy; empty where there is nothing to say."""
        return {}
