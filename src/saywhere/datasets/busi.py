"""BUSI (breast lesions, ultrasound; Al-Dhabyani et al. 2020).

With MedVLSM's prompts and split where they are there.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import (
    BY_NAME,
    SetAside,
    by_stem,
    find_with,
    first_of,
    no_annotations,
)
from saywhere.datasets.medvlsm import Listed, read_if_there
from saywhere.datasets.set_writer import ORACLE, Case, Prepared, count_warnings, write_set
from saywhere.datasets.splits import drawn_split
from saywhere.errors import counted

KINDS = ["benign", "malignant", "normal"]
# Images of each kind, as the publishers count them.
PUBLISHED = {"benign": 437, "malignant": 210, "normal": 133}
IMAGES_REMEDY = (
    "unpack Dataset_BUSI.zip (Dataset_BUSI_with_GT/benign, malignant and normal) "
    "into the folder that --from names"
)
TEXT_REMEDY = (
    "put train.json, val.json and test.json of data/busi/anns (github.com/naamiinepal/medvlsm) "
    "into the folder that --from names"
)
# NAME_mask.png, and NAME_mask_1.png and so on for further lesions.
_MASK = re.compile(r"(.+)_mask(_\d+)?$")


def prepare_busi(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Prepare Dataset_BUSI_with_GT/KIND/NAME (n).png with its masks NAME (n)_mask*.png.

    Several masks of one image, each with another lesion, become one. `normal` images have empty
    masks, for prompts of what is not there; the column `kind` says which is which. What the
    annotations do not list is split by its name, 80 : 10 : 10, and has no text.

    Args:
        source: the folder that the download was unpacked into, with MedVLSM's anns/*.json if
            present.
        target: the folder to write to.
        progress: called with (done, total) after each case.

    Returns:
        What was written, with warnings.

    Raises:
        MissingFile: a folder is not there.
        ManifestError: an annotation file is broken, or no case is whole.
        UsageError: target is source.
        NotWritable: the target cannot be written.
    """
    folder = find_with(source, KINDS, IMAGES_REMEDY)
    listed = _listed(source, folder)
    cases: list[Case] = []
    warnings: list[str] = []
    for kind in KINDS:
        images, masks = _files(folder / kind)
        lacking = [stem for stem in images if stem not in masks]
        if lacking:
            warnings.append(
                SetAside(
                    f"{counted(len(lacking), 'image')} of {kind} left out for want of a mask "
                    f"{first_of(lacking)}"
                )
            )
        cases += [
            _case(stem, path, masks[stem], kind, listed.get(stem))
            for stem, path in images.items()
            if stem in masks
        ]
    warnings += count_warnings(Counter(case.columns["kind"] for case in cases), PUBLISHED, "kind")
    if not listed:
        warnings.append(no_annotations(TEXT_REMEDY, BY_NAME))
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
    # Joined with the first one when the set is written.
    further = tuple(masks[1:])
    if record is None:
        return Case(stem, image, masks[0], drawn_split(stem), {}, {"kind": kind}, further)
    columns = {"kind": kind} | ORACLE
    return Case(stem, image, masks[0], record.split, record.prompts, columns, further)


def _listed(source: Path, folder: Path) -> dict[str, Listed]:
    """MedVLSM's records by stem; none where its files are not there."""
    images: dict[str, Path] = {}
    for kind in KINDS:
        images |= _files(folder / kind)[0]
    return {record.stem: record for record in read_if_there(source, images, TEXT_REMEDY)}
