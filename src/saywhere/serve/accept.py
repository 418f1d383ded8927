"""What kind of answer a caller wants: JSON, a PNG, a DICOM SEG, a NIfTI volume, a zip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request

from saywhere.errors import NotAcceptable

JSON, PNG, DICOM = "application/json", "image/png", "application/dicom"
NIFTI = "application/x-nifti"
"""No type is registered for it."""
KINDS = (JSON, PNG, DICOM, NIFTI)
"""Of `POST /v1/segment`; the first is for who leaves the choice open."""


def check_accept(request: Request) -> None:
    """Refuse a call whose `Accept` names no kind that it answers: a dependency of all under /v1.

    Args:
        request: the request.

    Raises:
        NotAcceptable: none of the route's kinds would be accepted.
    """
    wanted_kind(accept_of(request), _kinds(request.scope["route"]))


def accept_of(request: Request) -> str:
    """The header `Accept`, which may come in several lines.

    Args:
        request: the request.

    Returns:
        All of it; empty where there is none.
    """
    return ", ".join(request.headers.getlist("accept"))


def wanted_kind(accept: str, kinds: Sequence[str] = KINDS) -> str:
    """Choose the kind of an answer.

    Args:
        accept: The header, empty where there is none.
        kinds: What the call can answer, the usual one first.

    Returns:
        A kind that is named goes before one that is left open, and the first one named counts.
        The usual one where there is no header.

    Raises:
        NotAcceptable: None of the kinds would be accepted.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    accepted = [name for name, is_refused in ranges if not is_refused]
    refused = [name for name, is_refused in ranges if is_refused]
    named = [name for name in accepted if name in kinds]
    # What a caller who leaves the choice open gets.
    opened = [_first_in(kinds, name) for name in accepted]
    left_open = [kind for kind in opened if kind is not None and kind not in refused]
    if not ranges:
        return kinds[0]
    if not named and not left_open:
        raise NotAcceptable(
            "a kind of answer that this call does not give",
            allowed=f"Accept is {', '.join(kinds)} or */*",
            remedy=f"leave the header out for {kinds[0]}",
        )
    # The others are never meant by accident; clients add JSON to any header.
    special = [name for name in named if name != kinds[0]]
    return [*special, *named, *left_open][0]


def _first_in(kinds: Sequence[str], named: str) -> str | None:
    """The first kind within a range such as image/*; None: there is none."""
    return next((kind for kind in kinds if _is_in(kind, named)), None)


def _kinds(route: Any) -> list[str]:
    """As /openapi.json names them, so that the two cannot differ."""
    answer = route.responses.get(200, {"model": None})
    return [*([JSON] if "model" in answer else []), *answer.get("content", ())]


def _is_in(kind: str, name: str) -> bool:
    """Is a kind in a range that leaves it open, such as `image/*`?"""
    family, _, rest = name.partition("/")
    return rest == "*" and family in ("*", kind.partition("/")[0])


def _range(part: str) -> tuple[str, bool]:
    """A media range, and whether q=0 refuses it."""
    name, *parameters = [piece.strip().lower() for piece in part.split(";")]
    return name, any(_is_zero(parameter) for parameter in parameters)


def _is_zero(parameter: str) -> bool:
    key, _, value = parameter.partition("=")
    return key.strip() == "q" and value.strip().rstrip("0") in ("", "0.", "0")
