"""What a call sends: the image or its reference, and prompts within their limits."""

from __future__ import annotations

import hashlib

from fastapi import UploadFile

from saywhere.errors import UsageError
from saywhere.io.dicomweb import Archives, fetch, parse
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.serve.slow_work import FETCHING, in_thread
from saywhere.text.prompts import refuse_endless

MAX_PROMPTS = 16
ROW_KEY = "^[0-9a-f]{32}$"
"""Of a kept row. It becomes a file's name, so it holds nothing but these digits."""
MAX_NAME_CHARS = 200
MAX_REFERENCE_CHARS = 500


def check_prompts(prompts: list[str]) -> None:
    """Refuse too many or too long prompts.

    Args:
        prompts: as they were sent.

    Raises:
        UsageError: there are too many, or one is too long.
    """
    if len(prompts) > MAX_PROMPTS:
        raise UsageError(
            f"{len(prompts)} prompts",
            allowed=f"at most {MAX_PROMPTS} in a call",
            remedy="send the others in a second call",
        )
    refuse_endless(prompts)
    # Half a character is refused here (UnicodeError), before an encoder meets it.
    "".join(prompts).encode("utf-8")


async def content_of(image: UploadFile | None, reference: str | None, archives: Archives) -> bytes:
    """Read the bytes that were sent, or those in an archive: exactly one of the two.

    Args:
        image: the file that was sent.
        reference: of an image in an archive.
        archives: hosts that images may be fetched from.

    Returns:
        All bytes of the image's file.

    Raises:
        UsageError: both or neither were sent, or the reference is not one image's.
    """
    files = await contents_of(image, reference, archives)
    if len(files) != 1:
        raise UsageError(
            f"a reference to {len(files)} images",
            allowed="one image in this call; /v1/segment takes the images of a series",
            remedy="name the instance: …/series/UID/instances/UID",
        )
    return files[0]


async def contents_of(
    image: UploadFile | None,
    reference: str | None,
    archives: Archives,
    most_bytes: int = MAX_FILE_BYTES,
) -> list[bytes]:
    """Read the bytes that were sent, or all files that a reference names: exactly one of the two.

    Args:
        image: the file that was sent.
        reference: of an image or a series in an archive.
        archives: hosts that images may be fetched from.
        most_bytes: of all files of a reference together.

    Returns:
        All bytes of each file.

    Raises:
        UsageError: both or neither were sent.
    """
    if (image is None) == (not reference):
        raise UsageError(
            "both image and reference" if image is not None else "no image",
            allowed="image or reference",
            remedy="send one of them",
        )
    if image is not None:
        return [await image.read()]
    # Off the event loop: the archive may be slow.
    return await in_thread(FETCHING, fetch, parse(reference), archives, most_bytes=most_bytes)


def sha256(*contents: bytes) -> str:
    """Name a file, or the files of a series in their order, by its content.

    Args:
        contents: all bytes of each.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(b"".join(contents)).hexdigest()
