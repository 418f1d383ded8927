"""Cases whose image is a volume → one case a slice, of those slices where anything is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from saywhere.datasets.layout import SetAside
from saywhere.datasets.patients import group_of
from saywhere.datasets.set_writer import Case
from saywhere.errors import UnreadableFile
from saywhere.io.volume_pairs import count_pictures, mask_of, picture_of


def one_case_a_slice(cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """Make a case of each slice of a volume.

    Slices of one volume stay together in a split: the volume's name is their group, where the table
    names none.

    Args:
        cases: One an image file.

    Returns:
        The cases, those of plain pictures as they were; and warnings, in whole sentences.

    Raises:
        MissingExtra: There is DICOM or NIfTI, and its library is not installed.
    """
    of_slices: list[Case] = []
    warnings: list[str] = []
    for case in cases:
        n_pictures = count_pictures(case.image_source)
        if not n_pictures:
            of_slices.append(case)
            continue
        try:
            made = _slices(case, n_pictures)
        except UnreadableFile as error:
            warnings.append(SetAside(f"{case.stem} is left out: {error}"))
            continue
        of_slices += made
        if n_pictures > 1:
            warnings.append(
                f"{case.stem}: {len(made):,} of {n_pictures:,} slices have a mask that marks "
                "anything, and are rows; the others are left out"
            )
    return of_slices, warnings


def _slices(case: Case, n_pictures: int) -> list[Case]:
    if n_pictures == 1:
        # Before anything is written: a row without an image would be none.
        picture_of(replace(case, frame=1).image_source)
        return [replace(case, frame=1)]
    marked = [
        number
        for number in range(1, n_pictures + 1)
        if mask_of(replace(case, frame=number).image_source, case.mask_source).labels.any()
    ]
    columns = dict(case.columns)
    if not group_of(case):
        columns["group"] = case.stem
    return [
        replace(case, stem=f"{case.stem}-{number:03d}", frame=number, columns=columns)
        for number in marked
    ]
