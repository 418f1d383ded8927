"""Tables of one model for five targets, beside the models of one target each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources import markdown, result

from saywhere.experiments.compare import judged
from saywhere.metrics.statistics import PairedDifference, with_span

Row = tuple[object, ...]
SETS = {
    "kvasir": "polyp (Kvasir-SEG)",
    "isic": "skin lesion (ISIC-2016)",
    "qata": "lung infection (QaTa-COV19)",
    "lungs": "left, right or both lungs (Shenzhen)",
    "busi": "breast tumor (BUSI)",
}


def _dice() -> str:
    """Right prompts, and what they are worth."""
    measured = result("general")
    rows: list[Row] = []
    for name, one in _sets(measured):
        alone = one.get("alone")
        rows.append(
            (
                SETS[name],
                one["right"]["n"],
                _span(one["right"]["dice"]),
                "–" if alone is None else _span(alone["right"]["dice"]),
                "–" if alone is None else _signed(one["against"]["right"]),
                _span(one["blank"]["dice"]),
                _signed(one["words"]),
            )
        )
    heads = (
        "target",
        "test images",
        "one model, right prompt [95 %]",
        "the model of that target alone",
        "difference [95 %]",
        "one model, no prompt",
        "right − no prompt",
    )
    note = (
        "Mean Dice per image at the images' own size, where the mask marks something; one seed. "
        f"{_training(measured)} Made by `{measured['command']}`."
    )
    return markdown(heads, rows, note)


def _absent() -> str:
    """What is left empty, and what vague words cost."""
    measured = result("general")
    rows: list[Row] = []
    for name, one in _sets(measured):
        alone = one.get("alone")
        rows.append(
            (
                SETS[name],
                _named(one["name"], alone),
                _empty(one, alone, "foreign"),
                _empty(one, alone, "denied"),
                "–" if not one["right"]["n_absent"] else _percent(one["name"]["absent_left_empty"]),
            )
        )
    heads = (
        "target",
        "words that only name it: Dice [95 %] (alone)",
        "another set's words, left empty: one model (alone)",
        "denied, left empty: one model (alone)",
        "normal pictures, left empty",
    )
    note = (
        "At most 500 images a set. Words that only name the target, and denials, are of forms that "
        "were never taught. Masks are emptied by presence, as calibrated."
    )
    return markdown(heads, rows, note)


def _normal() -> str:
    """Normal pictures of BUSI that the model did not learn from."""
    measured = result("general")["sets"]["busi"]["normal"]
    names = {
        "unseen": "validation and test pictures",
        "alike left out": "of these, no picture that is nearly like one of another split",
        "test": "test pictures",
    }
    rows: list[Row] = [
        (
            names[name],
            measured[name]["n"],
            measured[name]["n_absent"],
            _span(measured[name]["auroc"]),
            _percent(measured[name]["left_empty"]),
            _percent(measured[name]["wrongly_empty"]),
        )
        for name in names
    ]
    heads = (
        "pictures",
        "with a tumor",
        "normal",
        "area under the curve of presence [95 %]",
        "normal, left empty",
        "with a tumor, left empty",
    )
    note = (
        "`general`, asked for the breast tumor in words that only name it. It learned from none of "
        "these pictures; the validation pictures chose its checkpoint and its threshold. Made by "
        f"`{result('general')['command']}`."
    )
    return markdown(heads, rows, note)


def _together() -> str:
    """One network for five sets, and one each, at equal samples of a set."""
    measured = result("together")
    rows: list[Row] = [
        (
            SETS[name],
            one["n"],
            f"{one['together']['right']:.3f}",
            f"{one['alone']['right']:.3f}",
            judged(PairedDifference(**one["against"])),
            judged(PairedDifference(**one["words"])),
            judged(PairedDifference(**one["words_alone"])),
            f"{_percent(one['together']['foreign'])} ({_percent(one['alone']['foreign'])})",
        )
        for name, one in _sets(measured)
    ]
    heads = (
        "target",
        "test images",
        "together",
        "alone",
        "together − alone [95 %]",
        "together: right − no prompt",
        "alone: right − no prompt",
        "another set's words, left empty: together (alone)",
    )
    note = (
        f"`{measured['network']}` at {measured['size_px']} px, {measured['steps']} steps of 8 for "
        f"each set, {len(measured['seeds'])} seeds. Mean Dice per image at the images' own size, "
        "where the mask marks something. No mask is emptied by presence. Intervals: bootstrap over "
        f"seeds and images. Made by `{measured['command']}`."
    )
    return markdown(heads, rows, note)


def _sets(measured: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, measured["sets"][name]) for name in SETS if name in measured["sets"]]


def _training(measured: dict[str, Any]) -> str:
    config = measured["config"]
    train = config["train"]
    return (
        f"`{config['network']['name']}` at {config['data']['size']} px, {measured['steps']:,} "
        f"steps of {train['batch_size']}, seed {train['seed']}."
    )


def _empty(one: dict[str, Any], alone: dict[str, Any] | None, kind: str) -> str:
    ours = _percent(one[kind]["left_empty"])
    return ours if alone is None else f"{ours} ({_percent(alone[kind]['left_empty'])})"


def _named(one: dict[str, Any], alone: dict[str, Any] | None) -> str:
    ours = _span(one["dice"])
    return ours if alone is None else f"{ours} ({alone['name']['dice']['mean']:.3f})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _span(one: dict[str, float]) -> str:
    return with_span(one["mean"], one["low"], one["high"])


def _signed(one: dict[str, float]) -> str:
    return with_span(one["difference"], one["low"], one["high"], sign="+")


TABLES: dict[str, Callable[[], str]] = {
    "general_dice": _dice,
    "general_absent": _absent,
    "general_normal": _normal,
    "together": _together,
}
