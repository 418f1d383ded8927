"""The faults that a manifest's rows can have.

A faulty row, or a line that is no row, is set aside with a reason and a remedy: never skipped in
silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from saywhere.data.file_checks import Facts, Progress, gather
from saywhere.data.folds import COLUMN
from saywhere.data.kept_facts import gather_once
from saywhere.data.manifest import Manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.errors import TooManyFaults, UsageError, nearest
from saywhere.io.files import write_text
from saywhere.io.framing import Framing
from saywhere.io.limits import MAX_PROMPT_CHARS
from saywhere.io.pseudonyms import WITHHELD, Pseudonyms
from saywhere.text.prompts import is_blank

REMEDIES = {
    "missing_file": "put the file there, or correct the path (relative to the manifest's folder)",
    "truncated": "fetch or export the file again",
    "unreadable": "save it as PNG, JPEG, TIFF, BMP, GIF or WebP, one frame, within the limits",
    "wrong_channels": "save the image as grey or RGB without transparency, the mask as grey",
    "nan": "replace NaN and infinity, or export the file again",
    "wrong_size": "give the mask the image's height and width, or correct the pair",
    "empty_mask": "draw the mask, write it as 0 and 255, write meant: empty_mask if nothing is "
    "there, or remove the row",
    "three_value_mask": "save the label that is meant as 0 and 255, a row for each label",
    "duplicate_id": "give each row an id of its own",
    "leak": "move all rows of the image or group into one split (one fold)",
    "blank_prompt": "write the text, leave the whole level blank, or write meant: blank_prompt",
    "long_prompt": "shorten the text",
}


@dataclass(frozen=True)
class Fault:
    """Why a row was set aside."""

    row: int
    """Its line in the manifest, from 1."""
    id: str
    """Of the row; empty for a line that is no row."""
    kind: str
    """A key of `REMEDIES`, or no_row."""
    reason: str
    remedy: str

    def to_json(self) -> dict[str, int | str]:
        """The record for quarantine.jsonl.

        Returns:
            row, id, kind, reason, remedy.
        """
        return dict(vars(self))

    def nameless(self, pseudonyms: Pseudonyms) -> Fault:
        """The same without names: a reason quotes files, ids and prompts.

        Args:
            pseudonyms: hash the id.

        Returns:
            A fault of the same row and kind.
        """
        remedy = REMEDIES.get(self.kind, WITHHELD)
        return replace(self, id=pseudonyms.of(self.id), reason=WITHHELD, remedy=remedy)


RowFault = tuple[int, Fault]
"""A row's place in the manifest, from 0, and what is wrong with it."""


@dataclass(frozen=True)
class CheckReport:
    """What a check leaves, and what it sets aside."""

    manifest: Manifest
    """The clean rows only."""
    faults: list[Fault]
    """In row order; a row may have several."""
    masks: dict[Path, Facts] = field(default_factory=dict)
    """What is known of each mask file."""
    images: dict[Path, Facts] = field(default_factory=dict)
    """What is known of each image file."""

    @property
    def quarantined(self) -> list[int]:
        """The lines of the rows that were set aside, each once."""
        return list(dict.fromkeys(fault.row for fault in self.faults))

    @property
    def kinds(self) -> dict[str, int]:
        """Kind of fault → how often it occurs."""
        return dict(Counter(fault.kind for fault in self.faults))

    def write_quarantine(self, path: Path, pseudonyms: Pseudonyms | None = None) -> None:
        """Write the faults as JSONL, one per line, atomically.

        Args:
            path: the file.
            pseudonyms: where given, ids are hashed and reasons left out.

        Raises:
            NotWritable: it cannot be written.
        """
        faults = self.faults
        if pseudonyms is not None:
            faults = [fault.nameless(pseudonyms) for fault in faults]
        lines = [json.dumps(fault.to_json(), ensure_ascii=False) + "\n" for fault in faults]
        write_text(path, "".join(lines))


def within_budget(
    report: CheckReport, n_lines: int, budget: float, key: str = "fault_budget"
) -> CheckReport:
    """Refuse a manifest with too many faulty rows.

    Args:
        report: of a check.
        n_lines: lines that were checked, those that are no row among them.
        budget: the share of faulty lines that is allowed, in [0, 1].
        key: what the budget is called; for the error.

    Returns:
        The report.

    Raises:
        TooManyFaults: the budget is exceeded; it names the first fault.
    """
    # Rows, not faults: one row may have several.
    n_faulty = len(report.quarantined)
    if n_faulty > budget * n_lines:
        first = report.faults[0]
        raise TooManyFaults(
            f"{n_faulty} of {n_lines} rows are faulty, the first is row {first.row} "
            f"({first.reason})",
            where=report.manifest.path,
            allowed=f"{key} is {budget}",
            remedy="see `saywhere check`; mend the rows or the budget",
        )
    return report


def check(
    manifest: Manifest,
    levels: Sequence[str] | None = None,
    count_tokens: Callable[[str], int] | None = None,
    max_tokens: int | None = None,
    progress: Progress | None = None,
    framing: Framing | None = None,
    *,
    once: bool = False,
) -> CheckReport:
    """Find every fault; each distinct file is decoded once.

    A level that is blank in every row is meant to be blank. Rows without a mask are at fault only
    where other rows have one. Several rows may share an image within one split. Of a leak between
    splits the training side is set aside, so that the test set stays as published.

    Args:
        manifest: the rows.
        levels: the prompt levels that will be used, which every row must then have; None for
            whatever is there.
        count_tokens: of a text, as the encoder counts; None for no limit.
        max_tokens: what the encoder reads at most.
        progress: called with (done, total) after each file.
        framing: how masks come to the network's size, to count the lesions that are too small for
            it; None: they are not counted.
        once: take what an earlier check found of the same files (same size and time), and decode
            none of them again; for a training, which begins again and again.

    Returns:
        The clean rows, and the faults.

    Raises:
        UsageError: no row has one of the levels.
    """
    rows = manifest.rows
    paths = (row.image for row in rows), (row.mask for row in rows if row.mask)
    if once:
        images, masks = gather_once(*paths, framing)
    else:
        images, masks = gather(*paths, progress, framing)
    all_faults = [
        *_file_faults(rows, images, masks),
        *_duplicates(rows),
        *_prompt_faults(manifest, levels, count_tokens, max_tokens),
    ]
    # What a row declares to be meant is no fault of it.
    faults = [
        (place, fault) for place, fault in all_faults if fault.kind not in _no_faults(rows[place])
    ]
    # Last, among the rows that are clean: a row that is set aside anyway leaks nothing.
    faults += _leaks(rows, {place for place, _ in faults}, images)
    no_rows = [
        Fault(
            bad.number, "", "no_row", bad.error.found, bad.error.remedy or "mend or remove the line"
        )
        for bad in manifest.bad
    ]
    in_order = sorted([*no_rows, *(fault for _, fault in faults)], key=lambda fault: fault.row)
    clean = _others(rows, {place for place, _ in faults})
    return CheckReport(replace(manifest, rows=clean), in_order, masks, images)


def _no_faults(row: Row) -> set[str]:
    """The kinds of fault that a row declares to be meant."""
    # An absent target has an empty mask by nature.
    return {*row.meant, *(("empty_mask",) if "absent" in row.meant else ())}


def _fault(place: int, row: Row, kind: str, reason: str) -> RowFault:
    return place, Fault(row.number, row.id, kind, reason, REMEDIES[kind])


def _others(rows: Rows, faulty: Set[int]) -> Rows:
    """The rows without a fault. By place: rows made in memory may all have the same number."""
    return rows.chosen(place for place in range(len(rows)) if place not in faulty)


def _file_faults(
    rows: Rows, images: dict[Path, Facts], masks: dict[Path, Facts]
) -> Iterator[RowFault]:
    for place, row in enumerate(rows):
        image = images[row.image]
        mask = masks.get(row.mask) if row.mask else None
        for facts in (image, mask):
            if facts is not None and facts.kind:
                yield _fault(place, row, facts.kind, facts.reason)
        if row.mask is None and masks and "absent" not in row.meant:
            reason = "mask: none is named, while other rows have one"
            yield _fault(place, row, "missing_file", reason)
        if image.size and mask and mask.size and image.size != mask.size:
            yield _fault(place, row, "wrong_size", _size_reason(image, mask.size))


def _size_reason(image: Facts, mask_size: tuple[int, int]) -> str:
    assert image.size is not None
    reason = "image is {} × {}, mask is {} × {} (height × width)".format(*image.size, *mask_size)
    # Orientations 5 to 8 exchange height and width.
    if image.orientation >= 5 and image.size == mask_size[::-1]:
        reason += (
            f"; the image's EXIF orientation is {image.orientation}, so it is read turned: the "
            "mask was drawn on the pixels as stored, so turn the mask as well"
        )
    return reason


def _duplicates(rows: Rows) -> Iterator[RowFault]:
    """The first row keeps the id."""
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        if first.setdefault(row.id, place) != place:
            number = rows[first[row.id]].number
            yield _fault(place, row, "duplicate_id", f"row {number} has the same id")


def _leaks(rows: Rows, faulty: Set[int], images: dict[Path, Facts]) -> Iterator[RowFault]:
    """One image, or one group, in two splits. The most protected split keeps its rows."""
    faults: dict[int, RowFault] = {}
    # By pixels, since a copy under another name leaks as much.
    by_digest = _together(rows, faulty, lambda row: images[row.image].digest)
    by_group = _together(rows, faulty, lambda row: row.group)
    shared = [("image", places) for places in by_digest]
    shared += [("group", places) for places in by_group]
    for what, places in shared:
        sharing = [rows[place] for place in places]
        safe = max(sharing, key=lambda row: _protection(row.split))
        for place, row in zip(places, sharing):
            if row.split != safe.split:
                reason = (
                    f"its {what} is in split {safe.split!r} too (row {safe.number}), where it stays"
                )
                # An image and its group may leak at once; one fault a row is enough.
                faults.setdefault(place, _fault(place, row, "leak", reason))
            elif reason := _fold_leak(what, row, sharing[0]):
                faults.setdefault(place, _fault(place, row, "leak", reason))
    yield from faults.values()


def _fold_leak(what: str, row: Row, first: Row) -> str:
    """One image, or one group, in two folds. The first row's fold stays; "" for its own."""
    fold = first.extra.get(COLUMN)
    if row.extra.get(COLUMN) == fold:
        return ""
    return f"its {what} is in fold {fold} too (row {first.number}), where it stays"


def _together(
    rows: Rows, faulty: Set[int], key: Callable[[Row], str | None]
) -> Iterable[list[int]]:
    """The places of rows that share a key with others, list by list."""
    first: dict[str, int] = {}
    together: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        value = key(row)
        # A file that could not be decoded has no digest, and a row may have no group.
        if not value or place in faulty:
            continue
        earlier = first.setdefault(value, place)
        # A list for each key would take more memory than the keys, and most have one row.
        if earlier != place:
            together.setdefault(value, [earlier]).append(place)
    return together.values()


def _protection(split: str) -> int:
    """test before validation before any other before train."""
    # Their names differ from set to set: testA, validation, dev.
    name = split.lower()
    if name.startswith("test"):
        return 3
    if name.startswith(("val", "dev")):
        return 2
    return 0 if name.startswith("train") else 1


def _prompt_faults(
    manifest: Manifest,
    levels: Sequence[str] | None,
    count_tokens: Callable[[str], int] | None,
    max_tokens: int | None,
) -> Iterator[RowFault]:
    checked = (
        [_known(level, manifest.levels) for level in levels]
        if levels is not None
        else manifest.levels
    )
    # Blank in every row is a choice; blank in some rows is a slip.
    worded: set[str] = set()
    for row in manifest.rows:
        worded |= {level for level, texts in row.prompts.items() if not all(map(is_blank, texts))}
    is_long = _length_rule(count_tokens, max_tokens)
    for place, row in enumerate(manifest.rows):
        if not row.prompts and worded:
            yield _fault(place, row, "blank_prompt", "no prompt, while other rows have one")
            continue
        for level in checked:
            # A level that will be used must be in every row. Of the others a row may lack some.
            texts = row.prompts.get(level, () if levels is not None else None)
            if texts is None or level not in worded:
                continue
            if not texts or any(map(is_blank, texts)):
                yield _fault(
                    place,
                    row,
                    "blank_prompt",
                    f"prompt {level} is blank, while other rows have words there",
                )
            yield from (
                _fault(place, row, "long_prompt", f"prompt {level} has {reason}")
                for reason in map(is_long, texts)
                if reason
            )


def _known(level: str, known: Iterable[str]) -> str:
    if level not in known:
        raise UsageError(
            f"no prompts named {level!r}",
            allowed="a level is a key of `prompts`, or 'prompt'",
            remedy=nearest(level, known),
        )
    return level


def _length_rule(
    count_tokens: Callable[[str], int] | None, max_tokens: int | None
) -> Callable[[str], str]:
    """A function of a text: what is too long about it, "" if nothing.

    Each distinct text is counted once.
    """
    known: dict[str, str] = {}

    def reason(text: str) -> str:
        # Characters first: the tokens of an endless text take long to count.
        if len(text) > MAX_PROMPT_CHARS:
            return f"{len(text):,} characters; at most {MAX_PROMPT_CHARS:,} are allowed"
        n_tokens = count_tokens(text) if count_tokens and max_tokens else 0
        if max_tokens and n_tokens > max_tokens:
            return f"{n_tokens:,} tokens; the encoder reads {max_tokens:,}"
        return ""

    def cached(text: str) -> str:
        if text not in known:
            known[text] = reason(text)
        return known[text]

    return cached
