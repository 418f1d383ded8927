"""`saywhere check MANIFEST`: which rows cannot be used, why, and what to do about it.

It also shows what the prompts are like: how many, how many different ones, which places they name.
Long because the same facts are printed as tables, as JSON and as warnings, side by side.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from saywhere.cli.check_summary import (
    SHOWN,
    CheckSummary,
    PromptCounts,
    faults_table,
    levels_table,
    opposites_table,
)

if TYPE_CHECKING:
    from saywhere.data.checks import CheckReport
    from saywhere.data.manifest import Manifest
    from saywhere.data.near import NearPair
    from saywhere.datasets.sentences import Doubt
    from saywhere.io.framing import Framing
    from saywhere.text.distances import Distance

# Characters, where no terminal says otherwise: reasons and remedies fit into one line of a log.
LOG_WIDTH = 160
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
    sentences: Annotated[
        bool,
        typer.Option(
            "--sentences",
            help="List sentences that contradict their masks (side, height, number, size), by the "
            "rule that the set's own sentences follow; the surest first.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")
    ] = False,
    near: Annotated[
        bool,
        typer.Option(
            "--near",
            help="Warn of nearly equal images in two splits or folds, mirrored ones too.",
        ),
    ] = False,
    config: Annotated[
        Optional[Path],  # noqa: UP045 (typer on 3.10)
        typer.Option(
            metavar="CONFIG",
            help="Configuration that the data is for: its size, fit and mask_resize are checked.",
        ),
    ] = None,
    size: Annotated[
        Optional[int],  # noqa: UP045 (typer on 3.10)
        typer.Option(
            metavar="PIXELS",
            help="data.size to count too small lesions at. Default: the configuration's, else 224.",
        ),
    ] = None,
) -> None:
    """Find faulty rows and write them to quarantine.jsonl; exit code 3 if there are any."""
    from saywhere.data.manifest import read_manifest

    # Lines that are no row are faults to be listed here; elsewhere they end the reading.
    read = read_manifest(manifest, lenient=True)
    place = _place(out, read)
    framing = _framing(config, size)
    silent = quiet or as_json
    report = _faults(read, level, framing, quiet=silent)
    # An encoder takes seconds to load, and quiet shows nothing of it.
    opposites = [] if encoder == "none" or quiet else _opposites(report.manifest, encoder, scale)
    pairs = _near(report, quiet=silent) if near else None
    doubted = _doubts(report, quiet=silent) if sentences else None
    summary = _summary(read, report, place, framing, pairs)
    if as_json:
        _print_json(summary, opposites, pairs, doubted)
    elif not quiet:
        _print(summary, opposites, report)
        if doubted is not None:
            _print_doubts(doubted)
    if not quiet:
        _warn(summary)
    _write(report, place)
    if report.faults:
        raise typer.Exit(QUARANTINED)


def _place(out: Path | None, read: Manifest) -> Path:
    """Where the faults go. Raises UsageError where they would replace the manifest."""
    from saywhere.errors import UsageError

    place = out or read.path.with_name("quarantine.jsonl")
    if place.resolve() == read.path.resolve():
        raise UsageError(
            "--out is the manifest itself",
            allowed="the manifest stays as it is",
            remedy="choose another name for --out",
        )
    return place


def _faults(
    read: Manifest, level: list[str] | None, framing: Framing, *, quiet: bool
) -> CheckReport:
    """Read every image and mask, with a bar."""
    from saywhere.cli.progress import CaseProgress
    from saywhere.data import checks

    with CaseProgress("checking", _n_files(read), quiet=quiet) as advance:
        return checks.check(read, level, progress=lambda done, total: advance(1), framing=framing)


def _summary(
    read: Manifest,
    report: CheckReport,
    place: Path,
    framing: Framing,
    pairs: list[NearPair] | None,
) -> CheckSummary:
    """The counts, and every warning."""
    from saywhere.data.near import in_words
    from saywhere.data.small_lesions import small_lesions

    summary = summarise(read, report, place)
    summary["warnings"] += [*small_lesions(report, framing), *in_words(pairs or [])]
    return summary


def _print_json(
    summary: CheckSummary,
    opposites: list[Distance],
    pairs: list[NearPair] | None,
    doubted: list[Doubt] | None,
) -> None:
    """What was not asked for has no key."""
    import json

    document = summary | {"opposites": [vars(distance) for distance in opposites]}
    if pairs is not None:
        document["near"] = [pair.to_json() for pair in pairs]
    if doubted is not None:
        document["sentences"] = [doubt.to_json() for doubt in doubted]
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _warn(summary: CheckSummary) -> None:
    from saywhere.cli.progress import warn

    for warning in summary["warnings"]:
        warn(f"warning: {warning}")


def _near(report: CheckReport, *, quiet: bool) -> list[NearPair]:
    """Nearly equal images of the clean rows; the others cannot be read, or leave anyway."""
    from saywhere.cli.progress import CaseProgress
    from saywhere.data.near import near_duplicates

    rows = report.manifest.rows
    with CaseProgress("comparing", len({row.image for row in rows}), quiet=quiet) as advance:
        return near_duplicates(rows, advance)


def _framing(config: Path | None, size: int | None) -> Framing:
    """Of a configuration, else of the defaults; at `size` where that is given."""
    from saywhere.config import Config, read
    from saywhere.io.framing import Framing

    settings = Config() if config is None else read(config)
    chosen = settings if size is None else settings.replace(**{"data.size": size})
    return Framing.of(chosen.data)


def summarise(manifest: Manifest, report: CheckReport, place: Path) -> CheckSummary:
    """Count rows per split, prompts per level and faults per kind; warn of what is odd.

    Args:
        manifest: all rows; the prompts of faulty ones count as well.
        report: the rows that can be used, and the faults.
        place: where the faults are written, if there are any.

    Returns:
        What `saywhere check --json` prints, but for the distances of opposite words.
    """
    from saywhere.data.flat_pictures import flat_pictures
    from saywhere.data.prompt_frames import frame_warnings
    from saywhere.data.turned import turned_pairs
    from saywhere.datasets.inverted import inverted_masks

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
        "levels": {level: _prompts_of(manifest, level) for level in manifest.levels},
        "warnings": [
            *_unusual_splits(manifest),
            *frame_warnings(manifest),
            *inverted_masks(report),
            *turned_pairs(report),
            *flat_pictures(report),
        ],
    }


def _prompts_of(manifest: Manifest, level: str) -> PromptCounts:
    """Counts of one prompt level."""
    from saywhere.text.directions import count_positions
    from saywhere.text.prompts import is_blank

    texts = [text for row in manifest.rows for text in row.prompts.get(level, ())]
    positions = {word: n for word, n in count_positions(texts).items() if n}
    return {
        "texts": len(texts),
        "distinct": len(set(texts)),
        "blank": sum(map(is_blank, texts)),
        "positions": positions,
    }


def _unusual_splits(manifest: Manifest) -> list[str]:
    """Warnings of splits that no configuration reads by itself.

    Their rows would be neither trained with nor measured, and no verb would say so.
    """
    from saywhere.config import Config
    from saywhere.errors import counted, nearest

    data = Config().data
    usual = (data.train_split, data.validation_split, data.test_split)
    return [
        f"split {split!r} ({counted(len(manifest.split(split)), 'row')}) is read only where "
        f"a configuration names it; by itself it takes {', '.join(usual)}: {nearest(split, usual)}"
        for split in manifest.splits
        if split not in usual
    ]


def _opposites(manifest: Manifest, encoder: str, scale: str) -> list[Distance]:
    """Does the encoder tell left from right?

    Cosines between prompts that differ in one position word, before and after scaling.
    """
    from saywhere.config import parse
    from saywhere.text.cache import EmbeddingCache
    from saywhere.text.distances import opposite_distances
    from saywhere.text.encoder import open_encoder

    config = parse({"text": {"encoder": encoder, "scale": scale}}, where="the command line")
    # Prompts of one row and level belong together: each text has the number of its first group.
    group: dict[str, int] = {}
    for number, texts in enumerate(
        texts for row in manifest.rows for texts in row.prompts.values()
    ):
        for text in texts:
            group.setdefault(text, number)
    cache = EmbeddingCache(open_encoder(config.text))
    return opposite_distances(list(group), list(group.values()), cache, scale)


def _n_files(manifest: Manifest) -> int:
    images = {row.image for row in manifest.rows}
    masks = {row.mask for row in manifest.rows if row.mask}
    return len(images) + len(masks)


def _write(report: CheckReport, place: Path) -> None:
    """Write the faults. Raises NotWritable.

    Where there are none, only an older list is replaced, since it would mislead.
    """
    from saywhere.errors import NotWritable

    if not report.faults and not place.exists():
        return
    try:
        report.write_quarantine(place)
    except NotWritable as error:
        raise NotWritable(
            error.found, remedy="name another place for the list with --out FILE"
        ) from None


def _print(summary: CheckSummary, opposites: list[Distance], report: CheckReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    from saywhere.cli.plain_output import console as new_console
    from saywhere.errors import counted

    console = new_console(markup=True, highlight=False)
    if not console.is_terminal:
        console = new_console(markup=True, highlight=False, width=LOG_WIDTH)
    console.print(
        # Escaped: rich would read a name's brackets as markup.
        f"[bold]{escape(summary['manifest'])}[/]: {counted(summary['rows'], 'row')}, "
        f"{summary['clean']:,} clean, {summary['quarantined']:,} set aside"
    )
    splits = Table("split", "rows", "clean")
    for name, counts in summary["splits"].items():
        splits.add_row(escape(name), f"{counts['rows']:,}", f"{counts['clean']:,}")
    console.print(splits)
    if summary["levels"]:
        console.print(levels_table(summary["levels"]))
    if opposites:
        console.print(opposites_table(opposites))
    if report.faults:
        console.print(
            faults_table(summary, report), f"all of them: {escape(str(summary['quarantine']))}"
        )
    # One line, however long: it is there to be copied.
    console.print(f"next: {_next(summary, report.manifest)}", markup=False, soft_wrap=True)


def _next(summary: CheckSummary, read: Manifest) -> str:
    """Rows without a prompt are described first; else they can be trained on."""
    from saywhere.data.target_noun import target_noun

    manifest = summary["manifest"]
    if not summary["levels"]:
        return f"saywhere describe {manifest} --to {Path(manifest).with_name('described.jsonl')}"
    level = next(iter(summary["levels"]))
    levels = f"--set text.train_prompts={level} --set text.evaluate_prompts={level}"
    # Else the sentences that a training makes itself speak of a lesion.
    noun = target_noun(read) if read.rows else None
    target = "" if noun is None else f" --set data.target={shlex.quote(noun)}"
    return f"saywhere train CONFIG.toml --set data.manifest={manifest}{target} {levels}"


def _doubts(report: CheckReport, *, quiet: bool) -> list[Doubt]:
    """Of the clean rows: a faulty one is mended first."""
    from saywhere.cli.progress import CaseProgress
    from saywhere.datasets.sentences import doubts

    with CaseProgress("reading masks", len(report.manifest.rows), quiet=quiet) as advance:
        return doubts(report.manifest, advance)


def _print_doubts(doubted: list[Doubt]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=LOG_WIDTH)
    if not doubted:
        console.print("no sentence contradicts its mask, by the rule of the set's own sentences")
        return
    title = f"{len(doubted):,} contradictions of sentences and masks, the surest first"
    table = Table("row", "id", "says", "mask shows", "sure", "sentence", title=title)
    for doubt in doubted[:SHOWN]:
        cells = (doubt.id, doubt.claimed, doubt.shown, f"{doubt.score:.2f}", doubt.sentence[:80])
        table.add_row(str(doubt.row), *map(escape, cells))
    if len(doubted) > SHOWN:
        table.add_row("…", "", "", "", "", f"and {len(doubted) - SHOWN:,} more: --json lists all")
    console.print(table)
