"""A run directory in, one HTML file out: no network, no script, nothing beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from saywhere._version import __version__
from saywhere.io.files import write_text
from saywhere.io.pseudonyms import Pseudonyms
from saywhere.report import tables
from saywhere.report.curves import Chart, Distribution, curves, distributions
from saywhere.report.evidence import Evidence, gather, listed, mapping
from saywhere.report.figures import axis, share_ticks
from saywhere.report.nameless import nameless
from saywhere.report.origin import Setting, facts, settings, state_of, versions
from saywhere.report.page import render
from saywhere.report.pictures import Album, Case, Prompted, cases, prompted
from saywhere.report.wording import Headline, headline, name_of


@dataclass(frozen=True)
class ReportPage:
    """What the template shows."""

    name: str
    run: str
    version: str
    headline: Headline
    state: str
    """a sentence on an unfinished run, else empty"""
    split: object
    level: object
    """of the prompts"""
    image_only: bool
    evaluated: bool
    share_axis: Markup
    listening: list[tables.ConditionRow]
    comparison: list[tables.RunRow]
    comparison_title: str
    comparison_note: str
    distributions: list[Distribution]
    prompted: list[Prompted]
    cases: list[Case]
    trust: list[tables.MeasureRow]
    tells: bool
    """does the confidence tell which answers are the worse ones?"""
    measures: list[tables.MeasureRow]
    measures_of: str
    all_conditions: tables.WideTable | None
    curves: list[Chart]
    facts: list[tuple[str, str]]
    settings: list[Setting]
    config_text: str
    """shown where the settings could not be understood"""
    versions: list[tuple[str, str]]
    warnings: list[str]


def build_report(run: Path, out: Path | None = None, pseudonyms: Pseudonyms | None = None) -> Path:
    """Write the report of a run directory; each part is shown as far as its files are there.

    Args:
        run: a run directory, finished or not, evaluated or not.
        out: the HTML file; None: `report.html` in the run directory. An earlier one is replaced.
        pseudonyms: where given, the page shows hashes for ids, paths and prompts.

    Returns:
        The report's path.

    Raises:
        MissingFile: there is no run in that folder.
        NotWritable: the report cannot be written.
    """
    run = Path(run)
    place = run / "report.html" if out is None else Path(out)
    evidence = gather(run)
    shown = str(run)
    if pseudonyms is not None:
        evidence = nameless(evidence, pseudonyms)
        shown = pseudonyms.of(run)
    page = _page(evidence, shown)
    # `vars`, since `asdict` would make dictionaries of the nested rows.
    write_text(place, render("report.html.j2", vars(page)))
    return place


def _page(evidence: Evidence, run: str) -> ReportPage:
    album = Album(evidence)
    listening = tables.listening(evidence)
    # Its measures are shown in full: the right prompt's, where it was measured.
    first = listening[0].condition if listening else None
    chosen = settings(evidence.settings)
    return ReportPage(
        name=evidence.name,
        run=run,
        version=__version__,
        headline=headline(evidence),
        state=state_of(evidence.folder),
        split=evidence.summary.get("split"),
        level=evidence.summary.get("level"),
        image_only=evidence.is_image_only,
        evaluated=bool(evidence.conditions),
        share_axis=axis((0, 1), share_ticks()),
        listening=listening,
        comparison=tables.comparison(evidence),
        comparison_title=str(evidence.comparison.get("title") or "Side by side"),
        comparison_note=str(evidence.comparison.get("note") or ""),
        distributions=distributions(evidence, [row.condition for row in listening]),
        prompted=prompted(evidence, album),
        cases=cases(evidence, album),
        trust=tables.trust(evidence),
        tells=mapping(evidence.summary.get("trust")).get("tells") is True,
        measures=tables.measures(evidence, first) if first else [],
        measures_of=name_of(first, evidence.is_image_only)[0] if first else "",
        all_conditions=tables.all_conditions(evidence) if len(listening) > 1 else None,
        curves=curves(evidence),
        facts=facts(evidence),
        settings=chosen,
        config_text="" if chosen else evidence.config_text,
        versions=versions(evidence),
        # Last: while the parts above were made, the album noted what it could not read.
        warnings=[
            *map(str, listed(evidence.record.get("warnings"))),
            *evidence.unreadable,
            *album.unreadable,
        ],
    )
