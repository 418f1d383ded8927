"""PNG files: mask, probability, overlay and pseudo-image, at the image's own size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Options, Paths, Writer, Written
from saywhere.io import images
from saywhere.io.overlay import captioned

QUICK = 1
"""zlib's level: compressing an overlay at the default one costs more than the network."""


def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write an answer as PNG files.

    Args:
        answers: One. The mask becomes 0 and 255, the probability and the pseudo-image 0 to 255.
            The overlay has the prompt in a strip below it.
        paths: Where each part goes.
        options: None matters to this format.

    Returns:
        The parts that were written; no "pseudo" for an image-only model.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    (answer,) = answers
    written = []
    for part, path in paths.items():
        picture = PICTURES[part](answer)
        if picture is not None:
            images.write_image(path, picture, QUICK)
            written.append(part)
    return Written(tuple(written))


def _mask(answer: Answer) -> np.ndarray:
    # A view: `where` takes ten times as long.
    return answer.mask.view(np.uint8) * np.uint8(255)


def _probability(answer: Answer) -> np.ndarray:
    return _to_bytes(answer.probability)


def _pseudo(answer: Answer) -> np.ndarray | None:
    return None if answer.pseudo_image is None else _to_bytes(answer.pseudo_image)


def _overlay(answer: Answer) -> np.ndarray:
    return captioned(answer.overlay(), answer.caption)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """[0, 1] → 0 to 255."""
    return (values * 255).round().astype(np.uint8)


PICTURES: dict[str, Callable[[Answer], np.ndarray | None]] = {
    "mask": _mask,
    "probability": _probability,
    "overlay": _overlay,
    "pseudo": _pseudo,
}
"""Part → its picture, uint8; None where the answer has none."""
WRITER = Writer(
    {part: f"-{part}.png" for part in PICTURES}, write, kinds={part: part for part in PICTURES}
)
