"""The images of Label Studio's tasks, by what a task says of them.

A task names an image by an address, by a path on Label Studio's own server, or holds it whole. What
is fetched comes from listed hosts, what is read from one folder.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from saywhere.errors import UnreadableFile, UsageError
from saywhere.io.allowed_folder import read_allowed
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.io.pinned import Archives, ask
from saywhere.io.web import CALLED, Address, fetch, parse

LOCAL_FILES = "/data/local-files/"
"""How Label Studio names a file of its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""
ALLOWED = (
    "data:, http:// and https:// addresses, /data/upload/… of Label Studio, and "
    "/data/local-files/?d=… below --images"
)
MAX_TOKEN_BYTES = 1 << 16


@dataclass(frozen=True)
class TaskImages:
    """Where images may come from.

    Attributes:
        studio: Label Studio's own address.
        token: Of a person there, to fetch what was uploaded; empty: none.
        hosts: Its host, and others that images may be fetched from.
        folder: Whose files tasks may name; None: none may be.
    """

    studio: Address
    token: str
    hosts: Archives
    folder: Path | None

    @classmethod
    def of(cls, studio: str, token: str, hosts: Sequence[str], folder: Path | None) -> TaskImages:
        """Resolve all names, once.

        Args:
            studio: Label Studio's own address, as http://127.0.0.1:8080.
            token: Of a person there; empty: none.
            hosts: Others that images may be fetched from, HOST or HOST:PORT.
            folder: Whose files tasks may name; None: none may be.

        Returns:
            Where images may come from.

        Raises:
            UsageError: The address has another form, or a text is no host.
            ArchiveError: A name has no address.
        """
        address = parse(studio)
        return cls(address, token, Archives.of([_shown(address), *hosts], "--image-host"), folder)

    def read(self, value: object) -> bytes:
        """Read an image.

        Args:
            value: What a task's data says of it.

        Returns:
            All bytes of its file.

        Raises:
            UsageError: It is of another kind, from a host that is not listed, or a file outside of
                the folder.
            MissingFile: There is no such file in the folder.
            UnreadableFile: It is larger than an image may be.
            ArchiveError: A server cannot be reached, or refuses.
        """
        text = value if isinstance(value, str) else ""
        scheme = text.split(":", 1)[0].lower()
        if scheme == "data":
            return _embedded(text)
        if scheme in ("http", "https"):
            return self._fetched(parse(text))
        if text.startswith(LOCAL_FILES):
            named = parse_qs(urlsplit(text).query).get("d", [""])[0]
            # Relative, however it is written: Label Studio reads it so as well.
            return read_allowed(self.folder, named.lstrip("/"))
        if text.startswith("/") and not text.startswith("//"):
            root = f"{'https' if self.studio.is_encrypted else 'http'}://"
            return self._fetched(parse(f"{root}{_shown(self.studio)}{text}"))
        raise UsageError("a task whose image is of another kind", allowed=ALLOWED)

    def _fetched(self, address: Address) -> bytes:
        # The token is Label Studio's alone: no other host is shown it.
        own = address.place == self.studio.place
        headers = {"Authorization": self._authorization()} if own and self.token else {}
        return fetch(address, self.hosts, headers, most_bytes=MAX_FILE_BYTES)

    def _authorization(self) -> str:
        """A legacy token is sent as it is; a personal one (a JWT) is changed for a short-lived."""
        if self.token.count(".") != 2:
            return f"Token {self.token}"
        body = json.dumps({"refresh": self.token}).encode()
        headers = {"Content-Type": "application/json"}
        path = f"{self.studio.path.rstrip('/')}/api/token/refresh"
        _, answer = ask(
            self.studio,
            self.hosts,
            "POST",
            path,
            headers,
            most_bytes=MAX_TOKEN_BYTES,
            body=body,
            called=CALLED,
        )
        try:
            return f"Bearer {json.loads(answer)['access']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UsageError(
                "Label Studio does not take the token",
                allowed="a personal access token, or a legacy one",
                remedy="copy it anew from Account & Settings of Label Studio",
            ) from None


def _embedded(text: str) -> bytes:
    """Of a data: address. Raises UsageError and UnreadableFile."""
    head, comma, body = text.partition(",")
    if not comma or not head.endswith(";base64"):
        raise UsageError("a data: address that is not base64", allowed="data:image/png;base64,…")
    # Four letters stand for three bytes.
    if len(body) * 3 // 4 > MAX_FILE_BYTES:
        raise UnreadableFile("an image that is too large", allowed=f"at most {MAX_FILE_BYTES:,}")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("a data: address whose base64 is damaged") from None


def _shown(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
