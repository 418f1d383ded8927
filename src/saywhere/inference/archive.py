"""Predictions of images in an archive (PACS): fetched for a while, masks stored beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from saywhere.errors import UsageError
from saywhere.inference.outcome import Outcome
from saywhere.io import dicomweb

FORMAT = "dicom-seg"
"""What `--store` stores."""
PART = "dicom_seg"


@contextmanager
def fetched(inputs: Sequence[Path]) -> Iterator[list[Path]]:
    """Replace references to an archive by folders that hold their images.

    Args:
        inputs: Files, folders and references, such as dicomweb://HOST/studies/UID.

    Yields:
        The inputs. The folders are removed in the end: a copy of patients' images stays nowhere.

    Raises:
        UsageError: For a reference of another form.
        ArchiveError: Where the archive cannot be reached, or refuses.
    """
    with TemporaryDirectory(prefix="saywhere-archive-") as temporary:
        local = []
        for number, given in enumerate(inputs, start=1):
            if dicomweb.is_reference(given):
                given = _fetch(dicomweb.parse(given), Path(temporary) / f"archive-{number}")
            local.append(given)
        yield local


def reference_to_store(inputs: Sequence[Path]) -> dicomweb.Reference:
    """Say where masks are to be stored.

    Args:
        inputs: Of the call.

    Returns:
        The only reference among them.

    Raises:
        UsageError: Where there is none, or several inputs.
    """
    if len(inputs) != 1 or not dicomweb.is_reference(inputs[0]):
        raise UsageError(
            "--store without a reference",
            allowed="masks are stored in the archive that one input names: " + dicomweb.ALLOWED,
            remedy="name one study, series or instance as the input",
        )
    return dicomweb.parse(inputs[0])


def store(outcome: Outcome, out: Path, reference: dicomweb.Reference) -> int:
    """Store the DICOM SEG files of a call in an archive.

    Args:
        outcome: Of the call.
        out: Where its files are.
        reference: Any of the archive.

    Returns:
        How many files the archive took; what it has already, it keeps once.

    Raises:
        ArchiveError: Where the archive cannot be reached, or refuses.
    """
    names = [prediction.files.get(PART) for prediction in outcome.predictions]
    files = [out / name for name in dict.fromkeys(names) if name]
    if files:
        dicomweb.store(reference, [file.read_bytes() for file in files])
    return len(files)


def _fetch(reference: dicomweb.Reference, folder: Path) -> Path:
    folder.mkdir()
    for number, content in enumerate(dicomweb.fetch(reference), start=1):
        # Numbered: a UID in a file's name would lead to a patient.
        (folder / f"{number:04}.dcm").write_bytes(content)
    return folder
