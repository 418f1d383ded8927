"""Tables of single trainings: the demo's, and the README's chest films."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources import RESULTS, markdown, result
from verdicts import POLICIES

from saywhere.experiments.compare import Line, compare, gap
from saywhere.metrics.statistics import with_span

MEAN_DICE = "mean Dice per image [95 %]"


def _demo(name: str) -> str:
    """A demo's table: does it listen?"""
    measured = result(f"demo_{name}")
    summary, config = measured["summary"], measured["config"]
    rows = [
        _condition(kind, one, summary["listening"].get(kind))
        for kind, one in summary["words"].items()
    ]
    heads = ("prompt", "cases", MEAN_DICE, "pooled", "IoU per image", "right − this [95 %]", "")
    network = f"`{config['network']['name']}` at {config['data']['size']} px"
    training = f"{measured['seconds']:.0f} s of training on 2 cores without a GPU"
    note = (
        f"`{measured['command']}`: {network}, seed {measured['seed']}, {measured['threads']} "
        f"thread(s), {measured['precision']}, torch {measured['packages']['torch']}; {training}."
    )
    return markdown(heads, rows, note)


def _condition(
    kind: str, one: dict[str, Any], sensitivity: dict[str, Any] | None
) -> tuple[object, ...]:
    """A row: how good with this kind of prompt, and how much worse than with the right one."""
    measured = (
        with_span(**one["dice_mean"]),
        f"{one['dice_pooled']:.3f}",
        f"{one['iou_mean']['mean']:.3f}",
    )
    if sensitivity is None:
        return (kind, one["n"], *measured, "", "")
    ends = (sensitivity[key] for key in ("difference", "low", "high"))
    return (kind, one["n"], *measured, with_span(*ends, "+"), sensitivity["verdict"])


def _policies() -> str:
    """The demo's comparison: what happens to the prompt when the image is transformed."""
    comparison = result("demo_phantoms")["comparison"]
    rows = [
        (POLICIES.get(row["label"], row["label"]), with_span(**row["dice_mean"]))
        for row in comparison["rows"]
    ]
    note = f"{comparison['note']} {comparison['rows'][0]['n']} cases, one seed."
    return markdown(("when the image is transformed", MEAN_DICE), rows, note)


def _mosaic() -> str:
    """Whose lesion is marked in mosaics of test images?"""
    measured = result("mosaic_kvasir")
    rows = [(kind, with_span(**dice)) for kind, dice in measured["dice_mean"].items()]
    head = f"Dice with the named tile's lesion, {measured['n']} mosaics [95 %]"
    return markdown(("prompt", head), rows)


def _lungs_bars() -> str:
    """The paper's claim on real films in five rows of `lungs_fusions`."""
    comparison = compare(RESULTS / "lungs_fusions")
    lines = {line.label: line for line in comparison.lines}
    reference = comparison.reference or ""
    labels = {
        "no prompt: image only": "image only",
        "prompt not transformed": "early · untouched",
        "**pseudo-image transformed with the image**": reference,
        "the same, exactly as published": "early · fuse-first · as published",
        "no geometric augmentation": "early · still",
    }
    rows = [(name, *_mean_and_gap(lines[label])) for name, label in labels.items()]
    heads = ("when the film is flipped, turned, scaled", MEAN_DICE, "difference")
    note = f"106 test films, three prompts each; {lines[reference].n_seeds} seeds."
    return markdown(heads, rows, note)


def _mean_and_gap(line: Line) -> tuple[str, str]:
    mean = with_span(line.dice.difference, line.dice.low, line.dice.high)
    return (mean, gap(line.difference) if line.difference else "–")


def _lungs_picture() -> str:
    """The caption of the README's picture."""
    measured = result("lungs_picture")
    shown = " · ".join(f"{value:.2f}" for value in measured["shown"].values())
    link = "https://doi.org/10.3978/j.issn.2223-4292.2014.11.20"
    return (
        f"*One test film, three prompts, three masks (Dice {shown}). Below: the **pseudo-image**, "
        f"what each prompt looks like to the network. Mean Dice per image over all "
        f"{measured['films']} test films: {with_span(**measured['test'])}; trained on one core "
        f"without a GPU (`{measured['train']}`). Film: "
        f"[Jaeger et al. 2014]({link}).*\n"
    )


TABLES: dict[str, Callable[[], str]] = {
    "demo_phantoms": lambda: _demo("phantoms"),
    "demo_kvasir": lambda: _demo("kvasir"),
    "arms_phantoms": _policies,
    "mosaic_kvasir": _mosaic,
    "lungs_bars": _lungs_bars,
    "lungs_picture": _lungs_picture,
}
