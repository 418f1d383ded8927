"""What a model answers to one image and one prompt: the record that every writer reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from saywhere.io.geometry import Geometry
from saywhere.io.overlay import overlay
from saywhere.metrics.calibration import Expectation
from saywhere.text.frames import NOT_STATED, whose_side


@dataclass(frozen=True)
class Answer:
    """One image's answer to one prompt, in the image's original frame.

    Attributes:
        image: uint8 (height, width, channel).
        prompt: The cleaned prompt; empty for no words.
        probability: float32 (height, width), [0, 1].
        mask: bool (height, width): the probability above the threshold.
        pseudo_image: float32 (height, width, 3), [0, 1]: what the prompt looks like to the
            network. None for an image-only model.
        unfamiliarity: Distance of the prompt from the training prompts. Above 1 the prompt is
            unlike anything that the model was trained on.
        picture_unfamiliarity: Distance of the picture from the training pictures. Above 1 it is
            farther than 98 % of held-out pictures of the training's kind. None for a model that
            learned no such distance.
        expectation: What `saywhere calibrate` learned of the model. None where it did not, or
            learned it of another threshold.
        geometry: Where the image lies in a patient or a volume, for the writers. None for a plain
            picture, an array or a tensor.
        read_as: The prompt in the model's frame, where it named the other one and was translated.
            None where it was read as it is.
        frame: Whose left and right the model was taught: "image", "patient", "both" (the prompt
            says whose), or "" where it is not stated or the model reads no prompt.
        warnings: What a reader should know of the prompt, in sentences: that it was translated, or
            is in another language than the model was taught.
        judged_presence: Probability that what the prompt names is in the image, [0, 1], by the
            model's presence head, or by what `saywhere calibrate` learned of a model without one;
            the mask is empty where it is below the threshold that was chosen there. None for a
            model with neither.
        features: float32 (feature,): mean and spread of the network's maps, by which pictures are
            compared. None where the network names no maps.
        described: float32 (feature + embedding,): these with the prompt's vector, from which
            presence is learned. None where there are no features.
    """

    image: np.ndarray
    prompt: str
    probability: np.ndarray
    mask: np.ndarray
    pseudo_image: np.ndarray | None
    unfamiliarity: float
    expectation: Expectation | None = None
    geometry: Geometry | None = None
    read_as: str | None = None
    frame: str = NOT_STATED
    warnings: tuple[str, ...] = ()
    picture_unfamiliarity: float | None = None
    judged_presence: float | None = None
    features: np.ndarray | None = field(default=None, repr=False)
    described: np.ndarray | None = field(default=None, repr=False)

    @property
    def caption(self) -> str:
        """What to write below the picture: the prompt, and whose left it means.

        Returns:
            Such as "left lung (left of the image)"; the prompt alone where it names no side or the
            model's frame is not stated.
        """
        if not self.prompt:
            return "(no words)"
        read = self.prompt if self.read_as is None else f"{self.prompt} = {self.read_as}"
        whose = whose_side(self.prompt if self.read_as is None else self.read_as, self.frame)
        return f"{read} ({whose})" if whose else read

    @property
    def presence(self) -> float:
        """How sure the model is that what the prompt names is in the image.

        Returns:
            Of a model that learned presence, `judged_presence`. Else the largest probability,
            [0, 1], which is not calibrated.
        """
        if self.judged_presence is not None:
            return self.judged_presence
        return float(self.probability.max())

    @cached_property
    def confidence(self) -> float | None:
        """How sure the model is of what it marks.

        It is not calibrated: `expected_dice` says what it is worth, and `saywhere evaluate` says
        whether a model's less sure answers are the worse ones.

        Returns:
            Mean probability inside the mask, [0.5, 1] at the default threshold. None for an empty
            mask.
        """
        # The mean over no pixels would be NaN, with a warning of NumPy.
        return float(self.probability[self.mask].mean()) if self.mask.any() else None

    @property
    def expected_dice(self) -> float | None:
        """Mean Dice of answers as sure as this one, where the truth was known.

        The prompts were right there. Of a wrong prompt too much is expected: the model does not
        know that it is wrong. `saywhere evaluate` measures both.

        Returns:
            Dice, [0, 1]. None for an empty mask, for a model that was not calibrated, and where
            the picture is unlike those of the training: nothing was learned of such.
        """
        if self.expectation is None or (self.picture_unfamiliarity or 0) > 1:
            return None
        return self.expectation.of(self.confidence)

    def to_json(self) -> dict[str, Any]:
        """Sum the answer up.

        Returns:
            What a line of predictions.jsonl says of it: prompt, size, area_px, presence,
            confidence, expected_dice, unfamiliarity, picture_unfamiliarity, frame, read_as and
            warnings.
        """
        height, width = self.mask.shape
        return {
            "prompt": self.prompt,
            "size": [height, width],
            "area_px": int(np.count_nonzero(self.mask)),
            "presence": round(self.presence, 4),
            "confidence": rounded(self.confidence),
            "expected_dice": rounded(self.expected_dice),
            "unfamiliarity": round(self.unfamiliarity, 3),
            "picture_unfamiliarity": rounded(self.picture_unfamiliarity),
            "frame": self.frame,
            "read_as": self.read_as,
            "warnings": list(self.warnings),
        }

    def overlay(self) -> np.ndarray:
        """Draw the mask on the image.

        Returns:
            uint8 (height, width, 3), in the original frame.
        """
        return overlay(self.image, self.mask)


def rounded(value: float | None) -> float | None:
    """Round a number of an answer as files and the service give it.

    Args:
        value: any; None where there is none.

    Returns:
        Four digits after the point; None for None.
    """
    return None if value is None else round(value, 4)
