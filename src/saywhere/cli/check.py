"""`saywhere check MANIFEST`: which rows cannot be used, why, and what to do; and what the words look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from saywhere.data.checks import CheckReport
    from saywhere.data.manifest import Manifest

SHOWN = 20
LOG_WIDTH = 160  # characters, where no terminal says otherwise
QUARANTINED = 3


def check(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="JSONL or CSV, or the folder that holds it.")
    ],
    level: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer on 3.10)
        typer.Option(
            metavar="NAME", help="Prompt level that every row must have; may be repeated."
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045 (typer on 3.10)
        typer.Option(
            metavar="FILE",
            help="Where to write the faults. Default: quarantine.jsonl beside the manifest.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Text encoder for the distance between opposite words; none: skip it.",
        ),
    ] = "minilm",
    scale: Annotated[str, typer.Option(help="text.scale for these distances.")] = "within",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")
    ] = False,
) -> None:
    """Find faulty rows and write them to quarantine.jsonl; exit code 3 if there are any."""
    import json

    from saywhere.cli.progress import CaseProgress, warn
    from saywhere.data import checks as validate
    from saywhere.data.manifest import read_manifest
    from saywhere.errors import UsageError

    read = read_manifest(manifest, lenient=True)
    place = out or read.path.with_name("quarantine.jsonl")
    if place.resolve() == read.path.resolve():
        raise UsageError(
            "--out is the manifest itself",
            allowed="the manifest stays as it is",
            remedy="choose another name for --out",
        )
    with CaseProgress("checking", _n_files(read), quiet=quiet or as_json) as advance:
        report = validate.check(read, level, progress=lambda done, total: advance(1))
    opposites = [] if encoder == "none" or quiet else _opposites(report.manifest, encoder, scale)
    summary = summarise(read, report, place) | {
        "warnings": _unusual_splits(read),
        "opposites": opposites,
    }
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False, indent=2))
    elif not quiet:
        _print(summary, report)
    for warning in summary["warnings"] if not quiet else ():
        warn(f"warning: {warning}")
    _write(report, place)
    if report.faults:
        raise typer.Exit(QUARANTINED)


def summarise(manifest: Manifest, report: CheckReport, place: Path) -> dict[str, Any]:
    """Counts a split, words a level, faults a kind. The words are those of all rows, faulty ones as well."""
    texts = {
        level: [text for row in manifest.rows for text in row.prompts.get(level, ())]
        for level in manifest.levels
    }
    return {
        "manifest": str(manifest.path),
        "rows": manifest.n_lines,
        "clean": len(report.manifest.rows),
        "quarantined": manifest.n_lines - len(report.manifest.rows),
        "quarantine": str(place) if report.faults else None,
        "splits": {
            split: {"rows": len(manifest.split(split)), "clean": len(report.manifest.split(split))}
            for split in manifest.splits
        },
        "kinds": report.kinds,
        "levels": {level: _words(texts[level]) for level in manifest.levels},
    }


def _words(texts: list[str]) -> dict[str, Any]:
    """Of one prompt level."""
    from saywhere.text.directions import count_positions
    from saywhere.text.prompts import is_blank

    positions = {word: n for word, n in count_positions(texts).items() if n}
    return {
        "texts": len(texts),
        "distinct": len(set(texts)),
        "blank": sum(map(is_blank, texts)),
        "positions": positions,
    }


def _unusual_splits(manifest: Manifest) -> list[str]:
    """What is in a split that no configuration looks at by itself is neither trained with nor measured, and nobody says so."""
    from saywhere.cli.progress import counted
    from saywhere.config import Config
    from saywhere.errors import nearest

    data = Config().data
    usual = (data.train_split, data.validation_split, data.test_split)
    return [
        f"split {split!r} ({counted(len(manifest.split(split)), 'row')}) is read only where a configuration names it; "
        f"by itself it takes {', '.join(usual)}: {nearest(split, usual)}"
        for split in manifest.splits
        if split not in usual
    ]


def _opposites(manifest: Manifest, encoder: str, scale: str) -> list[dict[str, Any]]:
    """Cosines between sentences that differ in one position word, before and after scaling: does the encoder tell left from right?"""
    from saywhere.config import parse
    from saywhere.text.cache import EmbeddingCache
    from saywhere.text.distances import opposite_distances
    from saywhere.text.encoder import open_encoder

    config = parse({"text": {"encoder": encoder, "scale": scale}}, where="the command line")
    group: dict[str, int] = {}
    for number, texts in enumerate(
        texts for row in manifest.rows for texts in row.prompts.values()
    ):
        for text in texts:
            group.setdefault(text, number)
    found = opposite_distances(
        list(group), list(group.values()), EmbeddingCache(open_encoder(config.text)), scale
    )
    return [vars(distance) for distance in found]


def _n_files(manifest: Manifest) -> int:
    return len({row.image for row in manifest.rows}) + len(
        {row.mask for row in manifest.rows if row.mask}
    )


def _write(report: CheckReport, place: Path) -> None:
    """Write the faults; where there are none, only over an older list, which would mislead. Raises NotWritable."""
    from saywhere.errors import NotWritable

    if not report.faults and not place.exists():
        return
    try:
        report.write_quarantine(place)
    except NotWritable as error:
        raise NotWritable(
            error.found, remedy="name another place for the list with --out FILE"
        ) from None


def _print(summary: dict[str, Any], report: CheckReport) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=LOG_WIDTH)
    console.print(
        f"[bold]{escape(summary['manifest'])}[/]: {summary['rows']:,} rows, {summary['clean']:,} clean, {summary['quarantined']:,} set aside"
    )
    splits = Table("split", "rows", "clean")
    for name, counts in summary["splits"].items():
        splits.add_row(escape(name), f"{counts['rows']:,}", f"{counts['clean']:,}")
    levels = Table("prompts", "texts", "distinct", "blank", "position words")
    for name, words in summary["levels"].items():
        positions = " · ".join(f"{word} {n:,}" for word, n in words["positions"].items()) or "none"
        levels.add_row(
            escape(name),
            f"{words['texts']:,}",
            f"{words['distinct']:,}",
            f"{words['blank']:,}",
            positions,
        )
    console.print(splits, *([levels] if summary["levels"] else []))
    if summary["opposites"]:
        opposites = Table(
            "opposite words",
            "sentences",
            "cosine",
            "after scaling",
            title="does the encoder tell them apart? (1: not at all)",
        )
        for pair in summary["opposites"]:
            opposites.add_row(
                pair["pair"],
                str(pair["n"]),
                f"{pair['cosine_before']:.3f}",
                f"{pair['cosine_after']:.3f}",
            )
        console.print(opposites)
    if report.faults:
        console.print(_faults(summary, report), f"all of them: {escape(summary['quarantine'])}")


def _faults(summary: dict[str, Any], report: CheckReport) -> Any:
    from rich.markup import escape
    from rich.table import Table

    counted = " · ".join(f"{kind} {n:,}" for kind, n in summary["kinds"].items())
    table = Table(
        "row", "id", "fault", "reason", "remedy", title=f"{len(report.faults):,} faults: {counted}"
    )
    for fault in report.faults[:SHOWN]:
        table.add_row(
            str(fault.row), escape(fault.id), fault.kind, escape(fault.reason), fault.remedy
        )
    if len(report.faults) > SHOWN:
        table.add_row("…", "", "", f"and {len(report.faults) - SHOWN:,} more", "")
    return table
