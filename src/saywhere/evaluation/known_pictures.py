"""Learn which pictures a model knows, so that one that is none of its kind is told of."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
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


def learn(
    segmenter: Segmenter,
    manifest: Path | None,
    levels: PromptLevels,
    held_out: Sequence[Row],
    advance: Callable[[int], None] = lambda done: None,
) -> PictureDomain | None:
    """Learn how the pictures of a training split are distributed, as the model sees them.

    Args:
        segmenter: The model.
        manifest: Other data than the configuration's.
        levels: Of the prompts.
        held_out: Rows of another split, which the limit is taken from.
        advance: Called with 1 after each picture.

    Returns:
        The distribution. None where there are too few pictures on either side, where the manifest
        has no training split, or where the network names no maps.
    """
    data = segmenter.config.data
    frame = segmenter.prompt_facts.frame
    try:
        known = rows_to_measure(data, manifest, data.train_split, levels, frame, one_per_picture)
    # A set to calibrate on need not hold the training's rows, nor prompts of this level there.
    except (ConfigError, TooManyFaults):
        return None
    others = one_per_picture(list(held_out))
    if min(len(known.rows), len(others)) < FEWEST_PICTURES:
        return None
    features = [features_of(segmenter, rows, levels, advance) for rows in (known.rows, others)]
    if features[0] is None or features[1] is None:
        return None
    return fit(features[0], features[1])


def one_per_picture(rows: list[Row]) -> list[Row]:
    """Choose rows of distinct pictures.

    Args:
        rows: Of one split.

    Returns:
        The first row of each picture; of more than `MOST_PICTURES` so many, drawn with seed 0.
    """
    # Reversed twice: a dictionary keeps the last row of a picture, and the first one is wanted.
    firsts = list({row.image: row for row in reversed(rows)}.values())[::-1]
    if len(firsts) <= MOST_PICTURES:
        return firsts
    # Drawn, and not the first ones: manifests are often sorted by patient or by clinic.
    chosen = sorted(random.Random(0).sample(range(len(firsts)), MOST_PICTURES))
    return [firsts[number] for number in chosen]


def features_of(
    segmenter: Segmenter,
    rows: Sequence[Row],
    levels: PromptLevels,
    advance: Callable[[int], None] = lambda done: None,
) -> Features | None:
    """Take the features of pictures, each with its own prompt.

    Args:
        segmenter: The model.
        rows: One or more.
        levels: Of the prompts.
        advance: Called with 1 after each picture.

    Returns:
        (picture, feature); None where the network names no maps.

    Raises:
        UnreadableFile: For an image that cannot be read.
    """
    parts = []
    for part in Sampler(len(rows), segmenter.config.evaluate.batch_size):
        pictures = [segmenter.prepare(rows[number].image) for number in part]
        prompts = [evaluation_prompt(rows[number], levels.right) for number in part]
        readings = [
            segmenter.read(prompt, None, picture.geometry)
            for prompt, picture in zip(prompts, pictures)
        ]
        segmenter.embed([reading.read_as for reading in readings])
        features = segmenter.scores(pictures, readings).features
        if features is None:
            return None
        parts.append(features)
        advance(len(part))
    return np.concatenate(parts)
