"""A run's files without names, for a report that is to name nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from saywhere.errors import counted
from saywhere.io.pseudonyms import WITHHELD, Pseudonyms
from saywhere.report.evidence import Evidence, listed, mapping
from saywhere.runs.directory import without_places


def nameless(evidence: Evidence, pseudonyms: Pseudonyms) -> Evidence:
    """Hash the names of a run's files.

    What `train` or `evaluate --no-identifiers` hashed stays as it is. Sentences that may quote a
    name are counted, and a file that other programs write (comparison.json) is left out.

    Args:
        evidence: as `gather` read it.
        pseudonyms: hash ids, paths and prompts.

    Returns:
        What the page may show.
    """
    return replace(
        evidence,
        name=pseudonyms.of(evidence.name),
        record=_record(evidence.record, pseudonyms),
        pictures=_pictures(evidence.pictures, pseudonyms),
        comparison={},
        # Shown only where it is not understood, and then nobody knows what it names.
        config_text="",
        settings=evidence.settings and without_places(evidence.settings),
        unreadable=_withheld(evidence.unreadable, "part that could not be read"),
    )


def _record(record: Mapping[str, object], pseudonyms: Pseudonyms) -> Mapping[str, object]:
    if record.get("no_identifiers") is True:
        return record
    data = mapping(record.get("data"))
    hashed = {"data": {**data, "manifest": pseudonyms.of(data.get("manifest", ""))}}
    warnings = _withheld(listed(record.get("warnings")), "warning")
    return {**record, **hashed, "warnings": warnings}


def _pictures(pictures: Mapping[str, object], pseudonyms: Pseudonyms) -> Mapping[str, object]:
    if pictures.get("no_identifiers") is True:
        return pictures
    return {part: _entries(pictures.get(part), pseudonyms) for part in ("cases", "prompts")}


def _entries(value: object, pseudonyms: Pseudonyms) -> list[dict[str, object]]:
    return [_entry(mapping(entry), pseudonyms) for entry in listed(value)]


def _entry(entry: Mapping[str, object], pseudonyms: Pseudonyms) -> dict[str, object]:
    hashed = {key: pseudonyms.of(entry[key]) for key in ("id", "prompt") if entry.get(key)}
    return {**entry, **hashed, "answers": _entries(entry.get("answers"), pseudonyms)}


def _withheld(sentences: list[str], kind: str) -> list[str]:
    if not sentences:
        return []
    return [f"{counted(len(sentences), kind, f'{kind}s')} {WITHHELD}"]
