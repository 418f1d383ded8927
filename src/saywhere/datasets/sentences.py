"""Sentences of a manifest that contradict their masks, the surest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saywhere.captions.claims import Claim, Shape, claims_of, shape_of
from saywhere.captions.contradictions import Contradiction, contradictions
from saywhere.data.manifest import Manifest
from saywhere.data.manifest_row import Row
from saywhere.data.prompt_frames import ORIENTATION
from saywhere.errors import UnreadableFile, UsageError
from saywhere.io import images
from saywhere.text.frames import PATIENT, frame_named, row_side

SURE = 0.9
"""Only what so many of the masks most like it contradict is listed."""


@dataclass(frozen=True)
class Doubt:
    """A sentence that says something else than its mask shows.

    Attributes:
        row: the line in the manifest, from 1.
        id: of the row.
        level: the prompt level; of several that say the same, the first.
        sentence: as it stands there.
        kind: what it is about: side, height, number, size.
        claimed: what it says, as "left".
        shown: what the mask shows, by the rule of the set's own sentences.
        score: how sure, [0, 1]: the share of the masks most like this one that are called
            otherwise.
        n_sentences: of the row, that say the same.
        mask: the mask's file.
    """

    row: int
    id: str
    level: str
    sentence: str
    kind: str
    claimed: str
    shown: str
    score: float
    n_sentences: int
    mask: str

    def to_json(self) -> dict[str, int | float | str]:
        """Make the record that `saywhere check --sentences --json` prints.

        Returns:
            Field name → value.
        """
        return dict(vars(self))


@dataclass(frozen=True)
class _Statement:
    """A claim with the sentence that makes it."""

    row: Row
    level: str
    sentence: str
    claim: Claim


def doubts(
    manifest: Manifest, advance: Callable[[int], None] = lambda done: None, sure: float = SURE
) -> list[Doubt]:
    """List the sentences that contradict their masks.

    Each prompt level is judged by the rule that its own sentences follow. A level of the patient's
    frame is judged on mirrored masks: on a film taken from the front, the patient's left lies on
    the right; a row's `orientation` says otherwise.

    Args:
        manifest: the rows; those whose mask is missing, empty or unreadable are passed over.
        advance: called with 1 after each row.
        sure: the least score that is listed.

    Returns:
        One record for each thing that a row's sentences say wrongly, the surest first.
    """
    of_level: dict[str, list[_Statement]] = {}
    shapes: dict[Path, Shape | None] = {}
    for row in manifest.rows:
        shape = _shape(row, shapes)
        if shape is not None:
            for level, texts in row.prompts.items():
                of_level.setdefault(level, []).extend(_statements(row, level, texts, shape))
        advance(1)
    records: dict[tuple[int, str, str], Doubt] = {}
    for statements in of_level.values():
        for one in contradictions([statement.claim for statement in statements]):
            if one.score >= sure:
                _add(records, statements[one.number], one)
    return sorted(records.values(), key=lambda doubt: (-doubt.score, doubt.row, doubt.kind))


def _statements(row: Row, level: str, texts: Sequence[str], shape: Shape) -> list[_Statement]:
    statements = []
    for text in texts:
        seen = shape.mirrored() if _is_mirrored(row, level, text) else shape
        statements += [_Statement(row, level, text, claim) for claim in claims_of(text, seen)]
    return statements


def _is_mirrored(row: Row, level: str, text: str) -> bool:
    """Do the text's sides lie the other way round in the picture?"""
    if (frame_named(text) or row.frame_of(level)) != PATIENT:
        return False
    orientation = row.extra.get(ORIENTATION)
    try:
        return not isinstance(orientation, str) or row_side(orientation) == "left"
    except UsageError:
        return True


def _shape(row: Row, shapes: dict[Path, Shape | None]) -> Shape | None:
    """Each mask is read once, however many rows have it."""
    if row.mask is None:
        return None
    if row.mask not in shapes:
        try:
            shapes[row.mask] = shape_of(images.read_mask(row.mask))
        except UnreadableFile:
            # The row's own fault, which the check lists.
            shapes[row.mask] = None
    return shapes[row.mask]


def _add(records: dict[tuple[int, str, str], Doubt], made: _Statement, one: Contradiction) -> None:
    """One record for all sentences of a row that say the same; the surest score counts."""
    claimed = made.claim.names[made.claim.claimed]
    key = (made.row.number, made.claim.aspect, claimed)
    known = records.get(key)
    if known is not None:
        score = max(known.score, one.score)
        records[key] = replace(known, n_sentences=known.n_sentences + 1, score=score)
        return
    records[key] = Doubt(
        row=made.row.number,
        id=made.row.id,
        level=made.level,
        sentence=made.sentence,
        kind=made.claim.kind,
        claimed=claimed,
        shown=one.shown,
        score=one.score,
        n_sentences=1,
        mask=str(made.row.mask),
    )
