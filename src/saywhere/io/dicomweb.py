"""DICOMweb: fetch images of an archive (PACS) by reference, and store what was written of them.

Connections are opened by `pinned`, and only to where a reference says.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from saywhere.errors import UsageError
from saywhere.io.pinned import MAX_BYTES, ArchiveError, Archives, Place, ask, is_loopback

SCHEMES = ("dicomweb", "dicomweb+http", "dicomweb+https")
DICOM = "application/dicom"
MAX_CONFIRMED_BYTES = 1 << 20
"""Of what an archive says to files that it took."""
_FORM = re.compile(
    # pathlib makes one slash of two.
    r"(?P<scheme>dicomweb(?:\+https?)?):/{1,2}(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)"
    r"(?::(?P<port>\d{1,5}))?(?P<root>(?:/[A-Za-z0-9._-]+)*)"
    r"/studies/(?P<study>[0-9.]{1,64})"
    r"(?:/series/(?P<series>[0-9.]{1,64}))?(?:/instances/(?P<instance>[0-9.]{1,64}))?/?"
)
ALLOWED = "dicomweb://HOST[:PORT][/ROOT]/studies/UID[/series/UID[/instances/UID]]"


@dataclass(frozen=True)
class Reference(Place):
    """Images in an archive.

    Attributes:
        is_encrypted: https, or http?
        host: A name or an IP address, in small letters.
        port: Where it listens.
        root: The path of its DICOMweb service, such as "/dicom-web"; may be empty.
        path: Of the study, series or instance below the root.
    """

    root: str
    path: str


def is_reference(text: object) -> bool:
    """Is it meant as a reference?

    Args:
        text: A text, or a path that was made of one.

    Returns:
        True where it begins with one of SCHEMES.
    """
    return str(text).split(":", 1)[0].lower() in SCHEMES and ":" in str(text)


def parse(text: object) -> Reference:
    """Read a reference.

    `dicomweb://` is https, but http on this machine's own loopback addresses, where archives have
    no certificate. `dicomweb+http://` asks for http elsewhere, where the network is trusted.

    Args:
        text: As ALLOWED says; also a path that was made of it.

    Returns:
        Its parts.

    Raises:
        UsageError: It has another form. A user's name and password are refused as well.
    """
    match = _FORM.fullmatch(str(text))
    if match is None:
        raise UsageError("a reference of another form", allowed=ALLOWED)
    host = match["host"].strip("[]").lower()
    is_plain = match["scheme"].endswith("+http")
    is_encrypted = not is_plain and (match["scheme"].endswith("s") or not is_loopback(host))
    path = f"/studies/{match['study']}"
    if match["instance"] and not match["series"]:
        raise UsageError("an instance without its series", allowed=ALLOWED)
    for name, level in (("series", "series"), ("instance", "instances")):
        path += f"/{level}/{match[name]}" if match[name] else ""
    port = int(match["port"] or (443 if is_encrypted else 80))
    return Reference(is_encrypted, host, port, match["root"], path)


def fetch(
    reference: Reference, archives: Archives | None = None, *, most_bytes: int = MAX_BYTES
) -> list[bytes]:
    """Fetch images.

    Args:
        reference: What to fetch.
        archives: Hosts that may be asked; None: the reference's own, as on one's own machine.
        most_bytes: Of the answer.

    Returns:
        DICOM files, in the archive's order.

    Raises:
        UsageError: The host is not among `archives`.
        ArchiveError: It cannot be reached, refuses, redirects, answers something else, too much
            or too slowly.
    """
    accept = f'multipart/related; type="{DICOM}"; transfer-syntax=*'
    kind, content = ask(
        reference,
        archives,
        "GET",
        reference.root + reference.path,
        {"Accept": accept},
        most_bytes=most_bytes,
    )
    files = _parts(kind, content)
    if not files:
        raise ArchiveError("the archive holds no image of this reference")
    return files


def store(reference: Reference, files: Sequence[bytes], archives: Archives | None = None) -> None:
    """Store files in the archive of a reference.

    Args:
        reference: Any of the archive.
        files: DICOM files.
        archives: As in `fetch`.

    Raises:
        UsageError: As `fetch`.
        ArchiveError: As `fetch`, and where the archive did not take all files.
    """
    boundary = secrets.token_hex(16)
    parts = [
        f"--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode() + file + b"\r\n" for file in files
    ]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f'multipart/related; type="{DICOM}"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    ask(
        reference,
        archives,
        "POST",
        f"{reference.root}/studies",
        headers,
        most_bytes=MAX_CONFIRMED_BYTES,
        body=body,
    )


def _parts(kind: str, content: bytes) -> list[bytes]:
    """The bodies of multipart/related."""
    match = re.search(r'boundary="?([^";,\s]+)"?', kind)
    if not kind.lower().startswith("multipart/related") or match is None:
        raise ArchiveError("an answer that holds no DICOM files")
    mark = b"\r\n--" + match[1].encode()
    # What stands before the first mark is a preamble; after the last one nothing counts.
    sections = (b"\r\n" + content).split(mark)[1:]
    if not sections or not sections[-1].startswith(b"--"):
        raise ArchiveError("an answer that was cut off", remedy="try again")
    bodies = [section.split(b"\r\n\r\n", 1) for section in sections if section[:2] != b"--"]
    return [parts[1] for parts in bodies if len(parts) == 2]
