"""How a model reads a prompt: in its own frame, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import saywhere
from saywhere.errors import UnknownSide, UsageError
from saywhere.inference.reading import read
from saywhere.io.geometry import Geometry
from saywhere.text.prompt_facts import PromptFacts

DATA = Path(__file__).parents[4] / "shared" / "data"
OF_IMAGE = PromptFacts("image", "", ("Latin",), ("English",))
OF_PATIENT = PromptFacts("patient", "", ("Latin",), ("English",))


def lying(*orientation: str, laterality: str | None = None, view: str | None = None) -> Geometry:
    two = (orientation[0], orientation[1]) if orientation else None
    return Geometry((4, 4), patient_orientation=two, laterality=laterality, view_position=view)


def test_a_prompt_of_the_models_own_frame_is_read_as_it_is() -> None:
    for facts, prompt in (
        (OF_IMAGE, "left lung"),
        (OF_IMAGE, "left of the image"),
        (OF_PATIENT, "left lung"),
        (OF_PATIENT, "the patient's left lung"),
        (PromptFacts("both", "image"), "the patient's left lung"),
    ):
        reading = read(prompt, facts, None, None)
        assert (reading.read_as, reading.translated, reading.warnings) == (prompt, None, ())


@pytest.mark.parametrize(("rows", "side"), [("L", "right"), ("R", "left")])
def test_the_other_frame_is_translated_by_the_file_or_a_statement(rows: str, side: str) -> None:
    for orientation, geometry in ((None, lying(rows, "F")), (f"{rows}\\F", None)):
        reading = read("the patient's left lung", OF_IMAGE, orientation, geometry)
        assert reading.read_as == f"the {side} lung"
        [warning] = reading.warnings
        assert "was read as" in warning
        assert "the image's sides" in warning


def test_a_model_of_the_patients_frame_translates_the_images_sides() -> None:
    reading = read("lung on the left of the image", OF_PATIENT, "L\\F", None)
    assert reading.read_as == "lung on the right"


def test_without_an_orientation_the_other_frame_is_refused() -> None:
    for geometry in (None, lying(), lying(view="PA")):
        with pytest.raises(UnknownSide, match="orientation is not known"):
            read("the patient's left lung", OF_IMAGE, None, geometry)
    # How the rays went says nothing of how the film is stored.
    with pytest.raises(UnknownSide, match=r"its view, AP, says how the rays went"):
        read("the patient's left lung", OF_IMAGE, None, lying(view="AP"))


@pytest.mark.parametrize(
    ("orientation", "geometry", "reason"),
    [
        ("A\\F", None, "rows run to the patient's front"),
        (None, lying("P", "F"), "rows run to the patient's back"),
        (None, lying(view="LL"), "lateral view"),
    ],
)
def test_a_lateral_view_is_refused_with_the_reason(
    orientation: str | None, geometry: Geometry | None, reason: str
) -> None:
    with pytest.raises(UnknownSide, match=reason):
        read("the patient's left lung", OF_IMAGE, orientation, geometry)
    # Without a side, such a picture is fine.
    assert read("the lung", OF_IMAGE, orientation, geometry).warnings == ()


def test_of_a_picture_of_one_side_that_side_goes_without_saying() -> None:
    breast = lying("A", "F", laterality="L", view="MLO")
    assert read("mass in the patient's left breast", OF_IMAGE, None, breast).read_as == (
        "mass in the breast"
    )
    with pytest.raises(UnknownSide, match="the patient's left alone"):
        read("mass in the patient's right breast", OF_IMAGE, None, breast)


def test_a_statement_goes_before_the_file_and_says_so() -> None:
    reading = read("the patient's left lung", OF_IMAGE, "R\\F", lying("L", "F"))
    assert reading.read_as == "the left lung"
    assert any("not the picture's own" in warning for warning in reading.warnings)


def test_of_a_model_that_does_not_say_a_reader_is_warned() -> None:
    reading = read("the patient's left lung", PromptFacts(), None, None)
    assert reading.read_as == reading.prompt
    assert any("not stated" in warning for warning in reading.warnings)
    assert read("left lung", PromptFacts(), None, None).warnings == ()


def test_what_is_no_orientation_is_refused_whatever_the_prompt() -> None:
    with pytest.raises(UsageError, match="orientation is"):
        read("polyp", OF_IMAGE, "upright", None)


def test_another_language_is_told_of() -> None:
    [warning] = read("linke Lunge", OF_IMAGE, None, None).warnings
    assert "German" in warning


def test_on_the_mirrored_film_of_a_patient_the_other_side_is_marked() -> None:
    films = [DATA / "dicom" / f"{name}.dcm" for name in ("RG1_J2KI", "RG3_J2KI")]
    if not all(film.exists() for film in films):
        pytest.skip("the shared DICOM files are not here")
    pytest.importorskip("pydicom")
    model = saywhere.load("lung-infection")
    standard, mirrored = (
        model.segment(film, "infection, the patient's left lung") for film in films
    )
    assert standard.read_as == "infection, the right lung"
    assert mirrored.read_as == "infection, the left lung"
    assert (standard.frame, standard.caption.endswith("(right of the image)")) == ("image", True)


def test_a_mirrored_array_with_its_statement_gets_the_mirrored_words() -> None:
    model = saywhere.load("lung-infection")
    image = np.zeros((32, 32), np.uint8)
    result = model.segment(image, "patient's left lung", orientation="L\\F")
    plain = model.segment(image, "right lung")
    assert np.array_equal(result.probability, plain.probability)
    with pytest.raises(UnknownSide):
        model.segment(image, "patient's left lung")
