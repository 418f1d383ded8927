"""Phantoms of which a sentence names lesions by place, by attributes, by both, or by number.

The pictures are drawn as those of `datasets.synthetic`. A row is a target and one way to name it:
so a table can say which ways a model understands.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from saywhere.captions import attribute_templates, templates
from saywhere.captions.templates import SIZES, TONES
from saywhere.data.file_checks import Progress
from saywhere.data.records import Fields
from saywhere.datasets.phantoms import refuse_source, told_of_earlier
from saywhere.datasets.set_writer import Prepared
from saywhere.datasets.synthetic import Lesion, draw_phantom
from saywhere.io.files import keep_earlier, write_text
from saywhere.seeds import generator

SEED = 2511
SIZE = 64
IMAGES = {"train": 320, "val": 32, "test": 160}
N_TAUGHT = 8
WAYS = ("place", "attributes", "both", "number")
"""How a row's sentences name its target.

place: "the lesion in the upper left". attributes: "the small bright one", where it is the only one
of its kind. both: the two together. number: "the two dark lesions", of several that are so while
others are not.
"""


@dataclass(frozen=True)
class Target:
    """What the sentences of a row name."""

    way: str
    """One of `WAYS`."""
    name: str
    """The place of the lesion, or what several share."""
    mask: np.ndarray
    """bool (height, width)"""
    wordings: tuple[str, ...]
    """All sentences that name it in this way."""


def prepare_attribute_phantoms(
    source: Path | None, target: Path, progress: Progress | None = None
) -> Prepared:
    """Draw 320 images to train on, 32 to validate on and 160 to test, of 64 × 64 pixels.

    Each thing that can be named in them is a row for each way of naming it (`WAYS`, the column
    `way`).

    Args:
        source: None: phantoms are drawn, not read.
        target: the folder to write to.
        progress: not called, since drawing takes seconds.

    Returns:
        What was written.

    Raises:
        UsageError: a source is given.
        NotWritable: the folder cannot be written.
    """
    refuse_source(source)
    place = target / "manifest.jsonl"
    earlier = keep_earlier(place, b"")
    for name in ("images", "masks"):
        (target / name).mkdir(parents=True, exist_ok=True)
    # Gone while its pictures change, so that half a set is never taken for a whole one.
    place.unlink(missing_ok=True)
    rows: list[Fields] = []
    for split, n_images in IMAGES.items():
        for index in range(n_images):
            rows += _write_image(target, split, index)
    write_text(place, "".join(json.dumps(row) + "\n" for row in rows))
    counts = dict(Counter(str(row["split"]) for row in rows))
    return Prepared(place, counts, told_of_earlier(earlier, place))


def targets(lesions: Sequence[Lesion]) -> Iterator[Target]:
    """What can be named in a picture, in every way.

    Args:
        lesions: of the picture.

    Yields:
        Three for each lesion that is the only one of its size and brightness, then one for each
        group of two or three that share an attribute which others lack.
    """
    kinds = Counter((lesion.bright, lesion.large) for lesion in lesions)
    for lesion in lesions:
        if kinds[lesion.bright, lesion.large] == 1:
            yield from _of_one(lesion)
    for value in (True, False):
        yield from _of_several(lesions, [one.bright == value for one in lesions], TONES[value])
        yield from _of_several(lesions, [one.large == value for one in lesions], SIZES[value])


def _of_one(lesion: Lesion) -> Iterator[Target]:
    attributes = {"bright": lesion.bright, "large": lesion.large}
    with_place = templates.synonyms(lesion.place, **attributes)
    without = attribute_templates.one_choices(**attributes)
    ways = {
        "place": _every(templates.PLACE_TEMPLATES, with_place),
        "attributes": _every(attribute_templates.ONE_TEMPLATES, without),
        "both": _every(templates.ATTRIBUTE_TEMPLATES, with_place),
    }
    for way, wordings in ways.items():
        yield Target(way, lesion.place.replace(" ", "_"), lesion.mask, wordings)


def _of_several(
    lesions: Sequence[Lesion], are_so: Sequence[bool], words: tuple[str, ...]
) -> Iterator[Target]:
    members = [lesion.mask for lesion, is_so in zip(lesions, are_so) if is_so]
    # All of them together would need no attribute.
    if 2 <= len(members) < len(lesions):
        choices = attribute_templates.several_choices(len(members), words)
        wordings = _every(attribute_templates.SEVERAL_TEMPLATES, choices)
        yield Target("number", words[0], np.any(members, axis=0), wordings)


def _every(patterns: Sequence[str], choices: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    written = [templates.every(pattern, dict(choices)) for pattern in patterns]
    return tuple(chain.from_iterable(written))


def _write_image(folder: Path, split: str, index: int) -> list[Fields]:
    """Write one image and its masks; return its rows."""
    pixels, lesions = draw_phantom(split, index, size=SIZE, seed=SEED)
    name = f"{split}_{index:04d}"
    Image.fromarray(pixels).save(folder / "images" / f"{name}.png", compress_level=1)
    rows = []
    for number, target in enumerate(targets(lesions)):
        mask = f"masks/{name}_{target.name}.png"
        Image.fromarray(target.mask.astype(np.uint8) * 255).save(folder / mask, compress_level=1)
        random = generator(SEED, f"attribute phantom words {split}", index, number)
        chosen = random.choice(len(target.wordings), N_TAUGHT, replace=False)
        taught = [target.wordings[i] for i in chosen]
        rows.append(
            {
                "id": f"{name}_{target.name}_{target.way}",
                "image": f"images/{name}.png",
                "mask": mask,
                "split": split,
                # Rows of one image must stay in one split.
                "group": name,
                "frame": "image",
                "oracle": True,
                "prompts": {"taught": taught, "plain": taught[0]},
                "lesions": len(lesions),
                "way": target.way,
            }
        )
    return rows
