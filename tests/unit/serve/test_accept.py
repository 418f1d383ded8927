"""What callers get: JSON, PNG, DICOM SEG, or a refusal."""

from __future__ import annotations

import pytest

from saywhere.errors import NotAcceptable
from saywhere.serve.accept import DICOM, JSON, NIFTI, PNG, wanted_kind


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("image/*", PNG),
        ("image/png", PNG),
        ("Image/PNG; q=0.5, */*", PNG),
        ("application/json, image/png", PNG),
        ("application/dicom", DICOM),
        ("application/x-nifti", NIFTI),
        ("text/html, application/dicom;q=0.9", DICOM),
        ("text/html, */*;q=0.8", JSON),
        ("image/png;q=0, */*", JSON),
    ],
)
def test_the_kind_of_an_answer(accept: str, kind: str) -> None:
    assert wanted_kind(accept) == kind


@pytest.mark.parametrize(
    "accept",
    ["text/html", "image/jpeg", "application/dicom+json", "*/*;q=0", "image/png;q=0.0", "x"],
)
def test_anything_else_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="Accept is application/json, image/png, appl"):
        wanted_kind(accept)
