"""What kind of answer a caller wants: JSON, a PNG or a DICOM SEG."""

from __future__ import annotations

from saywhere.errors import NotAcceptable

JSON, PNG, DICOM = "application/json", "image/png", "application/dicom"
KINDS = (JSON, PNG, DICOM)
# What a caller who leaves the choice open gets.
OPEN = {"*/*": JSON, "application/*": JSON, "image/*": PNG}


def wanted_kind(accept: str) -> str:
    """Choose the kind of an answer.

    Args:
        accept: The header, empty where there is none.

    Returns:
        A kind that is named goes before one that is left open, and the first one named counts.
        JSON where there is no header.

    Raises:
        NotAcceptable: None of the kinds would be accepted.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    accepted = [name for name, is_refused in ranges if not is_refused]
    refused = [name for name, is_refused in ranges if is_refused]
    named = [name for name in accepted if name in KINDS]
    left_open = [OPEN[name] for name in accepted if name in OPEN and OPEN[name] not in refused]
    if not ranges:
        return JSON
    if not named and not left_open:
        raise NotAcceptable(
            "a kind of answer that this call does not give",
            allowed=f"Accept is {', '.join(KINDS)} or */*",
            remedy="leave the header out for JSON",
        )
    # PNG and DICOM are never meant by accident; clients add JSON to any header.
    special = [name for name in named if name != JSON]
    return [*special, *named, *left_open][0]


def _range(part: str) -> tuple[str, bool]:
    """A media range, and whether q=0 refuses it."""
    name, *parameters = [piece.strip().lower() for piece in part.split(";")]
    return name, any(_is_zero(parameter) for parameter in parameters)


def _is_zero(parameter: str) -> bool:
    key, _, value = parameter.partition("=")
    return key.strip() == "q" and value.strip().rstrip("0") in ("", "0.", "0")
