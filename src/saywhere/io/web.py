"""Files of web servers, by their addresses: from listed hosts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from saywhere.errors import UsageError
from saywhere.io.pinned import Archives, Place, ask

ALLOWED = "http://HOST[:PORT]/PATH or https://, without a name and a password"
CALLED = "the server of the image"
# A browser writes these as they are; everything else as %XX.
_PLAIN = "%/:?#[]@!$&'()*+,;=~-._"


@dataclass(frozen=True)
class Address(Place):
    """A file on a web server.

    Attributes:
        is_encrypted: https, or http?
        host: A name or an IP address, in small letters.
        port: Of TCP.
        path: On the server, with what stands behind a question mark.
    """

    path: str

    @property
    def place(self) -> Place:
        """The server alone, to compare two addresses."""
        return Place(self.is_encrypted, self.host, self.port)


def parse(text: str) -> Address:
    """Read an address.

    Args:
        text: As ALLOWED says.

    Returns:
        Its parts.

    Raises:
        UsageError: It has another form, or holds a user's name and password.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise UsageError("an address that cannot be read", allowed=ALLOWED) from None
    is_known = parts.scheme in ("http", "https") and parts.hostname
    if not is_known or parts.username is not None or parts.password is not None:
        raise UsageError("an address of another form", allowed=ALLOWED)
    is_encrypted = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_PLAIN)
    query = f"?{quote(parts.query, safe=_PLAIN)}" if parts.query else ""
    return Address(
        is_encrypted, str(parts.hostname), port or (443 if is_encrypted else 80), path + query
    )


def fetch(
    address: Address, hosts: Archives, headers: Mapping[str, str], *, most_bytes: int
) -> bytes:
    """Fetch a file.

    Args:
        address: Where it is.
        hosts: Hosts that may be asked.
        headers: Of the request.
        most_bytes: Of the file.

    Returns:
        All bytes of it.

    Raises:
        UsageError: The host is not among `hosts`.
        ArchiveError: It cannot be reached, refuses, redirects, answers too much or too slowly.
    """
    _, content = ask(
        address, hosts, "GET", address.path, headers, most_bytes=most_bytes, called=CALLED
    )
    return content
