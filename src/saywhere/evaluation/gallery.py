"""The pictures of an evaluation.

Best, median and worst cases, and a few images that are given several prompts each.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from saywhere.data.dataset import true_mask
from saywhere.data.manifest_row import Row
from saywhere.data.select import evaluation_prompt
from saywhere.evaluation.cases import Case
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.mask_resize import resize_mask
from saywhere.io.pseudonyms import Pseudonyms, hasher
from saywhere.metrics.functional import dice
from saywhere.text.directions import contradict

N_EACH = 2
"""Best cases, median ones, and worst ones."""
RANKS = ("best", "median", "worst")
"""In the order in which they are shown."""
N_QUESTIONS = 3
"""Images that are given several prompts."""
N_PROMPTS = 3
LONGEST_PX = 800
"""Larger pictures are shrunk to this side.

The report shows 400 px. Photographs at their own size took more than half of an evaluation's time.
"""


@dataclass(frozen=True)
class Shown:
    """A case in pictures: names of files in pictures/.

    Attributes:
        rank: "best", "median" or "worst", by Dice.
        id: The row's.
        prompt: The right one.
        dice: [0, 1], at the original size.
        image: The image.
        truth: The true mask.
        prediction: The predicted mask.
        pseudo_image: What the prompt looks like to the network; None for an image-only model.
    """

    rank: str
    id: str
    prompt: str
    dice: float
    image: str
    truth: str
    prediction: str
    pseudo_image: str | None


@dataclass(frozen=True)
class Reply:
    """What an image's model answers to one of several prompts.

    Attributes:
        prompt: Empty for no words.
        dice: [0, 1]; None where it is not known what is right.
        prediction: The predicted mask's file.
        pseudo_image: As in `Shown`.
    """

    prompt: str
    dice: float | None
    prediction: str
    pseudo_image: str | None


@dataclass(frozen=True)
class Replies:
    """One image's answers to several prompts, as pictures.json holds them.

    Attributes:
        id: Of the image: its file's name without the ending.
        image: The image's file in pictures/.
        answers: In the order of the prompts.
    """

    id: str
    image: str
    answers: list[Reply]


@dataclass(frozen=True)
class Question:
    """An image, and the prompts that it is given.

    Attributes:
        image: The file.
        prompts: Each with the file of the mask that is right for it; None where none is known.
    """

    image: Path
    prompts: list[tuple[str, Path | None]]


def write(
    folder: Path,
    segmenter: Segmenter,
    rows: Sequence[Row],
    cases: Sequence[Case],
    contradicted: Sequence[Case] = (),
    pseudonyms: Pseudonyms | None = None,
) -> None:
    """Fill folder/pictures and folder/pictures.json, in place of an earlier evaluation's.

    Args:
        folder: Of the evaluation.
        segmenter: The model that was evaluated.
        rows: That were measured.
        cases: With right prompts.
        contradicted: With contradictory ones, as far as there are any.
        pseudonyms: Where given, ids and prompts are hashed in pictures.json.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    place = folder / "pictures"
    with files.refusing(place):
        # Fewer cases make fewer pictures: an earlier evaluation's would stay beside them.
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        by_id = {row.id: row for row in rows}
        shown = [
            _show(place, segmenter, by_id[case.id], case, (rank, number))
            for rank, number, case in _ranked(cases)
        ]
        questions = _questions(segmenter, rows, cases, contradicted)
        replies = [
            _ask(place, segmenter, question, f"asked-{number}")
            for number, question in enumerate(questions, start=1)
        ]
    hashed = hasher(pseudonyms)
    content: dict[str, object] = {
        "cases": [asdict(_shown_as(case, hashed)) for case in shown],
        "prompts": [asdict(_replies_as(one, hashed)) for one in replies],
    }
    if pseudonyms is not None:
        # A report that is to name nobody hashes nothing twice.
        content["no_identifiers"] = True
    files.write_json(folder / "pictures.json", content)


def _shown_as(case: Shown, hashed: Callable[[str], str]) -> Shown:
    return replace(case, id=hashed(case.id), prompt=hashed(case.prompt))


def _replies_as(one: Replies, hashed: Callable[[str], str]) -> Replies:
    answers = [replace(reply, prompt=hashed(reply.prompt)) for reply in one.answers]
    return replace(one, id=hashed(one.id), answers=answers)


def _ranked(cases: Sequence[Case]) -> list[tuple[str, int, Case]]:
    """Rank, number within the rank, and case; each case once."""
    ordered = sorted(cases, key=lambda case: case.dice)
    # Of few cases one a rank: the second best of four would be the second worst as well.
    n_each = N_EACH if len(ordered) >= len(RANKS) * N_EACH else 1
    middle = max(0, (len(ordered) - n_each) // 2)
    groups = {
        "best": ordered[::-1][:n_each],
        "worst": ordered[:n_each],
        "median": ordered[middle : middle + n_each],
    }
    shown: set[str] = set()
    ranked: list[tuple[str, int, Case]] = []
    for rank, group in groups.items():
        left = [case for case in group if case.id not in shown]
        shown.update(case.id for case in left)
        ranked += [(rank, number, case) for number, case in enumerate(left, start=1)]
    return sorted(ranked, key=lambda one: RANKS.index(one[0]))


def _show(
    place: Path, segmenter: Segmenter, row: Row, case: Case, ranked: tuple[str, int]
) -> Shown:
    # Once more: of all the cases, numbers were kept and no pictures.
    result = segmenter.segment(row.image, case.prompt)
    rank, number = ranked
    name = f"{rank}-{number}"
    image, truth = f"{name}-image.png", f"{name}-truth.png"
    _draw(place / image, result.image)
    _draw_mask(place / truth, true_mask(row, result.mask.shape))
    prediction, pseudo_image = _draw_answer(place, name, result)
    return Shown(
        rank=rank,
        id=row.id,
        prompt=case.prompt,
        dice=case.dice,
        image=image,
        truth=truth,
        prediction=prediction,
        pseudo_image=pseudo_image,
    )


def _ask(place: Path, segmenter: Segmenter, question: Question, name: str) -> Replies:
    """One image, several prompts."""
    image = f"{name}-image.png"
    replies = []
    for number, (prompt, mask) in enumerate(question.prompts, start=1):
        result = segmenter.segment(question.image, prompt)
        # All prompts are about one image.
        if number == 1:
            _draw(place / image, result.image)
        right = None if mask is None else dice(result.mask, images.read_mask(mask))
        replies.append(Reply(prompt, right, *_draw_answer(place, f"{name}-{number}", result)))
    return Replies(question.image.stem, image, replies)


def _draw_answer(place: Path, name: str, result: Result) -> tuple[str, str | None]:
    """Names of the prediction's and the pseudo-image's file."""
    prediction, pseudo_image = f"{name}-prediction.png", f"{name}-pseudo.png"
    _draw_mask(place / prediction, result.mask)
    if result.pseudo_image is None:
        return prediction, None
    _draw(place / pseudo_image, (result.pseudo_image * 255).round().astype(np.uint8))
    return prediction, pseudo_image


def _draw(path: Path, pixels: np.ndarray) -> None:
    """uint8 (height, width, channel) → PNG.

    It is not flushed to the disk: pictures can be made again, and to wait for the disk took most
    of a small picture's time.
    """
    size = _shrunk(pixels.shape)
    small = pixels if size is None else images.resize_image(pixels, size)
    # A grey PNG has no channel axis.
    path.write_bytes(images.png_bytes(small[..., 0] if small.shape[-1] == 1 else small))


def _draw_mask(path: Path, mask: np.ndarray) -> None:
    """bool (height, width) → PNG of 0 and 255."""
    size = _shrunk(mask.shape)
    small = mask if size is None else resize_mask(mask, size)
    path.write_bytes(images.png_bytes(np.where(small, np.uint8(255), np.uint8(0))))


def _shrunk(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """(height, width) within LONGEST_PX; None where a picture is small enough."""
    height, width = shape[:2]
    factor = LONGEST_PX / max(height, width)
    if factor >= 1:
        return None
    return max(1, round(height * factor)), max(1, round(width * factor))


def _questions(
    segmenter: Segmenter,
    rows: Sequence[Row],
    cases: Sequence[Case],
    contradicted: Sequence[Case],
) -> list[Question]:
    """An image's own lesions where the set names several; else right, opposite and no prompt."""
    if not segmenter.hears_words:
        return []
    questions = _several_lesions(rows, segmenter) or _one_lesion(rows, cases, contradicted)
    return questions[:N_QUESTIONS]


def _several_lesions(rows: Sequence[Row], segmenter: Segmenter) -> list[Question]:
    level = segmenter.config.evaluation_level
    by_image: dict[Path, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image, []).append(row)
    questions = []
    for image, lesions in by_image.items():
        if len(lesions) >= N_PROMPTS:
            prompts = [(evaluation_prompt(row, level), row.mask) for row in lesions[:N_PROMPTS]]
            questions.append(Question(image, prompts))
    return questions


def _one_lesion(
    rows: Sequence[Row], cases: Sequence[Case], contradicted: Sequence[Case]
) -> list[Question]:
    by_id = {row.id: row for row in rows}
    own = {case.id: case for case in cases}
    if contradicted:
        opposite = {case.id: case.prompt for case in contradicted}
        chosen = _most_median_least_changed(own, contradicted)
    else:
        opposite = _opposites(cases)
        # The best first: where a model is wrong anyway, an opposite prompt shows little.
        chosen = sorted(opposite, key=lambda name: -own[name].dice)
    return [
        Question(
            by_id[name].image,
            # Nothing says what is right for an opposite prompt, or for none.
            [(own[name].prompt, by_id[name].mask), (opposite[name], None), ("", None)],
        )
        for name in chosen
    ]


def _most_median_least_changed(own: dict[str, Case], contradicted: Sequence[Case]) -> list[str]:
    """The ids of the cases whose Dice contradictory prompts changed most, least, and between."""
    # The greatest loss first: there the contradictory prompt changed most.
    changed = sorted(contradicted, key=lambda case: case.dice - own[case.id].dice)
    # A set: of one or two cases, these places are the same.
    places = sorted({0, len(changed) // 2, len(changed) - 1})
    return [changed[place].id for place in places]


def _opposites(cases: Sequence[Case]) -> dict[str, str]:
    """Id → contradictory prompt, of the cases that have one."""
    opposites = {case.id: contradict(case.prompt) for case in cases}
    return {name: prompt for name, prompt in opposites.items() if prompt is not None}
