"""Which DICOM files are of one patient, said without saying who.

Identifiers leave this module as keyed hashes only. The key is random, is written nowhere, and goes
with the object, so that nobody can try names or numbers against the hashes later.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from saywhere.errors import UnreadableFile
from saywhere.io import clinic
from saywhere.io.dicom import header
from saywhere.io.source_reader import content_of
from saywhere.io.sources import Source

if TYPE_CHECKING:
    from pydicom import Dataset

KEY_BYTES = 32


class PatientHashes:
    """Hashes that can be compared with each other, and with nothing else."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(KEY_BYTES)

    def of_file(self, source: Source) -> frozenset[bytes]:
        """Hash what says whom a file is of.

        Args:
            source: Any file.

        Returns:
            Two files that share one of these are of one patient. Empty of other files than DICOM,
            of those that cannot be read, and of those that name neither patient nor study.

        Raises:
            MissingExtra: It is DICOM, and pydicom is not installed.
        """
        try:
            content = content_of(source)
            if not header.is_dicom(content):
                return frozenset()
            # First in a child, under its limits: what that has parsed can be parsed here.
            clinic.count(content, source.file)
            dataset = header.parse(content, source.file, with_pixels=False)
        except UnreadableFile:
            return frozenset()
        with header.quiet():
            return frozenset(map(self._hash, _identifiers(dataset)))

    def _hash(self, identifier: str) -> bytes:
        return hmac.digest(self._key, identifier.encode(errors="surrogateescape"), "sha256")


def _identifiers(dataset: Dataset) -> list[str]:
    """The patient's number, else the name; and the study, which is of one patient."""
    number = header.text(dataset, "PatientID")
    # Beside a number the name counts for nothing: anonymised sets give one name to all.
    name = None if number else header.text(dataset, "PatientName")
    study = header.text(dataset, "StudyInstanceUID")
    named = {"number": number, "name": name and name.casefold(), "study": study}
    return [f"{kind} {value}" for kind, value in named.items() if value]
