"""DICOMweb: fetch images of an archive (PACS) by reference, and store what was written of them.

The only module that opens connections, and only to where a reference says. A host is resolved once
and the address is kept ("pinned"): a name that resolves to another address later leads nowhere.
Redirects are not followed, proxies not asked, answers are bounded in size and time.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import secrets
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saywhere.errors import SaywhereError, UsageError

SCHEMES = ("dicomweb", "dicomweb+http", "dicomweb+https")
MAX_BYTES = 1 << 30
"""Of one answer: a study of a thousand CT slices has half of it."""
CONNECT_S = 10.0
"""To connect, and between two packets."""
WHOLE_S = 300.0
"""For a whole answer, however steadily it drips."""
BLOCK_BYTES = 1 << 16
DICOM = "application/dicom"
_FORM = re.compile(
    # pathlib makes one slash of two.
    r"(?P<scheme>dicomweb(?:\+https?)?):/{1,2}(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)"
    r"(?::(?P<port>\d{1,5}))?(?P<root>(?:/[A-Za-z0-9._-]+)*)"
    r"/studies/(?P<study>[0-9.]{1,64})"
    r"(?:/series/(?P<series>[0-9.]{1,64}))?(?:/instances/(?P<instance>[0-9.]{1,64}))?/?"
)
ALLOWED = "dicomweb://HOST[:PORT][/ROOT]/studies/UID[/series/UID[/instances/UID]]"


class ArchiveError(SaywhereError):
    """The archive cannot be reached, or refuses."""

    code = "archive"
    http_status = 502


@dataclass(frozen=True)
class Reference:
    """Images in an archive.

    Attributes:
        is_encrypted: https, or http?
        host: A name or an IP address, in small letters.
        port: Where it listens.
        root: The path of its DICOMweb service, such as "/dicom-web"; may be empty.
        path: Of the study, series or instance below the root.
    """

    is_encrypted: bool
    host: str
    port: int
    root: str
    path: str


@dataclass(frozen=True)
class Archives:
    """Hosts that may be asked, each with the address that its name had in the beginning.

    Attributes:
        addresses: (host, port) → its addresses.
    """

    addresses: Mapping[tuple[str, int | None], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, hosts: Iterable[str]) -> Archives:
        """Resolve a list of hosts, once.

        Args:
            hosts: HOST or HOST:PORT; without a port every port of it.

        Returns:
            The list.

        Raises:
            UsageError: For a text that is no host.
            ArchiveError: For a name that has no address.
        """
        listed = [_host_and_port(text) for text in hosts]
        return cls({(host, port): _resolved(host) for host, port in listed})

    def address_of(self, reference: Reference) -> str:
        """Give the address to connect to.

        Args:
            reference: What is asked for.

        Returns:
            An IP address.

        Raises:
            UsageError: The reference's host is not on the list. Its name is not looked up.
        """
        for key in ((reference.host, reference.port), (reference.host, None)):
            if key in self.addresses:
                return self.addresses[key][0]
        raise UsageError(
            "a reference to a host that is not on this server's list",
            allowed="images are fetched from the hosts that `serve --dicomweb` names",
            remedy="send the image itself, or ask who runs the server to add the host",
        )


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


def is_loopback(host: str) -> bool:
    """Does a host stand for this machine alone?

    Args:
        host: A name or an IP address.

    Returns:
        True for localhost and loopback addresses.
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    kind, content = _ask(reference, archives, "GET", reference.path, {"Accept": accept}, most_bytes)
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
    _ask(reference, archives, "POST", "/studies", headers, BLOCK_BYTES * 16, body)


class _Pinned(http.client.HTTPConnection):
    """Connects to an address, and names the host."""

    def __init__(self, reference: Reference, address: str) -> None:
        super().__init__(reference.host, reference.port, timeout=CONNECT_S)
        self._address = address
        self._is_encrypted = reference.is_encrypted

    def connect(self) -> None:
        connected = socket.create_connection((self._address, self.port), self.timeout)
        if self._is_encrypted:
            context = ssl.create_default_context()
            # The certificate is the name's, not the address's.
            connected = context.wrap_socket(connected, server_hostname=self.host)
        self.sock = connected


def _ask(
    reference: Reference,
    archives: Archives | None,
    method: str,
    path: str,
    headers: dict[str, str],
    most_bytes: int,
    body: bytes | None = None,
) -> tuple[str, bytes]:
    """Content type and content of a good answer."""
    known = archives or Archives({(reference.host, None): _resolved(reference.host)})
    connection = _Pinned(reference, known.address_of(reference))
    try:
        connection.request(method, reference.root + path, body, headers)
        answer = connection.getresponse()
        _check(answer.status)
        return answer.headers.get("Content-Type", ""), _read(answer, most_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise ArchiveError(
            f"the archive cannot be reached ({type(error).__name__})",
            remedy="check host, port, http or https, and whether it is running",
        ) from None
    finally:
        connection.close()


def _check(status: int) -> None:
    if status == 200:
        return
    reasons = {
        202: "the archive did not take all files",
        401: "the archive asks for a login, which Saywhere does not have",
        403: "the archive forbids it",
        404: "the archive does not have it",
        409: "the archive did not take the files",
    }
    reason = reasons.get(status, "the archive refused")
    if 300 <= status < 400:
        reason = "the archive sends elsewhere, and redirects are not followed"
    raise ArchiveError(f"{reason} (HTTP {status})")


def _read(answer: Any, most_bytes: int) -> bytes:
    """Block by block: neither a length that is promised nor a slow drip is trusted."""
    ends = time.monotonic() + WHOLE_S
    content = bytearray()
    while block := answer.read1(BLOCK_BYTES):
        content += block
        if len(content) > most_bytes:
            raise ArchiveError(
                f"an answer of more than {most_bytes:,} bytes",
                remedy="ask for a series or an instance instead of a study",
            )
        if time.monotonic() > ends:
            raise ArchiveError(f"an answer that takes more than {WHOLE_S:.0f} seconds")
    # http.client raises nothing where a connection ends too early.
    if answer.length:
        raise ArchiveError("an answer that was cut off", remedy="try again")
    return bytes(content)


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


def _host_and_port(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?", text)
    if match is None:
        raise UsageError(
            f"{text[:80]!r} is no host", allowed="HOST or HOST:PORT, as pacs.example.org:8042"
        )
    return match[1].strip("[]").lower(), int(match[2]) if match[2] else None


def _resolved(host: str) -> tuple[str, ...]:
    """Its addresses. Raises ArchiveError."""
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise ArchiveError(
            f"the host {host[:80]!r} has no address", remedy="check its name, or the network"
        ) from None
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
    for address in addresses:
        _refuse_odd(address)
    return addresses


def _refuse_odd(address: str) -> None:
    """No archive has such an address; clouds keep their secrets on a link-local one."""
    parsed = ipaddress.ip_address(address.split("%", 1)[0])
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified:
        raise UsageError("a host whose address is link-local, multicast or no address at all")
