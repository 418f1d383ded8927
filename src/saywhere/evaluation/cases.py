"""The cases of an evaluation: one image, one prompt, and how right the mask was."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.data.dataset import Dataset
from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io import csv_cells, files
from saywhere.io.pseudonyms import Pseudonyms, hasher
from saywhere.metrics.functional import case_metrics


@dataclass(frozen=True)
class Case:
    """One image with one prompt. Its fields are the columns of cases.csv.

    Attributes:
        id: The row's.
        words: The prompt condition, as "right" or "shuffled".
        prompt: What the model was given.
        dice: [0, 1], as all shares here; of the image at its original size.
        iou: Overlap over union.
        precision: Share of the marked pixels that are right.
        recall: Share of the target's pixels that are marked.
        hausdorff_95_px: 95th percentile of the boundary distance, px; infinite where one mask is
            empty.
        surface_dice: Share of the boundaries within the tolerance of each other.
        true_positive: Pixels.
        false_positive: Pixels.
        false_negative: Pixels.
        confidence: Mean probability inside the mask; 0 for an empty mask, None where it was not
            measured.
        expected_dice: What `calibrate` promised; None where it promised nothing.
        presence: How sure the model is that what the prompt names is there, [0, 1]; None where it
            was not measured.
    """

    id: str
    words: str
    prompt: str
    dice: float
    iou: float
    precision: float
    recall: float
    hausdorff_95_px: float
    surface_dice: float
    true_positive: int
    false_positive: int
    false_negative: int
    confidence: float | None = None
    expected_dice: float | None = None
    presence: float | None = None

    @property
    def is_negative(self) -> bool:
        """Is nothing there to be marked? The true mask is empty."""
        return self.true_positive + self.false_negative == 0

    @property
    def is_left_empty(self) -> bool:
        """Did the model mark nothing?"""
        return self.true_positive + self.false_positive == 0

    def to_json(self) -> dict[str, str | float | None]:
        """Returns the fields by name."""
        return asdict(self)


COLUMNS = tuple(field.name for field in fields(Case))
MEASURES = ("dice", "iou", "precision", "recall", "surface_dice")
"""The columns of which a mean over cases is taken."""
DISTANCE = "hausdorff_95_px"
"""It may be infinite, so it has a median and no mean."""


def measure(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str | None],
    condition: str,
    advance: Callable[[int], None],
    keep: Callable[[Result, np.ndarray], None] = lambda result, target: None,
) -> list[Case]:
    """Segment rows with given prompts and measure each mask.

    Args:
        segmenter: The model.
        rows: With their masks.
        prompts: One per row; None for a row that this condition does not apply to.
        condition: Of the prompts, as "right".
        advance: Called with 1 after each case.
        keep: Called with each result and its true mask, in the order of the cases.

    Returns:
        One case per row that has a prompt, in the rows' order.

    Raises:
        UnreadableFile: For an image or a mask that cannot be read.
    """
    tolerance_px = segmenter.config.evaluate.surface_tolerance_px
    chosen = [(row, prompt) for row, prompt in zip(rows, prompts) if prompt is not None]
    # The encoder runs once, and not for each batch of images.
    segmenter.embed([prompt for _, prompt in chosen])
    cases = []
    for (row, prompt), (result, target) in zip(chosen, answers(segmenter, chosen)):
        case = Case(
            id=row.id,
            words=condition,
            prompt=prompt,
            # None where nothing is marked: of all answers that is the least sure one.
            confidence=result.confidence or 0.0,
            expected_dice=result.expected_dice,
            presence=result.presence,
            **case_metrics(result.mask, target, tolerance_px),  # type: ignore[arg-type]
        )
        cases.append(case)
        keep(result, target)
        advance(1)
    return cases


def answers(
    segmenter: Segmenter, pairs: Sequence[tuple[Row, str]]
) -> Iterator[tuple[Result, np.ndarray]]:
    """Segment rows; one batch of them is in memory at once.

    Args:
        segmenter: The model.
        pairs: Each row with its prompt.

    Yields:
        The result, and the true mask, bool (height, width), both at the image's original size.

    Raises:
        UnreadableFile: For an image or a mask that cannot be read.
    """
    config = segmenter.config
    dataset = Dataset.of_config([row for row, _ in pairs], config.data)
    for part in Sampler(len(dataset), config.evaluate.batch_size):
        pictures = [dataset.rows[number].image for number in part]
        results = segmenter.segment_many(pictures, [pairs[number][1] for number in part])
        for number, result in zip(part, results):
            yield result, dataset.truth(number, result.mask.shape)


def write_cases(path: Path, cases: Iterable[Case], pseudonyms: Pseudonyms | None = None) -> None:
    """Write cases.csv.

    Args:
        path: Of the file.
        cases: In this order; floats are written with six digits, texts as `io.csv_cells` writes
            them.
        pseudonyms: Where given, ids and prompts are hashed.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    sheet = io.StringIO()
    # By itself, the csv module ends lines as Windows does.
    writer = csv.DictWriter(sheet, COLUMNS, lineterminator="\n")
    writer.writeheader()
    hashed = hasher(pseudonyms)
    for case in cases:
        shown = replace(case, id=hashed(case.id), prompt=hashed(case.prompt))
        writer.writerow({name: _cell(value) for name, value in shown.to_json().items()})
    files.write_text(path, sheet.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    # Ids and prompts are a stranger's; a spreadsheet would run some of them.
    return csv_cells.cell(value) if isinstance(value, str) else value
