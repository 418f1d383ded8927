"""Groups by patient, from the headers of DICOM images: a split must not divide a patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from saywhere.datasets.set_writer import Case
from saywhere.errors import counted
from saywhere.io.patient_hashes import PatientHashes


def group_of(case: Case) -> str:
    """Name a case's group, as a manifest's row is read: the column `group`, else `patient`.

    Args:
        case: The case.

    Returns:
        Empty where there is none.
    """
    return str(case.columns.get("group") or case.columns.get("patient") or "")


def grouped_by_patient(cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """Give DICOM images of one patient one group: `p1`, `p2` …, in the order of the cases.

    A group that the table names stands, and the patient's other images join it. Slices of a series
    without either have the series' name.

    Args:
        cases: One an image.

    Returns:
        The cases, those of other files as they were; and warnings, in whole sentences.

    Raises:
        MissingExtra: There is DICOM, and pydicom is not installed.
    """
    patients = _patients(cases)
    if not patients:
        return [_of_series(case) for case in cases], []
    grouped = list(cases)
    names = _free_names({group_of(case) for case in cases})
    n_divided = 0
    for members in patients:
        of_table = {group_of(cases[member]) for member in members} - {""}
        n_divided += len(of_table) > 1
        group = min(of_table) if of_table else next(names)
        for member in members:
            case = cases[member]
            if not group_of(case):
                grouped[member] = replace(case, columns={**case.columns, "group": group})
    return [_of_series(case) for case in grouped], _warnings(patients, n_divided)


def _of_series(case: Case) -> Case:
    """Slices of a series whose headers name no patient belong together all the same."""
    if group_of(case) or not case.series:
        return case
    return replace(case, columns={**case.columns, "group": case.series})


def _patients(cases: Sequence[Case]) -> list[list[int]]:
    """Indices of cases by patient: files that share a hash, also by way of a third."""
    hashes = PatientHashes()
    members: dict[int, list[int]] = {}
    patient_of: dict[bytes, int] = {}
    for index, case in enumerate(cases):
        of_file = hashes.of_file(case.image_source)
        if not of_file:
            continue
        members[index] = [index]
        for other in {patient_of[one] for one in of_file & patient_of.keys()}:
            members[index] += members.pop(other)
            patient_of = {one: index if at == other else at for one, at in patient_of.items()}
        patient_of |= dict.fromkeys(of_file, index)
    return sorted(sorted(each) for each in members.values())


def _free_names(taken: set[str]) -> Iterator[str]:
    """Names `p1`, `p2` … that no table has used."""
    names = (f"p{number}" for number in count(1))
    return (name for name in names if name not in taken)


def _warnings(patients: list[list[int]], n_divided: int) -> list[str]:
    n_images = sum(map(len, patients))
    images = counted(n_images, "DICOM image")
    of_patients = counted(len(patients), "patient")
    warnings = [f"{images} of {of_patients}, by their headers: column group, as p1, p2 …"]
    if len(patients) == 1 and n_images > 1:
        warnings.append(
            "all DICOM images name one patient: if they were anonymised so, name the patients "
            "in a table beside the images (column patient)"
        )
    if n_divided:
        warnings.append(
            f"the table divides {counted(n_divided, 'patient')} of the headers into several "
            "groups: the table stands, and a split may divide them"
        )
    return warnings
