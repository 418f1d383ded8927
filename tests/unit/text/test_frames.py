"""Whose left a prompt names, and what it says in the other frame."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.errors import UsageError
from saywhere.text.frames import (
    BOTH,
    IMAGE,
    NOT_STATED,
    PATIENT,
    frame_named,
    names_side,
    row_side,
    translate,
    translate_all,
)

DATA = Path(__file__).parents[4] / "shared" / "data"

OF_PATIENT = {
    "the patient's left lung": "the right lung",
    "patient’s Left lung": "Right lung",
    "PATIENT'S LEFT LUNG": "RIGHT LUNG",
    "left lung of the patient": "right lung",
    "left side of the patient's chest": "right side of the chest",
    "patient's left-hand side": "right-hand side",
    "the patient's leftmost nodule": "the rightmost nodule",
    "the patient's L lung": "the R lung",
    "patient's Rt lung": "Lt lung",
    "his left lung": "right lung",
    "anatomical left lung": "right lung",
    "left-sided effusion of the patient": "right-sided effusion",
    "right-sided heart of the patient": "left-sided heart",
    "the patient's upper left and lower right lung": "the upper right and lower left lung",
    "left lung, from the patient's point of view": "right lung",
    "left lung (patient's side)": "right lung",
    # "Right below" is no side.
    "on the patient's right, right below the clavicle": "on the left, right below the clavicle",
}
OF_IMAGE = {
    "lung on the left of the image": "lung on the right",
    "the lung that lies left in the picture": "the lung that lies right",
    "left side lung field, as seen in the image": "right side lung field",
    "image left": "right",
    "on the viewer's left": "on the right",
    "left side of the breast ultrasound image": "right side",
    "one polyp, located in top left of the image": "one polyp, located in top right",
    "left lung from the viewer's perspective": "right lung",
    "left as seen by the reader": "right",
}
OF_NONE = (
    "left lung",
    "left lung in this chest X-ray",
    "patient has a nodule, upper left field",
    "the leftover of the patient",
    "what is left over of the patient's lung",
    "the upper lung of the patient",
    "the patient's lung, right below the clavicle",
    "T and B cells of the patient, vitamin D",
    "",
)


@pytest.mark.parametrize("prompt", OF_PATIENT)
def test_a_prompt_of_the_patients_frame_is_known_and_translated(prompt: str) -> None:
    assert frame_named(prompt) == PATIENT
    # A standard film's rows run to the patient's left: its left side is the patient's right.
    assert translate(prompt, IMAGE, "left") == OF_PATIENT[prompt]
    assert translate(prompt, PATIENT, "left") == prompt


@pytest.mark.parametrize("prompt", OF_IMAGE)
def test_a_prompt_of_the_images_frame_is_known_and_translated(prompt: str) -> None:
    assert frame_named(prompt) == IMAGE
    assert translate(prompt, PATIENT, "left") == OF_IMAGE[prompt]
    assert translate(prompt, IMAGE, "left") == prompt


@pytest.mark.parametrize("prompt", OF_NONE)
def test_plain_words_name_no_frame_and_stay(prompt: str) -> None:
    assert frame_named(prompt) == NOT_STATED
    assert translate(prompt, IMAGE, "left") == translate(prompt, PATIENT, "left") == prompt


def test_on_a_mirrored_film_both_frames_agree() -> None:
    assert translate("the patient's left lung", IMAGE, "right") == "the left lung"
    assert translate("lung on the left of the image", PATIENT, "right") == "lung on the left"


def test_a_prompt_of_both_frames_is_translated_word_by_word() -> None:
    prompt = "the patient's left lung, on the right of the image"
    assert frame_named(prompt) == BOTH
    assert translate(prompt, IMAGE, "left") == "the right lung, on the right of the image"
    assert translate(prompt, PATIENT, "left") == "the patient's left lung, on the left"


def test_heights_are_no_sides() -> None:
    assert translate("the patient's upper left lobe", IMAGE, "left") == "the upper right lobe"
    assert not names_side("the upper lobe, superior, cranial")
    assert not names_side("the leftover, bilateral")
    assert names_side("left-sided")


def test_plain_words_of_a_known_frame_are_translated_too() -> None:
    assert translate_all("left lung", PATIENT, IMAGE, "left") == "right lung"
    assert translate_all("left lung", PATIENT, IMAGE, "right") == "left lung"
    assert translate_all("left of the image", PATIENT, IMAGE, "left") == "left of the image"


@pytest.mark.parametrize(
    ("orientation", "side"),
    [
        ("L\\F", "left"),
        ("R\\F", "right"),
        ("l/f", "left"),
        ("R, F", "right"),
        ("L\\\\F", "left"),
        ("LA\\FP", "left"),
        ("L\\P", "left"),
        ("R\\AF", "right"),
    ],
)
def test_the_rows_of_a_picture_run_to_a_side(orientation: str, side: str) -> None:
    assert row_side(orientation) == side


@pytest.mark.parametrize("orientation", ["A\\F", "P\\F", "AL\\F", "H\\L", "F\\R"])
def test_a_view_without_left_and_right_is_refused_with_the_reason(orientation: str) -> None:
    with pytest.raises(UsageError, match="rows run to the patient's"):
        row_side(orientation)


@pytest.mark.parametrize("orientation", ["", "L", "L\\R", "X\\F", "left", "L\\F\\H", "LE\\V", "3"])
def test_what_is_no_orientation_is_refused(orientation: str) -> None:
    with pytest.raises(UsageError, match="orientation is"):
        row_side(orientation)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    frame = frame_named(text)
    assert frame in (NOT_STATED, IMAGE, PATIENT, BOTH)
    if frame == NOT_STATED:
        assert translate(text, IMAGE, "left") == text


def test_long_texts_are_read_in_linear_time() -> None:
    for part in ("left ", "patient's ", "of the image ", "left of the patient's "):
        assert frame_named(part * 2000) in (NOT_STATED, IMAGE, PATIENT, BOTH)


def test_the_frames_of_the_public_lung_sentences_are_found() -> None:
    path = DATA / "lungs" / "annotations.jsonl"
    if not path.exists():
        pytest.skip("the shared set of lungs is not here")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = {level: set() for level in ("image", "patient", "short")}
    for row in rows:
        for level in texts:
            stored = row["prompts"][level]
            texts[level] |= {stored} if isinstance(stored, str) else set(stored)
    for level, frame in (("image", IMAGE), ("patient", PATIENT), ("short", NOT_STATED)):
        sided = {text for text in texts[level] if names_side(text)}
        assert sided
        assert {frame_named(text) for text in sided} == {frame}, level


@pytest.mark.parametrize("gap", [" ", "-", "\n", " -"])
def test_a_long_gap_costs_no_more_than_as_many_words(gap: str) -> None:
    """Its characters were tried in pairs: minutes, for a text that anybody may send."""
    words = "left lung of the patient, " * 300
    gaps = f"left{gap * (len(words) // len(gap))}x"
    assert seconds_for(gaps) < 100 * seconds_for(words)


def seconds_for(prompt: str) -> float:
    started = time.process_time()
    frame_named(prompt)
    return time.process_time() - started
