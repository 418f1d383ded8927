"""Finished runs side by side: a paired comparison per case, from their evaluations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.evaluation.summary import unfinished_in_words
from saywhere.experiments.cell_record import CellResult, Results, Summary
from saywhere.experiments.compare import Comparison, heads, lines
from saywhere.experiments.frozen import is_table
from saywhere.experiments.measured import cases_of
from saywhere.experiments.protocol import statistics_note
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.runs.config_diff import Change, differences
from saywhere.runs.older_values import read_stored

FREE = {"train.device", "train.threads", "evaluate.batch_size"}
"""Where and how fast a run is made, not which."""
SHOWN = 4
"""So many keys that differ are named."""


def compare_runs(runs: Sequence[Path]) -> Comparison:
    """Two or more finished runs, each against the first, paired over their evaluations' cases.

    Args:
        runs: run directories with an evaluation, or folders that `saywhere evaluate --out` wrote
            inside of one.

    Returns:
        A line per run. A run counts as one seed: what another training would give is not in the
        intervals.

    Raises:
        UsageError: for fewer than two runs, one run twice, a table, or runs that were evaluated
            on different cases.
        MissingFile: where a run has no evaluation.
        UnreadableFile: where an evaluation is not whole.
    """
    _check_names(runs)
    cells = {str(run): _cell(run) for run in runs}
    first = str(runs[0])
    for cell in cells.values():
        _check_same_cases(cell, cells[first])
    results: Results = {name: [cell] for name, cell in cells.items()}
    beside = dict.fromkeys(list(results)[1:], first)
    return Comparison(
        f"{len(runs)} runs",
        _note(runs, [cell["summary"] for cell in cells.values()]),
        first,
        heads(results, first),
        lines(results, beside, first),
        {},
    )


def _check_names(runs: Sequence[Path]) -> None:
    if len(runs) < 2:
        raise UsageError(
            "one run", where=runs[0] if runs else None, remedy="name two runs or more, or a table"
        )
    # Resolved, since one run may be named by two paths.
    counts = Counter(Path(run).resolve() for run in runs)
    twice = [run for run, n in counts.items() if n > 1]
    if twice:
        raise UsageError("a run is named twice", where=twice[0], remedy="name another run")
    for run in runs:
        if is_table(run):
            raise UsageError(
                "a table among runs", where=run, allowed="one table, or two runs or more"
            )


def _cell(run: Path) -> CellResult:
    """A run's evaluation as a cell of a table; every run is seed 0, so that all are paired."""
    folder = run / "evaluation"
    if not (folder / "summary.json").is_file() or not (folder / "cases.csv").is_file():
        raise MissingFile("no evaluation", where=run, remedy=f"run `saywhere evaluate {run}` first")
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        cases = cases_of(run)
        if "right" not in summary["words"] or not cases:
            raise UnreadableFile("no case with the right prompt", where=folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        remedy = f"run `saywhere evaluate {run}` again"
        raise UnreadableFile("the evaluation is not whole", where=folder, remedy=remedy) from None
    return {
        "label": str(run),
        "seed": 0,
        "command": "",
        "config": read_stored(run / "config.toml").model_dump(mode="json"),
        "summary": cast(Summary, summary),
        "cases": cases,
    }


def _check_same_cases(cell: CellResult, reference: CellResult) -> None:
    """A pair is one image and one prompt; of other cases there is no difference."""
    own = _right_cases(cell)
    other = _right_cases(reference)
    if own == other and cell["summary"].get("split") == reference["summary"].get("split"):
        return
    raise UsageError(
        f"{len(own)} cases of split {cell['summary'].get('split')!r}, and {len(other)} of split "
        f"{reference['summary'].get('split')!r}, {len(own & other)} of them the same",
        where=f"{cell['label']}, {reference['label']}",
        allowed="differences are of the same cases",
        remedy="evaluate both alike: `saywhere evaluate RUN --data MANIFEST --split SPLIT`",
    )


def _right_cases(cell: CellResult) -> set[str]:
    return {case["id"] for case in cell["cases"] if case["words"] == "right"}


def _note(runs: Sequence[Path], summaries: Sequence[Summary]) -> str:
    """Cases, what else differs between the runs, which had not ended, and the statistics."""
    summary = summaries[0]
    n = summary["n"]
    few = f" Fewer than {FEWEST_CASES} cases are too few to tell." if n < FEWEST_CASES else ""
    before = read_stored(runs[0] / "config.toml").model_dump(mode="json")
    changes = []
    for run in runs[1:]:
        changed = _listed(differences(before, read_stored(run / "config.toml"), FREE))
        changes.append(f"`{run}` differs from `{runs[0]}` in {changed}.")
    for run, measured in zip(runs, summaries):
        if measured.get("unfinished"):
            changes.append(f"Of `{run}`, {unfinished_in_words(measured, run)}.")
    return (
        f"{n} cases of split {summary.get('split')!r}, at their original size, the same for all."
        f"{few} {' '.join(changes)} {statistics_note(1)} Made by `saywhere compare`."
    )


def _listed(changes: dict[str, Change]) -> str:
    each = [f"`{key}` ({_shown(old)} → {_shown(new)})" for key, (old, new) in changes.items()]
    more = f" and {len(each) - SHOWN} more keys" if len(each) > SHOWN else ""
    return ", ".join(each[:SHOWN]) + more if each else "no setting"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]
