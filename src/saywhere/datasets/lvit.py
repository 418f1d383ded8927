"""LViT's folders (Li et al. 2023): MosMedData+ and MoNuSeg, given away with sentences.

MosMedData+ is CT with lung infection, MoNuSeg is histology with cell nuclei.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import SetAside, by_stem, find_with, first_of, missing, paired
from saywhere.datasets.lvit_texts import read_texts
from saywhere.datasets.set_writer import ORACLE, Case, Prepared, write_set
from saywhere.datasets.workbooks import MASK
from saywhere.errors import counted

PARTS = {"train": "Train_Folder", "val": "Val_Folder", "test": "Test_Folder"}
IMAGES_REMEDY = (
    "unpack LViT's download so that Train_Folder, Val_Folder and Test_Folder, each with img and "
    "labelcol, lie in the folder that --from names"
)


WHOSE_LEFT = (
    "whose left and right the sentences mean was not verified for this set: they are taken as the "
    "image's (frame: image), as in LViT's QaTa-COV19, where side markers show it. Look at some; "
    'where they mean the patient\'s, write "frame": "patient" into the rows'
)


def _prepare(
    published: dict[str, int],
    notes: Sequence[str],
    source: Path,
    target: Path,
    progress: Progress | None = None,
) -> Prepared:
    """{Train,Val,Test}_Folder/{img,labelcol}/* and workbooks of any name, below `source`.

    Raises: MissingExtra, MissingFile, ManifestError, UnreadableFile, UsageError, NotWritable.
    """
    root = find_with(source, list(PARTS.values()), IMAGES_REMEDY)
    images = {split: _files(root / name, "img") for split, name in PARTS.items()}
    texts = read_texts(source, images)
    cases: list[Case] = []
    warnings: list[str] = []
    for split, name in PARTS.items():
        labels = _files(root / name, "labelcol")
        # Some of the sets call a mask mask_NAME, others NAME.
        masks = {stem.removeprefix(MASK): path for stem, path in labels.items()}
        present, absent = paired(sorted(images[split]), masks)
        warnings += absent
        silent = sorted(stem for stem in present if (split, stem) not in texts)
        if silent:
            warnings.append(
                SetAside(
                    counted(
                        len(silent),
                        f"case of split {split} has no sentence and is left out",
                        f"cases of split {split} have no sentence and are left out",
                    )
                    + f" {first_of(silent)}"
                )
            )
        for stem in sorted(present - set(silent)):
            prompts = {"text": texts[split, stem]}
            cases.append(Case(stem, images[split][stem], masks[stem], split, prompts, ORACLE))
    return write_set(source, target, cases, published, [*warnings, *notes], progress)


# Rows per split, as LViT gives them away.
prepare_mosmed = partial(_prepare, {"train": 2183, "val": 273, "test": 273}, [WHOSE_LEFT])
"""Prepare MosMedData+: (source, target, progress) → `Prepared`."""
prepare_monuseg = partial(_prepare, {"train": 24, "val": 6, "test": 14}, [])
"""Prepare MoNuSeg: (source, target, progress) → `Prepared`."""


def _files(folder: Path, name: str) -> dict[str, Path]:
    if not (folder / name).is_dir():
        raise missing(folder, [name], IMAGES_REMEDY)
    return by_stem(folder / name)
