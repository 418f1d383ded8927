"""Tables of measurements that no grid made: costs, turned masks, coverage, and uses to avoid."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from model_tables import known
from sources import RESULTS, evidence, markdown, result, results
from verdicts import results_of

from saywhere.experiments.compare import Line, compare
from saywhere.metrics.statistics import with_span

Row = tuple[object, ...]
POLICIES = {
    "early, words turn": "early, pseudo-image transformed with the image",
    "early, words left behind": "early, prompt not transformed",
}
"""How the columns of results/turning.json are called on a page."""


def _coverage() -> str:
    """How often an interval held the truth in a simulation, by seeds and their spread."""
    measured = result("coverage")
    rows: list[Row] = []
    for row in measured["rows"]:
        shares = (f"{100 * row[key]:.0f} %" for key in ("bootstrap", "either"))
        rows.append((row["n_seeds"], f"{row['seeds']:g}", *shares))
    heads = ("seeds", "seeds vary by (Dice)", "bootstrap alone", "it or the t interval")
    tables = f"{measured['n_tables']:,} simulated tables of {measured['n_cases']} cases"
    note = f"Share of {tables} whose interval held the truth; 95 % was meant."
    return markdown(heads, rows, f"{note} `{measured['command']}`.")


def _again() -> str:
    """One configuration and seed that two tables hold, run by two versions of the code."""
    labels = {"kvasir_fusions": "early · fuse-first", "kvasir_ablation": "defaults"}
    rows: list[Row] = []
    for name, label in labels.items():
        cell = results_of(name)[label][0]
        dice = cell["summary"]["words"]["right"]["dice_mean"]["mean"]
        rows.append((f"`{name}`, {label}", cell["seed"], f"{dice:.3f}"))
    return markdown(("the same configuration", "seed", "mean Dice per image"), rows)


def _strangers() -> str:
    """How well each shipped model tells pictures of other sets from its own."""
    measured = result("strangers")
    rows: list[Row] = []
    for model, kinds in measured["models"].items():
        own = kinds["own"]
        rows.append((f"`{model}`", "its own set, test", own["n"], "", f"{100 * own['told']:.0f} %"))
        for name, one in kinds.items():
            if name != "own":
                auroc = f"{one['auroc']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
                rows.append(("", name, one["n"], auroc, f"{100 * one['told']:.0f} %"))
    heads = ("model", "pictures", "n", "AUROC [95 %]", "told as unlike")
    return markdown(heads, rows, f"Made by `{measured['command']}`.")


def _expected_shift() -> str:
    """What is expected and what is found, on the kind learned from and on the other one."""
    cells = results("expected_shift")
    names = {"test": "test pictures of its kind", "shifted": "the other kind"}
    learned = {"polyp": "`polyp`, all kinds"}
    rows: list[Row] = []
    for cell in cells:
        for number, (kind, one) in enumerate(cell["kinds"].items()):
            numbers = [f"{one['dice']:.3f}"]
            for way in ("before", "after"):
                numbers.append(with_span(**one[way]["bias"], sign="+"))
                numbers.append(f"{one[way]['error']['mean']:.3f}")
            head = "" if number else learned.get(cell["cell"], f"{cell['cell']} ones")
            rows.append((head, names.get(kind, f"its {kind} half"), one["n"], *numbers))
    heads = (
        *("learned from", "asked about", "n", "Dice found"),
        *("expected − found, without copies [95 %]", "off, per image"),
        *("expected − found, with copies [95 %]", "off, per image"),
    )
    note = (
        "Kvasir-SEG. `lite` at 128 px, trained on 300 polyps of one kind, 400 steps of 8, one "
        "seed; and the model that comes along. The expectation was learned from validation "
        f"pictures of that kind alone ({', '.join(str(cell['n_learned']) for cell in cells)}). "
        "Answers without an expected Dice are left out. Small: no larger than the median of the "
        "training masks; faint: its mean colour is near that of the ring around it. Made by "
        "`python benchmarks/measure/expected_shift.py CELL`."
    )
    return markdown(heads, rows, note)


def _small_masks() -> str:
    """What masks lose at the network's size, by the way they are resized."""
    measured = result("small_masks")
    ways = ("nearest", "area alone", "area")
    rows: list[Row] = []
    for name, one in measured["sets"].items():
        for size in ("64", "96", "224"):
            lost = (one[size][way]["lost_lesions"] for way in ways)
            dice = (f"{one[size][way]['dice_mean']:.3f}" for way in ("nearest", "area"))
            rows.append((name, one["masks"], one["lesions"], size, *lost, *dice))
    heads = (
        *("set", "masks", "lesions", "px"),
        *("lost: nearest", "lost: area alone", "lost: area"),
        *("Dice: nearest", "Dice: area"),
    )
    note = (
        "Masks brought to that size and back. Lost: lesions that no pixel shows. Dice: with the "
        "original mask. No mask became empty in these sets, whose own longer side is 224 to 320 "
        f"px. Made by `{measured['command']}`."
    )
    return markdown(heads, rows, note)


def _turned_masks() -> str:
    """What masks lose when the augmentation turns them, by the way they are sampled."""
    measured = result("turned_masks")
    rows: list[Row] = []
    for name, one in measured["sets"].items():
        for size in ("64", "96", "224"):
            at = one[size]
            lost = (at[way]["lost_lesions"] for way in ("nearest", "bilinear"))
            dice = (f"{at[way]['dice_mean']:.3f}" for way in ("nearest", "bilinear"))
            rows.append((name, size, at["lesions"], *lost, *dice))
    heads = (
        *("set", "px", "lesions in the frame"),
        *("lost: nearest", "lost: bilinear", "Dice: nearest", "Dice: bilinear"),
    )
    note = (
        f"{measured['masks_at_most']} masks a set, {measured['draws']} draws of the default "
        "augmentation each, all of them turned. Dice: with the same geometry at four times the "
        f"size. Made by `{measured['command']}`."
    )
    return markdown(heads, rows, note)


def _grey_values() -> str:
    """What a film's storage costs a model, by the rule for grey values."""
    measured = result("grey_values")
    rows: list[Row] = []
    for way in measured["dice"]["percentile"]:
        found = (measured["dice"][rule][way] for rule in ("maximum", "percentile"))
        cells = ("refused" if one["mean"] is None else f"{one['mean']:.3f}" for one in found)
        rows.append((way, *cells))
    note = (
        f"Mean Dice of `{measured['model']}` on {measured['films']} test films of QaTa, each "
        f"stored in five ways. Made by `{measured['command']}`."
    )
    return markdown(("the film is stored as", "`maximum`", "`percentile`"), rows, note)


def _turning_masks() -> str:
    """Does the mask of a turned image agree with the turned mask?"""
    measured = result("turning")
    policies = list(next(iter(measured["agreement"].values())))
    rows: list[Row] = []
    for name, row in measured["agreement"].items():
        rows.append((name, *(with_span(**row[policy]) for policy in policies)))
    shown = {name.replace("none", "image only"): dice for name, dice in measured["dice"].items()}
    plain = " · ".join(f"{name} {with_span(**dice)}" for name, dice in shown.items())
    note = (
        f"Agreement (Dice) of the mask of the turned image with the turned mask: "
        f"{measured['n']} test phantoms, one seed [95 % over cases]; 1 is perfect. The sentence is "
        f"not changed. Two empty masks agree, so read it beside the Dice of the images as they "
        f"are, with the right prompt: {plain}. Every rival was trained with left and right "
        f"exchanged as the image turned. Made by `{measured['command']}`."
    )
    heads = ("transform", *(POLICIES.get(policy, policy) for policy in policies))
    return markdown(heads, rows, note)


def _turning_where() -> str:
    """How well a pseudo-image tells the region of its prompt from the rest."""
    rows = [
        (level, stage, with_span(**one["auc"]), with_span(**one["dice"]), f"{one['spread']:.3f}")
        for level, stages in _distinct(result("turning")["prompt_sets"]).items()
        for stage, one in stages.items()
    ]
    heads = ("prompts", "pseudo-image", "AUC [95 %]", "Dice at the best threshold", "spread")
    return markdown(heads, rows)


def _distinct(levels: dict[str, Any]) -> dict[str, Any]:
    """Prompt sets that say the same as one row each: equal to the digit was not measured twice."""
    named: dict[str, list[str]] = {}
    for level, stages in levels.items():
        named.setdefault(json.dumps(stages), []).append(level)
    distinct: dict[str, Any] = {}
    for stages, names in named.items():
        ending = " (equal sentences)" if len(names) > 1 else ""
        distinct[" and ".join(names) + ending] = json.loads(stages)
    return distinct


def _cost() -> str:
    """Weights and arithmetic of each network, with and without a prompt, as counted."""
    measured = result("cost")
    rows = [
        (name, _counted(one["image"]), _counted(one["image and words"]))
        for name, one in measured["networks"].items()
    ]
    note = f"At {measured['size_px']} px, counted by `{measured['command']}`."
    return markdown(("network", "image", "image and prompt"), rows, note)


def _counted(one: dict[str, float]) -> str:
    return f"{one['parameters'] / 1e6:.2f} M weights, {one['gflop']:.2f} GFLOP"


def _training_speed() -> str:
    """Cells side by side, and the optimiser's step as one kernel."""
    cells = result("side_by_side")
    fused = result("fused")
    spread = f"{min(cells['ratios']):.2f} to {max(cells['ratios']):.2f}"
    rows = [("two cells side by side", f"{cells['ratio']:.2f} ({spread})")]
    for name, one in fused["networks"].items():
        times = f"{one['optimiser']:.2f} (optimiser), {one['step']:.2f} (whole step)"
        rows.append((f"`fused`, {name}", times))
    note = f"`{cells['command']}` · `{fused['command']}`"
    return markdown(("what", "times as fast"), rows, note)


def _new_prompt() -> str:
    """What a new prompt costs, in units of encoding it."""
    measured = result("new_prompt")
    rows = [(what, _span(value)) for what, value in measured["in_encodings"].items()]
    note = f"Medians; {measured['kept']:,} sentences kept. `{measured['command']}`."
    return markdown(("what", "in encodings of one prompt"), rows, note)


def _prediction() -> str:
    """Prediction beside an earlier commit, in one run."""
    measured = result("prediction")
    cold = measured["cold"]
    now, before = (cold[f"{name}, in times of import torch"] for name in ("now", "before"))
    rows = [
        (f"a folder of {measured['pictures']} pictures, from call to end", measured["folder"]),
        ("a single picture in a loaded model", measured["single"]),
        ("one picture from a cold start, a prompt never seen", cold),
        ("eight prompts on one picture: `prepare` once, beside decoding each", measured["prompts"]),
    ]
    shown = [(what, f"{one['ratio']:.2f}") for what, one in rows]
    note = (
        f"Runtime `{measured['runtime']}`, beside commit {measured['against']}; "
        f"{measured['rounds']} rounds in turn, load {measured['load'][0]:.1f} on "
        f"{measured['cores']} cores. The cold start took {now:.1f} times `import torch` "
        f"({before:.1f} before). `{measured['command']}`."
    )
    return markdown(("what", "times as fast"), shown, note)


def _prediction_answers() -> str:
    """How far other runtimes are from PyTorch in float32."""
    measured = result("prediction_answers")
    rows = []
    for name, one in measured["answers"].items():
        equal = one["equal_pixels"]
        shares = f"{equal['mean']:.2%} (at least {equal['least']:.2%} a picture)"
        rows.append((f"`{name}`", f"{one['largest_change']:.1g}", shares))
    note = f"{measured['pictures']} pictures of Kvasir-SEG. `{measured['command']}`."
    return markdown(("runtime", "largest change of a probability", "equal pixels"), rows, note)


def _span(value: float | list[float]) -> str:
    if isinstance(value, list):
        return f"{min(value):.2f} to {max(value):.2f}"
    return f"{value:.2f}"


def _when_not() -> str:
    """What says that a use is not one for Saywhere: one measured figure a line."""
    rows = [*_absent(), _frames(), *_shifted(), *_unseen(), *_one_lesion()]
    return markdown(("where", "measured", "page"), rows)


def _absent() -> list[Row]:
    """A prompt that denies, and one that names what is not there."""
    page = "[Negation](results/negation.md)"
    name = "lung-infection"
    asked = next(one for one in results("denied") if one["name"] == name)
    agreement = f"Dice between the masks {with_span(**asked['agreement']['not on the left'])}"
    presence = with_span(**evidence()[name]["halves"]["empty_presence"])
    affirmed, denied = asked["asked"]["not on the left"]
    return [
        (f"`{name}`, “{denied}” beside “{affirmed}”", agreement, page),
        (f"`{name}`, asked for a half without one", f"presence {presence}; 0 is right", page),
    ]


def _frames() -> Row:
    """The image's sides taught, the patient's sides asked."""
    dice = _dice("lungs_patient", "early · recaption")
    where = "Chest films, prompts of the patient's frame, taught with sentences of the image's"
    return (where, f"Dice {dice}", "[Chest films](results/lungs.md#the-frame-of-the-patient)")


def _shifted() -> list[Row]:
    """Polyps of another size than those learned from."""
    rows: list[Row] = []
    for learned, tested in (("large", "small"), ("small", "large")):
        labels = (f"learned from {size} · image + text" for size in (learned, tested))
        far, near = (_dice(f"kvasir_to_{tested}", label) for label in labels)
        where = f"Learned from {learned} polyps, tested on {tested} ones"
        shown = f"Dice {far}; learned from {tested} ones {near}"
        rows.append((where, shown, "[Shifted domains](results/shifted-domains.md)"))
    return rows


def _dice(table: str, label: str) -> str:
    """A label's mean Dice per image, with its interval."""
    lines: dict[str, Line] = {line.label: line for line in compare(RESULTS / table).lines}
    dice = lines[label].dice
    return with_span(dice.difference, dice.low, dice.high)


def _unseen() -> list[Row]:
    """A wording that was never taught."""
    rows: list[Row] = []
    for name, facts in evidence().items():
        mosaic = facts["mosaic"]["dice_mean"]
        right, unseen = (mosaic[kind]["mean"] for kind in ("right", "unseen wording"))
        shown = f"Dice {unseen:.3f}; with a wording of the training {right:.3f}"
        where = f"`{name}` on mosaics, a wording never taught"
        rows.append((where, shown, "[Pretrained models](results/pretrained.md)"))
    return rows


def _one_lesion() -> list[Row]:
    """The image alone says nearly all."""
    rows: list[Row] = []
    for one in results("blank"):
        if one["name"] == "lung-infection":  # several infected areas: there the prompt helps
            continue
        right, alone = (one[kind]["mean"] for kind in ("right", "image only"))
        where = f"{known(one['name'])}, one lesion fills the image"
        shown = f"Dice {right:.3f}; a network without text {alone:.3f}"
        rows.append((where, shown, "[Pretrained models](results/pretrained.md)"))
    return rows


TABLES: dict[str, Callable[[], str]] = {
    "coverage": _coverage,
    "strangers": _strangers,
    "expected_shift": _expected_shift,
    "small_masks": _small_masks,
    "turned_masks": _turned_masks,
    "grey_values": _grey_values,
    "again": _again,
    "turning_masks": _turning_masks,
    "turning_where": _turning_where,
    "cost": _cost,
    "training_speed": _training_speed,
    "new_prompt": _new_prompt,
    "prediction": _prediction,
    "prediction_answers": _prediction_answers,
    "when_not": _when_not,
}
