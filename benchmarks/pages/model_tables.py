"""Tables of the pretrained models: what each reaches, and whether it knows when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources import MODELS, evidence, markdown, result, results

from saywhere.metrics.statistics import with_span

MEAN_DICE = "Mean Dice per image at the images' own size"


def _models() -> str:
    """Dice with each kind of prompt, and on mosaics."""
    tiles = ("right", "another tile's", "unseen wording")
    heads = (
        *("model", "test images", "right prompt [95 %]", "pooled", "no prompt"),
        *("another image's prompt", "contradictory prompt"),
        *(f"mosaics: {tile}" for tile in tiles),
        "verdict",
    )
    rows: list[tuple[object, ...]] = []
    for name, facts in evidence().items():
        mosaic = facts["mosaic"]["dice_mean"]
        of_mosaics = tuple(f"{mosaic[tile]['mean']:.3f}" for tile in tiles)
        for label, measured in _targets(name, facts):
            kinds = measured["words"]
            numbers = (
                with_span(**_dice(kinds, "right")),
                f"{kinds['right']['dice_pooled']:.3f}",
                *(_mean(kinds, kind) for kind in ("empty", "shuffled", "contradictory")),
            )
            # Tiles are of all targets together: they stand once.
            rows.append((label, _count(kinds), *numbers, *of_mosaics, measured["verdict"]))
            of_mosaics = ("",) * len(tiles)
    note = (
        f"{MEAN_DICE} where the target is there, of mosaics at the network's, of all targets "
        "together; one seed each. `make models` made them."
    )
    return markdown(heads, rows, note)


def _targets(name: str, facts: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A model's label and measures; of a model of several targets one a target."""
    evaluation = facts["evaluation"]
    targets = evaluation.get("targets", {})
    return [(f"`{name}`: {target}", one) for target, one in targets.items()] or [
        (f"`{name}`", evaluation)
    ]


def _dice(kinds: dict[str, Any], kind: str) -> dict[str, float]:
    """Where the target is there. Models of before have a target in each image."""
    measured = kinds[kind]
    return measured["positives"]["dice_mean"] if "positives" in measured else measured["dice_mean"]


def _mean(kinds: dict[str, Any], kind: str) -> str:
    # "lung" has no opposite.
    return f"{_dice(kinds, kind)['mean']:.3f}" if kind in kinds else "–"


def _count(kinds: dict[str, Any]) -> str:
    right = kinds["right"]
    return f"{right.get('positives', right)['n']:,}"


def _shelf() -> str:
    """The models in one small table, for the README."""
    rows: list[tuple[object, ...]] = []
    for name, facts in evidence().items():
        for label, measured in _targets(name, facts):
            kinds = measured["words"]
            wrong = (_mean(kinds, kind) for kind in ("empty", "contradictory"))
            rows.append((label, _count(kinds), with_span(**_dice(kinds, "right")), *wrong))
    heads = ("model", "test images", "right prompt [95 %]", "no prompt", "contradictory prompt")
    return markdown(heads, rows, f"{MEAN_DICE} where the target is there; one seed each.")


def blank_table(measured: list[dict[str, Any]]) -> str:
    """What a model loses against an image-only network where it is given no prompt.

    Args:
        measured: what `benchmarks/measure/blank.py` returns, one a model.

    Returns:
        A table in Markdown.
    """
    heads = (
        *("model", "test images", "right prompt [95 %]", "no prompt [95 %]", "image only [95 %]"),
        *("no prompt − image only [95 %]", "steps: model", "image only"),
    )
    rows: list[tuple[object, ...]] = []
    for one in measured:
        means = [with_span(**one[kind]) for kind in ("right", "blank", "image only")]
        paired = one["difference"]
        gap = with_span(paired["difference"], paired["low"], paired["high"], "+")
        steps = [f"{number:,}" for number in one["steps"].values()]
        rows.append((known(one["name"]), f"{one['n']:,}", *means, gap, *steps))
    return markdown(heads, rows, f"{MEAN_DICE}; one seed each; `make models alone` made them.")


def known(name: str) -> str:
    """A name; of a model that another one has taken up, that it is not the one of today."""
    return f"`{name}`" if (MODELS / name).is_dir() else f"`{name}`, before `general`"


def _earlier() -> str:
    """What the models reached that `general` has taken up."""
    measured = result("earlier_models")
    rows: list[tuple[object, ...]] = []
    for name, one in measured["models"].items():
        kinds = one["evaluation"]["words"]
        wrong = (_mean(kinds, kind) for kind in ("empty", "shuffled", "contradictory"))
        mosaic = one["mosaic"]["dice_mean"]["right"]["mean"]
        dice = with_span(**_dice(kinds, "right"))
        rows.append((known(name), _count(kinds), dice, *wrong, f"{mosaic:.3f}"))
    heads = (
        *("model", "test images", "right prompt [95 %]", "no prompt", "another image's prompt"),
        *("contradictory prompt", "mosaics: right"),
    )
    note = f"{MEAN_DICE}; one seed each. Models of commit {measured['commit']}."
    return markdown(heads, rows, note)


def _trust() -> str:
    """Whether the confidence says which answers are the worse ones."""
    heads = (
        *("model", "test images", "the surest 80 % [95 %]", "over all [95 %]"),
        *("rank correlation with Dice", "expected Dice", "measured", "off, per image"),
        *("contradictory prompt: expected", "measured"),
    )
    rows: list[tuple[object, ...]] = []
    for one in results("trust"):
        trust, expected = one["trust"], one["expected"]
        right, wrong = expected["right"], expected["contradictory"]
        spans = (with_span(**trust["surest"]), with_span(**trust["gain"], sign="+"))
        own = (f"{right[key]:.3f}" for key in ("mean", "dice", "error"))
        other = (f"{wrong[key]:.3f}" for key in ("mean", "dice"))
        count, rank = f"{trust['n']:,}", f"{trust['spearman']:.2f}"
        rows.append((f"`{one['name']}`", count, *spans, rank, *own, *other))
    note = (
        f"{MEAN_DICE}, right prompt unless said; the last five columns are of answers that mark "
        "anything: `python benchmarks/measure/trust.py MODEL MANIFEST`."
    )
    return markdown(heads, rows, note)


def _denied() -> str:
    """How much the masks of a prompt and of its denial agree."""
    measured = results("denied")
    rows: list[tuple[object, ...]] = []
    for one in measured:
        for kind, (affirmed, denying) in one["asked"].items():
            pair = f"“{affirmed}” and “{denying}”"
            counted = f"{one['denying']} of {one['sentences']:,}"
            agreement = with_span(**one["agreement"][kind])
            empty = f"{one['denied_empty'][kind]} of {one['n']}"
            rows.append((f"`{one['name']}`", pair, agreement, empty, counted))
    heads = (
        *("model", "prompts", "Dice between their masks [95 %]", "denied: left empty"),
        "sentences that deny",
    )
    note = (
        f"{measured[0]['n']} test images each; two empty masks agree. The last column is of the "
        "target's whole set."
    )
    command = "`python benchmarks/measure/denied.py MODEL MANIFEST TARGET`"
    return markdown(heads, rows, f"{note} {command}.")


def _halves() -> str:
    """What a model answers to a prompt that names a half of the image."""
    columns = {
        "inside": "share of the mask in the named half",
        "empty_area": "area marked where nothing is",
        "presence": "presence, where something is",
        "empty_presence": "presence, where nothing is",
    }
    rows: list[tuple[object, ...]] = []
    for name, facts in evidence().items():
        rows.append((f"`{name}`", *(with_span(**facts["halves"][key]) for key in columns)))
    note = "`saywhere probe halves MODEL`; area and presence are from 0 to 1 [95 %]."
    return markdown(("model", *columns.values()), rows, note)


TABLES: dict[str, Callable[[], str]] = {
    "models": _models,
    "shelf": _shelf,
    "earlier": _earlier,
    "blank": lambda: blank_table(results("blank")),
    "trust": _trust,
    "denied": _denied,
    "halves": _halves,
}
