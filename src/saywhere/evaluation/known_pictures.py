"""Learn which pictures a model knows, so that one that is none of its kind is told of."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ConfigError, TooManyFaults
from saywhere.evaluation.evaluate import rows_to_measure
from saywhere.evaluation.prompt_conditions import PromptLevels
from saywhere.inference.segmenter import Segmenter
from saywhere.metrics.picture_domain import FEWEST_PICTURES, Features, PictureDomain, fit

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
    choose: Callable[[list[Row]], list[Row]] | None = None,
) -> Seen | None:
    """Look at pictures of the training split.

    Args:
        segmenter: The model.
        manifest: Other data than the configuration's.
        levels: Of the prompts.
        advance: Called with the number of pictures that were just seen.
        choose: Which rows of the split, one or more; default: `one_per_picture`.

    Returns:
        The chosen rows. None where the manifest has no training split or fewer than
        `FEWEST_PICTURES` rows of it, or where the network names no maps.
    """
    chosen = choose or one_per_picture
    data = segmenter.config.data
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


def learn(known: Seen, held_out: Sequence[Row], features: Features) -> PictureDomain | None:
    """Learn how the pictures of a training split are distributed, as the model sees them.

    Args:
        known: Of the training split.
        held_out: Rows of another split, which the limit is taken from.
        features: (row, feature) of these.

    Returns:
        The distribution. None where there are too few pictures on either side.
    """
    number_of = {row.image: number for number, row in reversed(list(enumerate(held_out)))}
    others = [number_of[row.image] for row in one_per_picture(list(held_out))]
    if min(len(known.rows), len(others)) < FEWEST_PICTURES:
        return None
    return fit(known.features, features[others])


def one_per_picture(rows: list[Row]) -> list[Row]:
    """Choose rows of distinct pictures.

    Args:
        rows: Of one split.

    Returns:
        The first row of each picture; of more than `MOST_PICTURES` so many, drawn with seed 0.
    """
    # Reversed twice: a dictionary keeps the last row of a picture, and the first one is wanted.
    firsts = list({row.image: row for row in reversed(rows)}.values())[::-1]
    # Drawn, and not the first ones: manifests are often sorted by patient or by clinic.
    return [firsts[number] for number in drawn(len(firsts), MOST_PICTURES)]


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
