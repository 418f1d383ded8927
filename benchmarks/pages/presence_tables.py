"""Tables of presence: does a model know when nothing is there?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources import markdown, result

from saywhere.metrics.statistics import with_span

Row = tuple[object, ...]
KINDS = {
    "question": "normal picture, “tumor”",
    "denied": "“no tumor”",
    "foreign": "another organ's words",
}


def _tells() -> str:
    """How well each score tells present targets from absent ones."""
    measured = result("presence")
    rows: list[Row] = []
    for part, name in (("busi", "BUSI"), ("sets", "five sets")):
        for score, one in measured.get(part, {}).get("scores", {}).items():
            spans = [
                with_span(**one["auroc_by_kind"][kind]) if kind in one["auroc_by_kind"] else "–"
                for kind in KINDS
            ]
            rows.append((name, score, *spans, with_span(**one["calibration_error"])))
    heads = ("pictures", "score", *KINDS.values(), "calibration error")
    return markdown(heads, rows, _note(measured))


def _empties() -> str:
    """How many masks are left empty where nothing is meant, and what that costs elsewhere."""
    measured = result("presence")
    rows: list[Row] = []
    for part, name in (("busi", "BUSI"), ("sets", "five sets")):
        for score, one in measured.get(part, {}).get("scores", {}).items():
            shares = [_share(one, kind) for kind in KINDS]
            rows.append((name, score, *shares, with_span(**one["cost"])))
    heads = ("pictures", "score", *KINDS.values(), "Dice lost where it is there")
    tried = measured["busi"]["scores"]["presence head"]["cost_by_allowed"]
    costs = ", ".join(f"{key} allowed: {one['mean']:.3f}" for key, one in tried.items())
    note = (
        "Left empty, before → with the threshold that was chosen on the validation cases to cost "
        "0.001 Dice at most there. That number was chosen after a look at the test cases of folds "
        f"1 to 3; on folds 4 and 5 the head costs {with_span(**measured['busi']['cost_unseen'])}. "
        f"What it costs all ({costs})."
    )
    return markdown(heads, rows, note)


def _share(one: dict[str, Any], kind: str) -> str:
    if kind not in one["left_empty"]:
        return "–"
    before, after = one["left_empty_before"][kind], one["left_empty"][kind]["mean"]
    return f"{100 * before:.0f} % → {100 * after:.0f} %"


def _note(measured: dict[str, Any]) -> str:
    parts = []
    for part, name in (("busi", "BUSI"), ("sets", "Five sets")):
        if part in measured:
            one = measured[part]
            n = next(iter(one["scores"].values()))
            whole = {"busi": " of 5 folds", "sets": ""}[part]
            parts.append(
                f"{name}: {len(one['cells'])}{whole} tested, `lite` at {one['size_px']} px, "
                f"{one['steps']} steps of 8, one seed; {n['n']} test cases with a target and "
                f"{n['n_absent']} without."
            )
    return (
        "Area under the curve [95 %] against present targets; our goal is a lower end of 0.93 for "
        f"normal pictures and of 0.98 for words. {' '.join(parts)} Made by "
        "`python benchmarks/measure/presence.py fold K` (or `sets`) and `presence_table.py`."
    )


def _untouched() -> str:
    """What an encoder that was never trained on such pictures knows of them."""
    measured = result("normal_pictures")
    rows: list[Row] = [(f"{size} px", with_span(**one)) for size, one in measured["sizes"].items()]
    rows.append(("the size that each fold's training chose", with_span(**measured["nested"])))
    sizes = sorted(set(measured["nested_sizes"]))
    note = (
        f"BUSI, out of fold: {measured['n']} pictures with a tumor and {measured['n_absent']} "
        "without. The last row's sizes were chosen without the pictures that they are tested on: "
        f"{', '.join(map(str, sizes))} px. "
        f"Made by `{measured['command']}`."
    )
    return markdown(("pictures of", "area under the curve [95 %]"), rows, note)


TABLES: dict[str, Callable[[], str]] = {
    "presence_tells": _tells,
    "presence_empties": _empties,
    "presence_untouched": _untouched,
}
