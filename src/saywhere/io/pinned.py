"""Connections to listed hosts: the only module that opens any.

A host is resolved once and the address is kept ("pinned"): a name that resolves to another address
later leads nowhere. Redirects are not followed, proxies not asked, answers are bounded in size and
time.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from saywhere.errors import SaywhereError, UsageError

MAX_BYTES = 1 << 30
"""Of one answer: a study of a thousand CT slices has half of it."""
CONNECT_S = 10.0
"""To connect, and between two packets."""
WHOLE_S = 300.0
"""For a whole answer, however steadily it drips."""
BLOCK_BYTES = 1 << 16


class ArchiveError(SaywhereError):
    """A host that images are fetched from cannot be reached, or refuses."""

    code = "archive"
    http_status = 502


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Attributes:
        is_encrypted: https, or http?
        host: A name or an IP address, in small letters.
        port: Of TCP.
    """

    is_encrypted: bool
    host: str
    port: int


@dataclass(frozen=True)
class Archives:
    """Hosts that may be asked, each with the address that its name had in the beginning.

    Attributes:
        addresses: (host, port) → its addresses.
        option: Of `saywhere serve`, which names them.
    """

    addresses: Mapping[tuple[str, int | None], tuple[str, ...]] = field(default_factory=dict)
    option: str = "--dicomweb"

    @classmethod
    def of(cls, hosts: Iterable[str], option: str = "--dicomweb") -> Archives:
        """Resolve a list of hosts, once.

        Args:
            hosts: HOST or HOST:PORT; without a port every port of it.
            option: Of `saywhere serve`, which named them.

        Returns:
            The list.

        Raises:
            UsageError: For a text that is no host.
            ArchiveError: For a name that has no address.
        """
        listed = [_host_and_port(text) for text in hosts]
        return cls({(host, port): _resolved(host) for host, port in listed}, option)

    def address_of(self, place: Place) -> str:
        """Give the address to connect to.

        Args:
            place: What is asked for.

        Returns:
            An IP address.

        Raises:
            UsageError: The place's host is not on the list. Its name is not looked up.
        """
        for key in ((place.host, place.port), (place.host, None)):
            if key in self.addresses:
                return self.addresses[key][0]
        raise UsageError(
            "a reference to a host that is not on this server's list",
            allowed=f"images are fetched from the hosts that `serve {self.option}` names",
            remedy="send the image itself, or ask who runs the server to add the host",
        )


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


def ask(
    place: Place,
    archives: Archives | None,
    method: str,
    path: str,
    headers: Mapping[str, str],
    *,
    most_bytes: int,
    body: bytes | None = None,
    called: str = "the archive",
) -> tuple[str, bytes]:
    """Ask a server.

    Args:
        place: Where it listens.
        archives: Hosts that may be asked; None: the place's own, as on one's own machine.
        method: Of HTTP.
        path: On the server, with what stands behind a question mark.
        headers: Of the request.
        most_bytes: Of the answer.
        body: Of the request.
        called: How errors call the server.

    Returns:
        Content type and content of a good answer.

    Raises:
        UsageError: The host is not among `archives`.
        ArchiveError: It cannot be reached, refuses, redirects, answers too much or too slowly.
    """
    known = archives or Archives({(place.host, None): _resolved(place.host)})
    connection = _Pinned(place, known.address_of(place))
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        _check(answer.status, called)
        return answer.headers.get("Content-Type", ""), _read(answer, most_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise ArchiveError(
            f"{called} cannot be reached ({type(error).__name__})",
            remedy="check host, port, http or https, and whether it is running",
        ) from None
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """Connects to an address, and names the host."""

    def __init__(self, place: Place, address: str) -> None:
        super().__init__(place.host, place.port, timeout=CONNECT_S)
        self._address = address
        self._is_encrypted = place.is_encrypted

    def connect(self) -> None:
        connected = socket.create_connection((self._address, self.port), self.timeout)
        if self._is_encrypted:
            context = ssl.create_default_context()
            # The certificate is the name's, not the address's.
            connected = context.wrap_socket(connected, server_hostname=self.host)
        self.sock = connected


def _check(status: int, called: str) -> None:
    if status == 200:
        return
    reasons = {
        202: f"{called} did not take all files",
        401: f"{called} asks for a login, which Saywhere does not have",
        403: f"{called} forbids it",
        404: f"{called} does not have it",
        409: f"{called} did not take the files",
    }
    reason = reasons.get(status, f"{called} refused")
    if 300 <= status < 400:
        reason = f"{called} sends elsewhere, and redirects are not followed"
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
