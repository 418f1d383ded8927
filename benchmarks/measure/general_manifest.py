"""Join the five sets into one manifest, from which the model `general` learns.

    python benchmarks/measure/general_manifest.py runs/five

Writes FOLDER/manifest.jsonl, and a manifest of each set alone: its rows with its splits. `target`
says what a row's mask shows, `unmarked` what its image may show without a mask, `half` what its
halves are called. Levels of prompts: `place` (the set's longest), `attributes` (without a place),
`name` (vague: the target alone) and `check` (one sentence, for validation and tests). SAYWHERE_DATA
names the folder of the sets.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from saywhere.io.files import write_text

DATA = Path(os.environ.get("SAYWHERE_DATA", "../shared/data"))
N_VALIDATED = 150
"""Rows of a set that choose the checkpoint: QaTa has 1,429."""
LUNGS = ["lung", "left lung", "right lung"]
# "Lesion" is a name of four targets: it is in no sentence that another set could be lent.
VAGUE = (
    "{n}",
    "the {n}",
    "a {n}",
    "{n}.",
    "{n}?",
    "segment the {n}",
    "please mark the {n}",
    "could you mark the {n} for me?",
    "outline the {n} in this image",
    "delineate every {n}",
    "highlight the {n}",
    "locate the {n}, please",
    "contour of the {n}",
    "segmentation of the {n}",
    "the area that the {n} covers",
    "region of the {n}",
    "which part of the {m} is the {n}?",
    "what belongs to the {n}?",
    "is there a {n}?",
    "is a {n} visible in this {m}?",
    "can you find the {n}?",
    "what is the extent of the {n}?",
    "there is a {n}",
    "there is a {n} in this {m}",
    "this is a {n}",
    "a {n} is visible",
    "a {n} can be seen",
    "{n} present",
    "I see a {n}",
    "{n} in the {m}",
    "the {m} shows a {n}",
    "find the {n} in the {m}",
    "{m} with {n}",
    "{m} of a patient with a {n}",
    "{n} mask",
    "segmentation mask of the {n}",
    "binary mask: {n}",
    "label of the {n}",
    "annotation of the {n}",
    "boundary of the {n}",
    "border of the {n}",
    "region of interest: {n}",
    "pixels of the {n}",
    "location of the {n}",
    "shape of the {n}",
    "extract the {n}",
    "detect the {n}",
    "select the {n}",
    "cut out the {n}",
    "draw around the {n}",
    "just the {n}",
    "all of the {n}",
    "target: {n}",
)
"""Forms of words that only name. Those that `general.py` tests are none of them."""


class Levels(NamedTuple):
    """Which of a set's levels say a place, which attributes, and which one is tested."""

    place: tuple[str, ...]
    attributes: tuple[str, ...]
    check: str


class Source(NamedTuple):
    """A set."""

    levels: Levels
    nouns: tuple[str, ...]
    """Of the target; the first is its name, and the first `n_own` belong to no other target."""
    n_own: int
    pictures: tuple[str, ...]
    """What its images are called."""
    unmarked: tuple[str, ...] = ()
    half: str = ""


SOURCES = {
    "kvasir": Source(
        Levels(("p6", "p6", "p9"), ("p2", "p4", "p5", "p8"), "p6"),
        ("polyp", "colon polyp", "lesion", "growth", "finding", "suspicious region"),
        2,
        ("endoscopy image", "colonoscopy frame"),
    ),
    "isic": Source(
        Levels(("p6", "p6", "p9"), ("p2", "p4", "p5", "p8"), "p6"),
        ("skin lesion", "skin melanoma", "melanoma", "mole", "lesion", "spot", "finding"),
        4,
        ("dermoscopy image", "photograph of the skin"),
    ),
    "qata": Source(
        Levels(("text",), (), "text"),
        ("infection", "pulmonary infection", "lung infection", "lesion", "finding", "opacity"),
        3,
        ("chest x-ray", "radiograph"),
        unmarked=tuple(LUNGS),
        half="lung",
    ),
    "lungs": Source(
        Levels(("image", "short"), (), "image"), ("lung",), 1, ("chest x-ray", "radiograph")
    ),
    "busi": Source(
        Levels(("p5", "p6"), ("p1", "p2", "p3", "p4"), "p6"),
        ("breast tumor", "breast tumour", "tumor", "mass", "lesion", "finding"),
        2,
        ("breast ultrasound image", "sonogram"),
    ),
}


def main(folder: str) -> None:
    """Write the manifest."""
    lines = [line for name in SOURCES for line in _lines(name)]
    Path(folder).mkdir(parents=True, exist_ok=True)
    _write(Path(folder) / "manifest.jsonl", lines)
    for name in SOURCES:
        _write(Path(folder) / f"{name}.jsonl", [line for line in lines if line["set"] == name])
    counts = Counter(line["set"] for line in lines)
    print(", ".join(f"{name} {n}" for name, n in counts.items()))


def _write(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _lines(name: str) -> Iterator[dict[str, Any]]:
    place = DATA / name / "annotations.jsonl"
    own = [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]
    validated = [line for line in own if line["split"] == "val"]
    # Whole films of `lungs`: its rows stand together.
    kept = set(_some([line.get("group", line["id"]) for line in validated]))
    for line in own:
        if line["split"] == "val" and line.get("group", line["id"]) not in kept:
            continue
        yield _line(name, place, line)


def _some(names: Sequence[str]) -> list[str]:
    distinct = list(dict.fromkeys(names))
    picked = np.random.default_rng(0).permutation(len(distinct))[:N_VALIDATED]
    return [distinct[number] for number in picked]


def _line(name: str, place: Path, line: dict[str, Any]) -> dict[str, Any]:
    source = SOURCES[name]
    nouns, unmarked = list(source.nouns), list(source.unmarked)
    if name == "lungs":
        nouns = [_lung(line["id"])]
        # Half of these films are of tuberculosis.
        unmarked = [noun for noun in [*LUNGS, "infection"] if noun not in nouns]
    return {
        "id": f"{name}-{line['id']}",
        "image": str((place.parent / line["image"]).resolve()),
        "mask": str((place.parent / line["mask"]).resolve()),
        "split": line["split"],
        "prompts": _prompts(source, line, nouns[: source.n_own]),
        "set": name,
        "target": nouns,
        "unmarked": unmarked,
        "half": source.half,
        **{key: line[key] for key in ("group", "absent", "meant") if key in line},
    }


def _lung(row: str) -> str:
    """Which lung a row of `lungs` marks: FILM-left, FILM-right or FILM-both."""
    side = row.rsplit("-", 1)[1]
    return "lung" if side == "both" else f"{side} lung"


def _prompts(source: Source, line: dict[str, Any], nouns: Sequence[str]) -> dict[str, Any]:
    texts = {level: _listed(line["prompts"].get(level, "")) for level in line["prompts"]}
    placed = [text for level in source.levels.place for text in texts[level]]
    vague = [text.format(n=n, m=m) for text in VAGUE for n in nouns for m in source.pictures]
    if line.get("absent"):  # its own sentences deny; words that only name find nothing either
        vague = [*placed, *vague]
    return {
        "place": placed,
        "attributes": [t for level in source.levels.attributes for t in texts[level]] or placed,
        "name": list(dict.fromkeys(vague)),
        "check": texts[source.levels.check][0],
    }


def _listed(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


if __name__ == "__main__":
    main(*sys.argv[1:])
