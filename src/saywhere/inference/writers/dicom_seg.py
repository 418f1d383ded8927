"""DICOM SEG: the masks of one image or series, a segment for each prompt, by highdicom.

It refers to the images that were segmented and lies in their study, so that an archive and a
viewer show it on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere._version import __version__
from saywhere.inference.answer import Answer
from saywhere.inference.writers.dicom_source import refuse_others, refusing_in_words, sources_of
from saywhere.inference.writers.dicom_stand_in import has_place, put_back, stand_ins
from saywhere.inference.writers.segment_codes import Code, kind_of
from saywhere.inference.writers.writer import Options, Paths, Scope, Writer, Written
from saywhere.io import files
from saywhere.io.dicom.header import quietly

if TYPE_CHECKING:
    from pydicom import Dataset

MAKER = "Saywhere"
SERIES_NUMBER = 9001
"""Above those of scanners; a series is known by its UID, and the number only sorts it."""
LABEL_CHARS = 64
"""Of a DICOM text that a viewer lists (VR LO)."""
DESCRIPTION_CHARS = 1024
"""Of a longer one (VR ST)."""


def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write the masks of one image or series as a DICOM segmentation.

    Args:
        answers: One per picture and prompt. Each knows the header of its DICOM file.
        paths: Where "dicom_seg" goes.
        options: `fractional`, `with_prompt` and `write_empty` matter, and the model's name.

    Returns:
        That "dicom_seg" was written, with a note on prompts that have no segment. Nothing where
        all masks are empty, unless `write_empty`.

    Raises:
        NotWritable: Where the folder takes no file.
        UsageError: Where an image is no DICOM file, or the images are not of one series.
    """
    prompts = list(dict.fromkeys(answer.prompt for answer in answers))
    marked = [prompt for prompt in prompts if _is_marked(answers, prompt)]
    chosen = prompts if options.write_empty else marked
    notes = _notes(prompts, marked, options)
    if not chosen:
        return Written((), notes)
    segmentation = build(answers, chosen, options)
    with files.writing(paths["dicom_seg"]) as temporary:
        save(segmentation, temporary)
    return Written(("dicom_seg",), notes)


@quietly
def build(answers: Sequence[Answer], prompts: Sequence[str], options: Options) -> Dataset:
    """Make the segmentation.

    Args:
        answers: As `write` takes them.
        prompts: One per segment, in their order.
        options: As `write` takes them.

    Returns:
        The data set, with file meta. Its UIDs follow from its content: the same answer to the
        same image has the same ones, and an archive keeps it once.

    Raises:
        UsageError: Where an image is no DICOM file, or the images are not of one series.
    """
    # It comes with an extra, so it is loaded only when it is used.
    import highdicom

    sources = sources_of(answers)
    pixels = _stack(answers, prompts, sources.places, options)
    kind = "FRACTIONAL" if options.fractional else "BINARY"
    first = sources.pictures[0].header
    about = [first.SeriesInstanceUID, options.digest, kind, *prompts, str(options.with_prompt)]
    if options.is_corrected:
        # A series of its own, beside the model's; without it all UIDs stay as they were.
        about.append("corrected")
    content = [*about, *(picture.key for picture in sources.pictures), pixels.tobytes().hex()]
    with refusing_in_words():
        segmentation = highdicom.seg.Segmentation(
            source_images=stand_ins(sources.pictures),
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=[
                _description(number, prompt, first, options)
                for number, prompt in enumerate(prompts, start=1)
            ],
            series_instance_uid=uid(about),
            series_number=SERIES_NUMBER,
            sop_instance_uid=uid(content),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=options.model or MAKER,
            software_versions=__version__,
            device_serial_number="none",
            content_description=f"{MAKER}: research use only",
            content_label="SEGMENTATION",
            series_description=f"{MAKER} {options.model}".strip()[:LABEL_CHARS],
            # An empty mask that is to be written has no other frames.
            omit_empty_frames=bool(pixels.any()),
            # Prompts come in any script.
            specific_character_set="ISO_IR 192",
        )
        put_back(segmentation, sources.pictures)
    if not has_place(sources.pictures):
        # Empty where nobody knows; DICOM wants it to stand there.
        segmentation.PatientOrientation = first.get("PatientOrientation")
    return segmentation


def _is_marked(answers: Sequence[Answer], prompt: str) -> bool:
    return any(answer.mask.any() for answer in answers if answer.prompt == prompt)


def _notes(prompts: Sequence[str], marked: Sequence[str], options: Options) -> tuple[str, ...]:
    empty = [prompt for prompt in prompts if prompt not in marked]
    if not empty or options.write_empty:
        return ()
    remedy = "`--empty write` writes it all the same"
    if not marked:
        return (f"nothing is marked, so no DICOM SEG was written; {remedy}",)
    shown = ", ".join(repr(prompt) for prompt in empty)
    return (f"no segment for {shown}: nothing is marked; {remedy}",)


def _stack(
    answers: Sequence[Answer], prompts: Sequence[str], places: Sequence[int], options: Options
) -> NDArray[Any]:
    """(picture, row, column, segment): masks of 0 and 1, or probabilities."""
    height, width = answers[0].mask.shape
    shape = (max(places) + 1, height, width, len(prompts))
    stack = np.zeros(shape, np.float32 if options.fractional else np.uint8)
    for place, answer in zip(places, answers):
        if answer.prompt in prompts:
            values = answer.probability if options.fractional else answer.mask
            stack[place, :, :, prompts.index(answer.prompt)] = values
    return stack


def _description(number: int, prompt: str, source: Dataset, options: Options) -> Any:
    import highdicom

    label = text(prompt, LABEL_CHARS) if options.with_prompt else ""
    kind = kind_of(prompt if options.with_prompt else "", options.target)
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label or f"Segment {number}",
        segmented_property_category=_coded(kind.category),
        segmented_property_type=_coded(kind.type),
        algorithm_type="SEMIAUTOMATIC" if options.is_corrected else "AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=text(f"{MAKER} {options.model}", LABEL_CHARS),
            family=highdicom.sr.CodedConcept("123109", "DCM", "Artificial Intelligence"),
            version=text(f"{__version__} {options.digest[:16]}", LABEL_CHARS),
        ),
        tracking_uid=uid([source.SeriesInstanceUID, options.digest, prompt]),
        tracking_id=text(prompt, LABEL_CHARS) if label else f"Segment {number}",
    )
    if label:
        # The prompt as it was understood, in full: where the segment comes from.
        described.SegmentDescription = text(prompt, DESCRIPTION_CHARS)
    return described


def _coded(code: Code) -> Any:
    import highdicom

    return highdicom.sr.CodedConcept(code[0], "SCT", code[1])


def text(value: str, most: int) -> str:
    """Bring a text into the form that DICOM allows.

    Args:
        value: Any text.
        most: Characters that it may have.

    Returns:
        In one line and cut, without backslashes, which part values, and control characters.
    """
    plain = "".join(c if c.isprintable() and c != "\\" else " " for c in value)
    return " ".join(plain.split())[:most].strip()


def uid(about: Sequence[str]) -> str:
    """Make an identifier that follows from a content.

    Args:
        about: What it identifies.

    Returns:
        The same UID for the same content.
    """
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=[str(part) for part in about])


@quietly
def save(dataset: Dataset, path: Path) -> None:
    """Write a DICOM file.

    Args:
        dataset: With file meta.
        path: Where it goes.
    """
    dataset.save_as(path, enforce_file_format=True)


WRITER = Writer(
    {"dicom_seg": "-seg.dcm"},
    write,
    scope=Scope.INPUT,
    uses_options=True,
    refuse=refuse_others,
    packages=("highdicom", "pydicom"),
    extra="clinic",
)
