"""What a model answers to changed copies of pictures, from which a sober expectation is learned.

A model is less often right where pictures differ from its training's, and no less sure. So the
expected Dice is learned from copies, too, that are changed as those of another device may be:
Deng and Zheng 2021 (arXiv 2007.02915) learn a classifier's accuracy from such copies of a labelled
set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saywhere.data.dataset import true_mask
from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.evaluation.known_pictures import drawn
from saywhere.inference.prepared import Prepared
from saywhere.inference.segmenter import Segmenter
from saywhere.io.framing import Framing
from saywhere.metrics.functional import dice
from saywhere.transforms.geometry import Geometry
from saywhere.transforms.photometry import Photometry

MOST_CHANGED = 100
"""Pictures that are changed: each is segmented once for each of `CHANGES`."""


@dataclass(frozen=True)
class Change:
    """One way in which a picture differs from those of the training.

    Attributes:
        name: what it looks like.
        zoom: enlargement about the target's middle, which stays where it was, so that words of
            place stay right.
        brightness: as `Photometry` takes it, and so contrast, saturation, gamma and noise.
        contrast: as there.
        saturation: as there.
        gamma: as there.
        noise: as there.
        blur: σ in shares of the picture's side.
    """

    name: str
    zoom: float = 1.0
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    gamma: float = 1.0
    noise: float = 0.0
    blur: float = 0.0

    def __call__(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Change pictures and the truth alike.

        Args:
            images: (picture, channel, size, size), [0, 1].
            masks: (picture, 1, size, size), 0 or 1.

        Returns:
            Both, of the same shapes.
        """
        if self.zoom != 1:
            zoomed = _about_targets(masks, self.zoom)
            images, masks = zoomed(images), zoomed(masks, "nearest")
        photometry = Photometry.alike(
            len(images),
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
            gamma=self.gamma,
            blur=self.blur * images.shape[-1],
            noise=self.noise,
        )
        return photometry(images).clamp(0, 1), masks


CHANGES = (
    Change("enlarged", zoom=1.5),
    Change("much enlarged", zoom=2.2),
    Change("shrunk", zoom=0.65),
    Change("much shrunk", zoom=0.45),
    Change("blurred", blur=0.0125),
    Change("dark", gamma=2.0),
    Change("bright", gamma=0.5),
    Change("flat", contrast=0.4),
    Change("pale", saturation=0.1),
    Change("noisy", noise=0.08),
)


@dataclass(frozen=True)
class ChangedAnswer:
    """What the model marked on one changed picture.

    Attributes:
        change: its name.
        confidence: mean probability inside the mask; None where nothing is marked.
        dice: [0, 1].
    """

    change: str
    confidence: float | None
    dice: float


def answers(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str],
    changes: Sequence[Change] = CHANGES,
) -> list[ChangedAnswer]:
    """Segment changed copies of pictures, each with its own prompt, at the network's size.

    Args:
        segmenter: The model.
        rows: Of a split that it was not trained on.
        prompts: One per row.
        changes: What is done to each picture.

    Returns:
        One answer per picture and change; copies that have lost their target are left out.

    Raises:
        UnreadableFile: For an image or a mask that cannot be read.
    """
    chosen = drawn(len(rows), MOST_CHANGED)
    segmenter.embed([prompts[number] for number in chosen])
    every: list[ChangedAnswer] = []
    for part in Sampler(len(chosen), segmenter.batch_size):
        numbers = [chosen[number] for number in part]
        pictures = [segmenter.prepare(rows[number].image) for number in numbers]
        truths = [_square_truth(segmenter, rows[n], one) for n, one in zip(numbers, pictures)]
        texts = [prompts[number] for number in numbers]
        for change in changes:
            every += _of_change(segmenter, pictures, np.stack(truths), texts, change)
    return every


def _of_change(
    segmenter: Segmenter,
    pictures: Sequence[Prepared],
    truths: np.ndarray,
    prompts: Sequence[str],
    change: Change,
) -> list[ChangedAnswer]:
    squares = np.stack([one.square for one in pictures])
    images = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255
    masks = torch.from_numpy(truths)[:, None].float()
    images, masks = change(images, masks)
    copies = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    changed = [replace(one, square=copy) for one, copy in zip(pictures, copies)]
    readings = [
        segmenter.read(prompt, None, one.geometry) for prompt, one in zip(prompts, pictures)
    ]
    scores = segmenter.scores(changed, readings)
    threshold = segmenter.config.evaluate.threshold
    changed_answers = []
    for number, target in enumerate(masks[:, 0].numpy() > 0.5):
        probability = scores.probability[number, 0]
        marked = probability > threshold
        confidence = float(probability[marked].mean()) if marked.any() else None
        # What the zoom pushed out of the picture is no target any more.
        if target.any():
            changed_answers.append(ChangedAnswer(change.name, confidence, dice(marked, target)))
    return changed_answers


def _square_truth(segmenter: Segmenter, row: Row, picture: Prepared) -> np.ndarray:
    """bool (size, size): the true mask as the network would see it."""
    truth = true_mask(row, picture.stored.shape[:2])
    return Framing.of(segmenter.config.data).mask(truth).mask


def _about_targets(masks: Tensor, zoom: float) -> Geometry:
    """Enlarge each picture about its target's middle; without a target, about its own."""
    size = masks.shape[-1]
    places = [np.argwhere(mask[0].numpy() > 0.5) for mask in masks]
    middles = [
        (place.mean(0) + 0.5) / size - 0.5 if len(place) else np.zeros(2) for place in places
    ]
    shift = (np.stack(middles) * (1 - zoom)).astype(np.float32)
    still = Geometry.alike(len(masks), scale=zoom)
    return still._replace(translate_down=shift[:, 0], translate_right=shift[:, 1])
