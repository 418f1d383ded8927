"""A name that a call does not know is refused: a misspelt `prompt` would else be answered as if nothing had been said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request

from saywhere.errors import UsageError, nearest


async def only_known(request: Request) -> None:
    """A dependency of every call under /v1. Raises UsageError (422); the message holds the names that are known, never what was sent."""
    wanted = request.scope["route"].dependant
    if wanted.body_params:
        _refuse("field", (await request.form()).keys(), wanted.body_params)
    _refuse("query parameter", request.query_params.keys(), wanted.query_params)


def _refuse(kind: str, sent: Iterable[str], parameters: list[Any]) -> None:
    names = [parameter.alias for parameter in parameters]
    if unknown := next((name for name in sent if name not in names), None):
        remedy = nearest(unknown, names) if names else "leave it out"
        raise UsageError(f"a {kind} that this call does not know", allowed=", ".join(names) or f"it takes no {kind}", remedy=remedy)
