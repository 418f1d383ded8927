"""Strict forms: what a call would not read as it was sent is refused.

A misspelt `prompt` would else be answered as if it had been empty, the first of two images would be
dropped, and bytes that are no UTF-8 would become other letters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI, Request

from saywhere.errors import UsageError, nearest
from saywhere.serve.body_limit import BODY

MULTIPART, URL_ENCODED = "multipart/form-data", "application/x-www-form-urlencoded"
FORMS = (MULTIPART, URL_ENCODED)


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


async def refuse_repeated(request: Request) -> None:
    """Refuse a field twice where a call takes one: a dependency of every call under /v1.

    Args:
        request: the request, its form known by now.

    Raises:
        UsageError: a name that takes one value comes twice (422).
    """
    wanted = request.scope["route"].dependant
    if wanted.body_params:
        sent = [name for name, _ in (await request.form()).multi_items()]
        _refuse_twice("field", sent, wanted.body_params)
    sent = [name for name, _ in request.query_params.multi_items()]
    _refuse_twice("query parameter", sent, wanted.query_params)


async def refuse_other_text(request: Request) -> None:
    """Refuse text that is no UTF-8: a dependency of every call under /v1.

    The framework reads such bytes as Latin-1, or puts a sign in their place, and says nothing.

    Args:
        request: the request, its form known by now.

    Raises:
        UsageError: a field, or a query parameter, is no UTF-8 (422).
    """
    _check_text(unquote_to_bytes(request.scope.get("query_string", b"")), "a query parameter")
    kind = _kind(request)
    if kind == URL_ENCODED:
        _check_text(unquote_to_bytes(request.scope.get(BODY, b"")), "a field")
    elif kind == MULTIPART and request.scope["route"].dependant.body_params:
        await _check_parts(request)


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
    has_body = (
        # A body that is sent in chunks declares no length.
        request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    )
    if has_body and _kind(request) not in FORMS:
        raise UsageError(
            "a body that is no form", allowed=" or ".join(FORMS), remedy="with curl: -F name=value"
        )


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _check_parts(request: Request) -> None:
    """Each text as UTF-8 stands in the body, unless it was read from other bytes."""
    body = request.scope.get(BODY, b"")
    for _, value in (await request.form()).multi_items():
        if isinstance(value, str) and not value.isascii() and value.encode() not in body:
            raise _no_text("a field")


def _check_text(content: bytes, what: str) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise _no_text(what) from None


def _no_text(what: str) -> UsageError:
    return UsageError(
        f"{what} that is no UTF-8", allowed="text in UTF-8", remedy="encode it, and send it again"
    )


def _refuse_twice(kind: str, sent: Iterable[str], parameters: list[Any]) -> None:
    counts = Counter(sent)
    for parameter in parameters:
        is_single = not _is_list(parameter.field_info.annotation)
        if is_single and counts[parameter.alias] > 1:
            raise UsageError(
                f"the {kind} {parameter.alias} {counts[parameter.alias]} times",
                allowed="once in a call",
                remedy="make a call for each",
            )


def _is_list(annotation: Any) -> bool:
    """Of `list[str]`, `list[str] | None` and the like."""
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))


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
