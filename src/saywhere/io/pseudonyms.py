"""Keyed hashes in place of ids, paths and prompts, for those who must not write these down.

A plain hash would not do: whoever knows the patient numbers of a hospital could hash them all.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from saywhere.errors import MissingFile, SaywhereError, UsageError
from saywhere.io import files

N_DIGITS = 16
"""64 bits: among a million names, two alike are a matter of one in 37 million."""
LEAST_KEY_BYTES = 16
MOST_KEY_BYTES = 4096
KEY_BYTES = 32
WITHHELD = "withheld: it may name a patient"
"""What stands in place of a sentence that cannot be hashed word by word."""


@dataclass(frozen=True)
class Pseudonyms:
    """Names of one key.

    Attributes:
        key: Of HMAC-SHA256. It is never printed.
    """

    key: bytes = field(repr=False)

    def of(self, name: object) -> str:
        """Hash an id, a path or a prompt.

        Args:
            name: It is hashed as `str` gives it.

        Returns:
            The first 16 hexadecimal digits of its HMAC-SHA256; a blank name stays blank.
        """
        text = str(name)
        # A blank prompt means no words, and names nobody.
        if not text.strip():
            return text
        # Half characters, as in file names that are no UTF-8, have no other bytes.
        content = text.encode("utf-8", "surrogatepass")
        return hmac.new(self.key, content, "sha256").hexdigest()[:N_DIGITS]


def hasher(pseudonyms: Pseudonyms | None) -> Callable[[str], str]:
    """What is done to each name on its way into a file.

    Args:
        pseudonyms: None where names are written as they are.

    Returns:
        A function of the name.
    """
    return str if pseudonyms is None else pseudonyms.of


def read_pseudonyms(wanted: bool, key: Path | None) -> Pseudonyms | None:
    """Read the options `--no-identifiers` and `--identifier-key`.

    Args:
        wanted: Is the first one there?
        key: File of the second. Its bytes are the key, as they are. None: a random key is made
            and thrown away, so that nobody can match the hashes again.

    Returns:
        None where names are written as they are.

    Raises:
        UsageError: For a key without --no-identifiers, or of another length than is allowed.
        MissingFile: Where there is no such file.
        NotWritable: Where it cannot be read.
    """
    if not wanted:
        if key is not None:
            raise UsageError(
                "--identifier-key without --no-identifiers", remedy="give both, or neither"
            )
        return None
    if key is None:
        return Pseudonyms(secrets.token_bytes(KEY_BYTES))
    if not key.is_file():
        raise MissingFile(
            "no key", where=key, remedy=f"make one: openssl rand -out {key} {KEY_BYTES}"
        )
    with files.refusing(key), key.open("rb") as file:
        content = file.read(MOST_KEY_BYTES + 1)
    if not LEAST_KEY_BYTES <= len(content) <= MOST_KEY_BYTES:
        size = "more" if len(content) > MOST_KEY_BYTES else str(len(content))
        raise UsageError(
            f"a key of {size} bytes",
            where=key,
            allowed=f"{LEAST_KEY_BYTES} to {MOST_KEY_BYTES:,} random bytes",
            remedy=f"make one: openssl rand -out FILE {KEY_BYTES}",
        )
    return Pseudonyms(content)


def withheld(error: SaywhereError) -> SaywhereError:
    """The same error without its words, which name files, ids and prompts.

    Args:
        error: As it was raised.

    Returns:
        One of the same kind, so that the exit code stays.
    """
    return type(error)(
        f"the reason ({error.code}) is {WITHHELD}",
        remedy="the same call without --no-identifiers, to a folder that stays, shows it",
    )
