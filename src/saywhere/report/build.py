"""A run directory in, one HTML file out: no network, no script, nothing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saywhere._version import __version__
from saywhere.io.files import write_text
from saywhere.report import tables
from saywhere.report.evidence import Evidence, gather, listed, mapping
from saywhere.report.page import render
from saywhere.report.pictures import Album, answers, cases
from saywhere.report.wording import headline, name_of

UNFINISHED = {
    "running": "This run was still going on when the report was made.",
    "interrupted": "This run was interrupted; `saywhere train --resume` goes on.",
    "failed": "This run failed; what it left is shown.",
}


def build_report(run: Path, out: Path | None = None) -> Path:
    """Make the report of a run directory; each part is shown as far as its files are there.

    Args:
        out: default: `report.html` in the run directory. A report that is there is replaced.
    Returns: where the report is.
    Raises: MissingFile where there is no run; NotWritable.
    """
    run = Path(run)
    out = run / "report.html" if out is None else Path(out)
    write_text(out, _page(gather(run), run))
    return out


def _page(evidence: Evidence, run: Path) -> str:
    return render("report.html.j2", _context(evidence, run))


def _context(evidence: Evidence, run: Path) -> dict[str, Any]:
    album = Album(evidence)
    asked, ranked = answers(evidence, album), cases(evidence, album)
    listening = tables.listening(evidence)
    shown = next(
        (row["words"] for row in listening), None
    )  # the right words, where they were measured
    return {
        "name": evidence.name,
        "run": str(run),
        "version": __version__,
        "headline": headline(evidence),
        "state": UNFINISHED.get(str(evidence.record.get("status")), ""),
        "summary": {key: evidence.summary.get(key) for key in ("split", "level", "frame")},
        "image_only": evidence.is_image_only,
        "evaluated": bool(evidence.words),
        "listening": listening,
        "comparison": tables.comparison(evidence),
        "comparison_title": evidence.comparison.get("title") or "Side by side",
        "comparison_note": evidence.comparison.get("note") or "",
        "asked": asked,
        "cases": ranked,
        "trust": tables.trust(evidence),
        "tells": mapping(evidence.summary.get("trust")).get("tells") is True,
        "measures": tables.measures(evidence, shown) if shown else [],
        "measures_of": name_of(shown, evidence.is_image_only)[0] if shown else "",
        "all_words": tables.all_words(evidence) if len(listening) > 1 else None,
        "curves": tables.curves(evidence),
        "facts": tables.facts(evidence),
        "versions": tables.versions(evidence),
        "config": evidence.config_text,
        "warnings": [str(warning) for warning in listed(evidence.record.get("warnings"))]
        + evidence.unreadable
        + album.unreadable,
    }
