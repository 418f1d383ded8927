"""Whose left do the prompts of a manifest mean, and how they come into one frame.

A row's `frame` or `frames` says whose; words that say it themselves ("the patient's left") win.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from saywhere.data.manifest import Manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.errors import ConfigError, SaywhereError, UsageError
from saywhere.io import clinic
from saywhere.io.decode import read_bytes
from saywhere.text.frames import (
    BOTH,
    NOT_STATED,
    PATIENT,
    frame_named,
    names_side,
    row_side,
    translate_all,
)

ORIENTATION = "orientation"
r"""A manifest's further column: a picture's rows and columns in the patient, as in `L\F`."""
_WHOSE = {PATIENT: "the patient's"}
_named = lru_cache(maxsize=100_000)(frame_named)
_has_side = lru_cache(maxsize=100_000)(names_side)


@dataclass(frozen=True)
class Spoken:
    """A text of a manifest that names left or right.

    Attributes:
        row: whose it is.
        level: its prompt level.
        text: the words.
        stated: the frame by the manifest.
        named: the frame by the words themselves; "" where they do not say.
    """

    row: Row
    level: str
    text: str
    stated: str
    named: str

    @property
    def frame(self) -> str:
        """The frame that counts: the words win."""
        return self.named or self.stated


@dataclass(frozen=True)
class Framed:
    """The frame of a training's prompts.

    Attributes:
        frame: `image`, `patient`, `both` (the words say whose), or "" where no row says.
        plain: of `both`, the frame of words that do not say whose; "" where all say it.
    """

    frame: str
    plain: str = NOT_STATED


def spoken(rows: Iterable[Row], levels: Sequence[str]) -> Iterator[Spoken]:
    """List the texts that name left or right.

    Args:
        rows: of a manifest.
        levels: prompt levels to read.

    Yields:
        Each text with its frame, in order.
    """
    for row in rows:
        for level in levels:
            for text in row.prompts.get(level, ()):
                if _has_side(text):
                    yield Spoken(row, level, text, row.frame_of(level), _named(text))


def frame_of(rows: Sequence[Row], levels: Sequence[str]) -> Framed:
    """Find the frame of a training's prompts, as they stand.

    Args:
        rows: the training rows.
        levels: the prompt levels that are trained on.

    Returns:
        The frame.

    Raises:
        ConfigError: plain words mean the image's left here and the patient's there.
    """
    plain: dict[str, Spoken] = {}
    frames: set[str] = set()
    for text in spoken(rows, levels):
        frames.add(text.frame)
        if text.named == NOT_STATED:
            plain.setdefault(text.stated, text)
    if len(plain) > 1:
        raise _mixed(*plain.values())
    if not frames:
        # No side is named; the manifest's own statement holds for words that users may add.
        frames = {row.frame_of(level) for row in rows for level in levels}
    if len(frames) == 1:
        return Framed(frames.pop())
    return Framed(BOTH, next(iter(plain), NOT_STATED)) if frames else Framed(NOT_STATED)


def in_frame(rows: Iterable[Row], levels: Sequence[str], frame: str, key: str) -> Rows:
    """Bring prompts into one frame: those of the other one are translated.

    Args:
        rows: of a manifest.
        levels: the prompt levels to bring there.
        frame: `image` or `patient`.
        key: of the configuration or the call, which asks for it; for the error.

    Returns:
        The rows; those whose prompts are of that frame already stay as they are.

    Raises:
        ConfigError: a text is of the other frame and the orientation of its picture is not known,
            or shows neither left nor right.
    """
    return Rows(_row_in(row, levels, frame, key) for row in rows)


def _row_in(row: Row, levels: Sequence[str], frame: str, key: str) -> Row:
    others = [text for text in spoken([row], levels) if text.frame != frame]
    if not others:
        return row
    side = _side_of(others[0], frame, key)
    prompts = dict(row.prompts)
    for level in levels:
        stated = row.frame_of(level)
        prompts[level] = tuple(
            translate_all(text, stated, frame, side) for text in row.prompts.get(level, ())
        )
    frames = dict.fromkeys(levels, frame)
    return replace(row, prompts=prompts, frames=row.frames | frames)


def _side_of(text: Spoken, frame: str, key: str) -> str:
    """To which side the rows of the text's picture run. Raises ConfigError."""
    stated = text.row.extra.get(ORIENTATION) or _own_orientation(text.row.image)
    whose = _whose(frame)
    what = f"{text.text[:80]!r} (row {text.row.number}, level {text.level}) is not {whose} left"
    if not isinstance(stated, str) or not stated.strip():
        raise ConfigError(
            f"{what}, and the orientation of its picture is not known",
            where=key,
            allowed="prompts of the other frame are translated where the orientation is known",
            remedy=f"give the rows a column `{ORIENTATION}` (L\\F for a standard chest film), or "
            "choose prompts of one frame",
        )
    try:
        return row_side(stated)
    except UsageError as error:
        raise ConfigError(f"{what}, and {error}", where=key) from None


def _own_orientation(image: Path) -> str | None:
    """By a DICOM or NIfTI file; None where it does not say, or cannot be read."""
    try:
        content = read_bytes(image)
        if clinic.kind_of(content) is None:
            return None
        picture, _ = clinic.read_one(content, image)
    except SaywhereError:
        # The row's own fault, which the check lists.
        return None
    geometry = picture.geometry
    return None if geometry is None else "\\".join(geometry.patient_orientation or ()) or None


def _whose(frame: str) -> str:
    return _WHOSE.get(frame, "the image's")


def _mixed(first: Spoken, second: Spoken) -> ConfigError:
    return ConfigError(
        f"{first.text[:80]!r} means {_whose(first.stated)} left (row {first.row.number}, level "
        f"{first.level}), and {second.text[:80]!r} {_whose(second.stated)} (row "
        f"{second.row.number}, level {second.level})",
        where="text.train_prompts",
        allowed="plain words mean one frame, or all words say whose (the patient's left, left of "
        "the image)",
        remedy="choose levels of one frame, or set text.frame = 'image' and give the rows of the "
        f"other frame a column `{ORIENTATION}` (L\\F for a standard chest film)",
    )


def frame_warnings(manifest: Manifest) -> list[str]:
    """Warn where a manifest's frames and words do not go together.

    Args:
        manifest: all rows.

    Returns:
        Sentences: words that contradict their row's frame; plain words of two frames.
    """
    plain: dict[str, Spoken] = {}
    odd: list[Spoken] = []
    for text in spoken(manifest.rows, manifest.levels):
        if text.named == NOT_STATED:
            plain.setdefault(text.stated, text)
        elif text.named not in (text.stated, BOTH):
            odd.append(text)
    warnings = []
    if odd:
        # The first alone: a level's sentences are mostly of one form.
        first = odd[0]
        warnings.append(
            f"{len(odd):,} texts say whose left they mean, and the manifest says otherwise: for "
            f"instance {first.text[:80]!r} (row {first.row.number}, level {first.level}) with "
            f"frame {first.stated}; the words count"
        )
    if len(plain) > 1:
        warnings.append(f"two frames in plain words: {_mixed(*plain.values()).found}")
    return warnings
