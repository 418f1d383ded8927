"""BUSI (breast lesions, ultrasound; Al-Dhabyani et al. 2020), with MedVLSM's prompts and split where they are there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import (
    BY_NAME,
    ORACLE,
    Case,
    Prepared,
    by_stem,
    count_warnings,
    drawn_split,
    find_with,
    no_annotations,
    write_set,
)
from saywhere.datasets.medvlsm import Listed, read_if_there

KINDS = ["benign", "malignant", "normal"]
PUBLISHED = {"benign": 437, "malignant": 210, "normal": 133}
IMAGES_REMEDY = "unpack Dataset_BUSI.zip (Dataset_BUSI_with_GT/benign, malignant and normal) into the folder that --from names"
TEXT_REMEDY = "put train.json, val.json and test.json of data/busi/anns (github.com/naamiinepal/medvlsm) into the folder that --from names"
_MASK = re.compile(r"(.+)_mask(_\d+)?$")


def prepare_busi(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Dataset_BUSI_with_GT/KIND/NAME (n).png, …_mask.png and …_mask_1.png (several lesions: all in one), and anns/*.json if present.

    `normal` images have empty masks, for prompts of what is not there; the column `kind` says which is which. What the annotations do not list is
    split by its name, 80 : 10 : 10, and has no text. Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    folder = find_with(source, KINDS, IMAGES_REMEDY)
    cases: list[Case] = []
    warnings: list[str] = []
    listed = _listed(source, folder)
    for kind in KINDS:
        images, masks = _files(folder / kind)
        lacking = [stem for stem in images if stem not in masks]
        if lacking:
            warnings.append(
                f"{len(lacking):,} of {len(images):,} images of {kind} lack a mask and are left out (the first: {', '.join(lacking[:3])})"
            )
        cases += [
            _case(stem, path, masks[stem], kind, listed.get(stem))
            for stem, path in images.items()
            if stem in masks
        ]
    warnings += count_warnings(Counter(case.columns["kind"] for case in cases), PUBLISHED, "kind")
    warnings += [] if listed else [no_annotations(TEXT_REMEDY, BY_NAME)]
    return write_set(source, target, cases, {}, warnings, progress)


def _files(folder: Path) -> tuple[dict[str, Path], dict[str, list[Path]]]:
    """(images, masks) by the image's stem."""
    images: dict[str, Path] = {}
    masks: dict[str, list[Path]] = {}
    for stem, path in by_stem(folder).items():
        match = _MASK.fullmatch(stem)
        if match:
            masks.setdefault(match[1], []).append(path)
        else:
            images[stem] = path
    return images, masks


def _case(stem: str, image: Path, masks: list[Path], kind: str, record: Listed | None) -> Case:
    columns = {"kind": kind} | (ORACLE if record else {})
    return Case(
        stem,
        image,
        masks[0],
        record.split if record else drawn_split(stem),
        record.prompts if record else {},
        columns,
        tuple(masks[1:]),
    )


def _listed(source: Path, folder: Path) -> dict[str, Listed]:
    """MedVLSM's records by stem; none where its files are not there."""
    images = {stem: path for kind in KINDS for stem, path in _files(folder / kind)[0].items()}
    return {record.stem: record for record in read_if_there(source, images, TEXT_REMEDY)}
