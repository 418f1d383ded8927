"""Who may call, by a token each: the file holds names and hashes, no token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from fastapi import Request

from saywhere.config.toml import read_document
from saywhere.errors import UsageError
from saywhere.io.files import write_text
from saywhere.serve.content import MAX_NAME_CHARS

USER = "saywhere.user"
"""Key of a request's scope: the name of who calls; missing where no users are listed."""
N_DIGITS = 64
"""Of a sha256 as hexadecimal digits."""
TABLE = "users"


class Users:
    """Names behind a token each."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """Take the names.

        Args:
            hashes: name → sha256 of the token, as 64 hexadecimal digits.
        """
        self._hashes = dict(hashes)

    def named(self, token: str) -> str | None:
        """Find who has a token.

        Args:
            token: as it was sent.

        Returns:
            The name; None: nobody has it.
        """
        sent = digest(token)
        # All are compared, each in constant time: the time of an answer says nothing of a token.
        names = [name for name, one in self._hashes.items() if hmac.compare_digest(one, sent)]
        return names[0] if names else None


def reader(request: Request, who: str) -> str:
    """Say who keeps or reviews: where users are listed, nobody signs with another's name.

    Args:
        request: of the call.
        who: the name that was sent; may be empty.

    Returns:
        The user whose token was sent; without users the name that was sent.

    Raises:
        UsageError: the name is another user's.
    """
    user = request.scope.get(USER)
    if user is None:
        return who
    if who not in ("", user):
        raise UsageError(
            "who is not the name behind the token",
            allowed="the name that the server lists for it",
            remedy="leave who out",
        )
    return str(user)


def digest(token: str) -> str:
    """Hash a token. One that was drawn cannot be guessed, so no slow hash is needed.

    Args:
        token: of a user.

    Returns:
        sha256 as 64 hexadecimal digits.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def read_users(path: Path) -> Users:
    """Read the file that `saywhere serve --add-user` writes.

    Args:
        path: of a TOML file with the table [users]: name = "sha256 of the token".

    Returns:
        The users.

    Raises:
        MissingFile: there is no such file.
        UsageError: it is no such file, or names nobody.
    """
    hashes = _read(path)
    if not hashes:
        raise _wrong("nobody is named", path)
    return Users(hashes)


def add_user(path: Path, name: str) -> str:
    """Draw a token for a new user; of it the file gets the hash alone.

    Args:
        path: of the users' file; made where it is not there.
        name: of the user; one that is there gets a new token.

    Returns:
        The token, which stands nowhere else.

    Raises:
        UsageError: the name is blank or too long, or the file is none of users.
        NotWritable: the folder takes no file.
    """
    if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise UsageError(
            f"the name {name[:40]!r}", allowed=f"1 to {MAX_NAME_CHARS} characters that can be read"
        )
    hashes = _read(path) if path.exists() else {}
    token = secrets.token_urlsafe(24)
    write_text(path, tomli_w.dumps({TABLE: {**hashes, name.strip(): digest(token)}}))
    return token


def _read(path: Path) -> dict[str, str]:
    remedy = f"saywhere serve --users {path.name} --add-user NAME makes it"
    document, _ = read_document(path, "users' file", remedy)
    table: Any = document.get(TABLE)
    if set(document) != {TABLE} or not isinstance(table, dict):
        raise _wrong(f"no table [{TABLE}], or another beside it", path)
    for name, one in table.items():
        is_hash = (
            isinstance(one, str) and len(one) == N_DIGITS and set(one) <= set("0123456789abcdef")
        )
        if not is_hash or not name.strip() or len(name) > MAX_NAME_CHARS:
            raise _wrong(f"{name[:40]!r} has no sha256 of a token", path)
    if len(set(table.values())) < len(table):
        raise _wrong("two names have one token", path)
    return table


def _wrong(problem: str, path: Path) -> UsageError:
    return UsageError(
        problem,
        where=path,
        allowed=f'[{TABLE}] with lines name = "sha256 of the token"',
        remedy=f"saywhere serve --users {path.name} --add-user NAME writes such a line",
    )
