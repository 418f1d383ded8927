"""A secondary capture: the overlay as a DICOM picture, for viewers that show no segmentation.

It is a picture to look at, in the study of its image. Nobody can measure in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saywhere._version import __version__
from saywhere.inference.answer import Answer
from saywhere.inference.writers.dicom_seg import MAKER, SERIES_NUMBER, save, text, uid
from saywhere.inference.writers.dicom_source import refuse_others, refusing_in_words, sources_of
from saywhere.inference.writers.writer import Options, Paths, Writer, Written
from saywhere.io import files
from saywhere.io.dicom.header import quietly
from saywhere.io.overlay import captioned

LABEL_CHARS = 64


@quietly
def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write an answer's overlay as a DICOM secondary capture.

    Args:
        answers: One. It knows the header of its DICOM file.
        paths: Where "secondary_capture" goes.
        options: `with_prompt` matters (the strip below the picture), and the model's name.

    Returns:
        That "secondary_capture" was written.

    Raises:
        NotWritable: Where the folder takes no file.
        UsageError: Where the image is no DICOM file.
    """
    import highdicom
    import numpy

    (answer,) = answers
    (picture,) = sources_of(answers).pictures
    source = picture.header
    caption = answer.prompt if options.with_prompt else ""
    pixels = captioned(answer.overlay(), f"{MAKER}, research use only. {caption}".strip())
    about = [source.SeriesInstanceUID, options.digest, "overlay"]
    content = [picture.key, pixels.tobytes().hex()]
    with refusing_in_words():
        capture: Any = highdicom.sc.SCImage.from_ref_dataset(
            source,
            pixel_array=numpy.ascontiguousarray(pixels),
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            series_instance_uid=uid(about),
            series_number=SERIES_NUMBER + 1,
            sop_instance_uid=uid([*about, *content]),
            instance_number=picture.geometry.frame or int(source.get("InstanceNumber") or 1),
            manufacturer=MAKER,
            patient_orientation=_orientation(answer) or ("L", "F"),
            manufacturer_model_name=options.model or MAKER,
            software_versions=__version__,
            series_description=text(f"{MAKER} overlay {options.model}", LABEL_CHARS),
            specific_character_set="ISO_IR 192",
        )
    # highdicom wants one in any case; where nobody knows, the file says nothing.
    capture.PatientOrientation = list(_orientation(answer) or ()) or None
    if not capture.get("Laterality"):
        # Empty where nobody knows; DICOM wants it to stand there.
        capture.Laterality = None if answer.geometry is None else answer.geometry.laterality
    capture.BurnedInAnnotation = "YES"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    with files.writing(paths["secondary_capture"]) as temporary:
        save(capture, temporary)
    return Written(("secondary_capture",))


def _orientation(answer: Answer) -> tuple[str, str] | None:
    return None if answer.geometry is None else answer.geometry.patient_orientation


WRITER = Writer(
    {"secondary_capture": "-overlay.dcm"},
    write,
    uses_options=True,
    refuse=refuse_others,
    packages=("highdicom", "pydicom"),
    extra="clinic",
)
