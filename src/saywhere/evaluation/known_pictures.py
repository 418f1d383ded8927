"""Learn which pictures a model knows, so that one that is none of its kind is told of."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from saywhere.config import DataConfig
from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.data.select import evaluation_prompt
from saywhere.data.targets import names_of
from saywhere.errors import ConfigError, TooManyFaults
from saywhere.evaluation.evaluate import rows_to_measure
from saywhere.evaluation.prompt_conditions import PromptLevels
from saywhere.inference.segmenter import Segmenter
from saywhere.metrics.picture_domain import FEWEST_PICTURES, Features, KnownPictures, fit

MOST_PICTURES = 600
"""Of the training split: more hardly change the distance, and each is segmented once."""


@dataclass(frozen=True)
class Seen:
    """Rows, each with its own prompt, as a model's network sees them.

    Attributes:
        rows: One or more.
        prompts: One per row.
        features: (row, feature), of the network's maps.
        described: (row, feature + embedding): these with the prompt's vector.
    """

    rows: Sequence[Row]
    prompts: Sequence[str]
    features: Features
    described: Features


def training_pictures(
    segmenter: Segmenter,
    manifest: Path | None,
    levels: PromptLevels,
    advance: Callable[[int], None] = lambda done: None,
    choose: Callable[[Sequence[Row]], Sequence[Row]] | None = None,
) -> Seen | None:
    """Look at pictures of the training split.

    Args:
        segmenter: The model.
        manifest: Other data than the configuration's.
        levels: Of the prompts.
        advance: Called with the number of pictures that were just seen.
        choose: Which rows of the split, one or more; default: `one_per_picture`, of each target
            equally many.

    Returns:
        The chosen rows. None where the manifest has no training split or fewer than
        `FEWEST_PICTURES` rows of it, or where the network names no maps.
    """
    data = segmenter.config.data
    chosen = choose or partial(_of_each_target, data)
    frame = segmenter.prompt_facts.frame
    try:
        known = rows_to_measure(data, manifest, data.train_split, levels, frame, chosen)
    # A set to calibrate on need not hold the training's rows, nor prompts of this level there.
    except (ConfigError, TooManyFaults):
        return None
    if len(known.rows) < FEWEST_PICTURES:
        return None
    prompts = [evaluation_prompt(row, levels.right) for row in known.rows]
    return look(segmenter, known.rows, prompts, advance)


def learn(
    known: Seen, held_out: Sequence[Row], features: Features, data: DataConfig
) -> KnownPictures | None:
    """Learn how the pictures of a training split are distributed, as the model sees them.

    Where the rows say what their masks show (`data.target_column`), the pictures of each target
    are a kind of their own.

    Args:
        known: Of the training split.
        held_out: Rows of another split, which the limit is taken from.
        features: (row, feature) of these.
        data: Of the model's configuration.

    Returns:
        The distributions. None where no kind has enough pictures on either side.
    """
    number_of = {row.id: number for number, row in enumerate(held_out)}
    firsts = _of_each_target(data, list(held_out))
    own, others = _kinds(known.rows, data), _kinds(firsts, data)
    kinds = []
    everywhere = known.features if len(own) > 1 else None
    for name, numbers in own.items():
        apart = [number_of[firsts[number].id] for number in others.get(name, ())]
        if min(len(numbers), len(apart)) >= FEWEST_PICTURES:
            kinds.append(fit(known.features[numbers], features[apart], everywhere))
    return KnownPictures(tuple(kinds)) if kinds else None


def _kinds(rows: Sequence[Row], data: DataConfig) -> dict[str, list[int]]:
    """Target → numbers of its rows; one kind where the rows name no targets."""
    names = names_of(rows, data)
    kinds: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        kinds.setdefault(names.get(row.id, ""), []).append(number)
    return kinds


def _of_each_target(data: DataConfig, rows: Sequence[Row]) -> list[Row]:
    # A prompt counts, too: a film with "left lung" is not seen as one with "both lungs".
    firsts = _first_of_each(rows, names_of(rows, data))
    kinds = _kinds(firsts, data)
    # A rare target's pictures would be few among so many.
    picked = [
        numbers[chosen]
        for numbers in kinds.values()
        for chosen in drawn(len(numbers), MOST_PICTURES // len(kinds))
    ]
    return [firsts[number] for number in sorted(picked)]


def one_per_picture(rows: Sequence[Row]) -> list[Row]:
    """Choose rows of distinct pictures.

    Args:
        rows: Of one split.

    Returns:
        The first row of each picture; of more than `MOST_PICTURES` so many, drawn with seed 0.
    """
    firsts = _first_of_each(rows, {})
    # Drawn, and not the first ones: manifests are often sorted by patient or by clinic.
    return [firsts[number] for number in drawn(len(firsts), MOST_PICTURES)]


def _first_of_each(rows: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """Of each picture, and of each target that it has a row for."""
    # Reversed twice: a dictionary keeps the last row of a picture, and the first one is wanted.
    firsts = {(row.image, names.get(row.id)): row for row in reversed(rows)}
    return list(firsts.values())[::-1]


def drawn(n: int, most: int) -> list[int]:
    """Draw some of many, with seed 0.

    Args:
        n: How many there are.
        most: How many are wanted.

    Returns:
        Rising numbers from 0; all where there are no more than wanted.
    """
    return list(range(n)) if n <= most else sorted(random.Random(0).sample(range(n), most))


def look(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str],
    advance: Callable[[int], None] = lambda done: None,
) -> Seen | None:
    """Take the features of pictures.

    Args:
        segmenter: The model.
        rows: One or more.
        prompts: One per row.
        advance: Called with the number of pictures that were just seen.

    Returns:
        The rows as they are seen; None where the network names no maps.

    Raises:
        UnreadableFile: For an image that cannot be read.
    """
    features: list[Features] = []
    described: list[Features] = []
    for part in Sampler(len(rows), segmenter.config.evaluate.batch_size):
        pictures = [segmenter.prepare(rows[number].image) for number in part]
        readings = [
            segmenter.read(prompts[number], None, picture.geometry)
            for number, picture in zip(part, pictures)
        ]
        segmenter.embed([reading.read_as for reading in readings])
        scores = segmenter.scores(pictures, readings)
        if scores.features is None or scores.described is None:
            return None
        features.append(scores.features)
        described.append(scores.described)
        advance(len(part))
    return Seen(rows, prompts, np.concatenate(features), np.concatenate(described))
