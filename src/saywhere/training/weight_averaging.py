"""Weights between those of a fine-tuned run and those that it started from: what was learned last,
without all that was lost on the way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from saywhere.errors import BadCheckpoint, MissingFile, UsageError
from saywhere.runs import checkpoint, locate
from saywhere.runs.checkpoint import Checkpoint
from saywhere.runs.directory import Run, create
from saywhere.runs.history import read_history

RELATED = "a run, and the one that it was trained from"


def blend(tuned: Path, start: Path, share: float = 0.5, out: Path | None = None) -> Path:
    """Make a run whose weights are (1 − share) · `tuned` + share · `start`.

    Weight-space ensembling (WiSE-FT: Wortsman et al., CVPR 2022,
    doi:10.1109/CVPR52688.2022.00780): fine-tuning gains where it trains and loses elsewhere, for
    prompts in wordings that it no longer sees. On the line between both ends much of either is
    kept. The statistics of norms are averaged like weights.

    Args:
        tuned: a run that was trained from `start`.
        start: a run or model. Between two that were trained apart lies nothing that works.
        share: of `start`, in (0, 1).
        out: the new run's place. Default: runs/blend, numbered, never overwritten.

    Returns:
        The new run's folder, to be evaluated like any other.

    Raises:
        UsageError: for another share, or for two that are not of one kind.
        MissingFile: where a run is not there.
        BadCheckpoint: where its weights cannot be read, or are of another shape.
        NotWritable: where the new run cannot be written.
    """
    if not 0 < share < 1:
        raise UsageError(
            f"a share of {share}",
            allowed="more than 0 (the fine-tuned one alone), less than 1 (the first one alone)",
            remedy="try 0.5",
        )
    place, origin = locate.find(tuned), locate.find(start)
    facts = Run(place).facts()
    _same_descent(facts.get("started_from"), origin, tuned)
    last, first = checkpoint.load(place), checkpoint.load(origin)
    _same_kind(last, first, origin)
    model = {
        name: _between(name, value, first.model[name], share) for name, value in last.model.items()
    }
    run = create(out, "blend")
    checkpoint.write(run.best, replace(last, model=model, optimizer={}))
    run.write_config(last.config)
    run.write_metrics(read_history(last.state["history"], place))
    run.write_facts(**facts | {"blended": {"of": str(tuned), "with": str(start), "share": share}})
    return run.folder


def _same_descent(started_from: str | None, origin: Path, tuned: Path) -> None:
    """A run that says it began otherwise is refused; a place that is gone is believed."""
    try:
        before = locate.find(Path(started_from)) if started_from else None
    except MissingFile:
        return
    # Either path may be relative, or lead through a link.
    if before is None or before.resolve() != origin.resolve():
        raise UsageError(
            f"{tuned} was not trained from {origin}",
            allowed=f"it began with {started_from or 'weights of its own'}",
            remedy="name the run that --from named; "
            "weights that were learned apart cannot be mixed",
        )


def _same_kind(last: Checkpoint, first: Checkpoint, where: Path) -> None:
    """Names, shapes, scale and encoder must be equal: else prompts mean other numbers to each."""
    for name in sorted(set(last.model) | set(first.model)):
        ours = last.model.get(name)
        theirs = first.model.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            raise BadCheckpoint(
                f"{name[:80]} is not the same in both", where=where, allowed=RELATED
            )
        if _is_scale(name) and not torch.allclose(ours.float(), theirs.float(), atol=1e-3):
            raise UsageError(
                "the two scale their embeddings differently: "
                "the same words are other numbers to each",
                where=where,
                allowed=RELATED,
                remedy="train with --from",
            )
    if last.state.get("encoder") != first.state.get("encoder"):
        raise UsageError(
            f"another text encoder ({first.state.get('encoder')})",
            where=where,
            allowed=str(last.state.get("encoder")),
            remedy="train with --from",
        )


def _between(name: str, ours: Tensor, theirs: Tensor, share: float) -> Tensor:
    # Counts are whole numbers, and a scale between two equal ones is the same scale.
    is_mixed = ours.is_floating_point() and not _is_scale(name)
    return torch.lerp(ours, theirs, share) if is_mixed else ours


def _is_scale(name: str) -> bool:
    return name.startswith("scale.")
