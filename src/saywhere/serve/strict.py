"""Strict forms: a field that a call does not know is refused.

A misspelt `prompt` would else be answered as if it had been empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request

from saywhere.errors import UsageError, nearest

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def refuse_unknown(request: Request) -> None:
    """Refuse unknown fields and query parameters: a dependency of every call under /v1.

    Args:
        request: the request, its body not yet parsed.

    Raises:
        UsageError: a name is unknown (422). The message holds the names that are known, never what
            was sent.
    """
    wanted = request.scope["route"].dependant
    if wanted.body_params:
        _refuse_other_bodies(request)
        _refuse("field", (await request.form()).keys(), wanted.body_params)
    _refuse("query parameter", request.query_params.keys(), wanted.query_params)


def close_forms(app: FastAPI) -> None:
    """Say in /openapi.json too that the forms have no other fields.

    FastAPI closes a form only where it is one pydantic model, which takes no files.

    Args:
        app: the service.
    """
    describe = app.openapi

    def closed() -> dict[str, Any]:
        document = describe()
        for name, form in document["components"]["schemas"].items():
            # FastAPI's name for a form of several fields.
            if name.startswith("Body_"):
                form["additionalProperties"] = False
        return document

    app.openapi = closed  # type: ignore[method-assign]


def _refuse_other_bodies(request: Request) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    has_body = (
        # A body that is sent in chunks declares no length.
        request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    )
    if has_body and kind not in FORMS:
        raise UsageError(
            "a body that is no form", allowed=" or ".join(FORMS), remedy="with curl: -F name=value"
        )


def _refuse(kind: str, sent: Iterable[str], parameters: list[Any]) -> None:
    names = [parameter.alias for parameter in parameters]
    unknown = next((name for name in sent if name not in names), None)
    if unknown is not None:
        remedy = nearest(unknown[:80], names) if names else "leave it out"
        raise UsageError(
            f"a {kind} that this call does not know",
            allowed=", ".join(names) or f"it takes no {kind}",
            remedy=remedy,
        )
