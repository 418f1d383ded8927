"""Tables of single questions for the pages of docs/: claims decided, and measurements that no grid
made.

`tables.py` asks for them by the name that stands in a page's mark, `<!-- table: NAME -->`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from claims import TOPICS, Claim, Topic
from verdicts import RESULTS, Found, results_of

from saywhere.errors import MissingFile
from saywhere.experiments.compare import compare
from saywhere.experiments.moved import moved
from saywhere.metrics.statistics import with_span

ROOT = RESULTS.parent.parent
PAGES = ROOT / "docs" / "results"
MODELS = ROOT / "src" / "saywhere" / "models"
CLAIMS = "claims_"


def made(name: str) -> str | None:
    """The table of this name in Markdown, or None where this module makes no such table."""
    if name in _MAKERS:
        return _MAKERS[name]()
    topic = TOPICS.get(name.removeprefix(CLAIMS))
    if topic is None or not name.startswith(CLAIMS):
        return None
    return _claims(topic)


def _claims(topic: Topic) -> str:
    """A question's rows: where it was asked, what was measured, and the verdict."""
    rows = [
        (claim.case, result.measured, result.verdict, claim.note)
        for claim, result in zip(topic.claims, _results(topic))
    ]
    heads = ("where", "measured", "verdict", "to know")
    return f"*{topic.asks}* {topic.about}\n\n{_table(heads, rows)}"


def _results(topic: Topic) -> list[Found]:
    return [_result(claim) for claim in topic.claims]


def _result(claim: Claim) -> Found:
    try:
        return claim.look()
    except (MissingFile, KeyError):
        return Found("–", "not measured yet")


def _in_short() -> str:
    """Each question with its page, and how often each verdict was given."""
    rows: list[tuple[str, str]] = []
    verdicts: list[str] = []
    for key, topic in TOPICS.items():
        given = [result.verdict for result in _results(topic)]
        counted = Counter(map(kind_of, given)).most_common()
        shown = " · ".join(f"{kind} {number}" for kind, number in counted)
        rows.append((f"[{topic.asks}]({page_of(key)})", shown))
        verdicts += given
    single = sum("(one seed)" in verdict for verdict in verdicts)
    differ = sum("(seeds differ)" in verdict for verdict in verdicts)
    total = f"Of {len(verdicts)} rows, {single} have one seed"
    ending = f"and in {differ} the seeds differ too much to be sure."
    return f"{_table(('question', 'verdicts'), rows)}\n{total}, {ending}\n"


def page_of(key: str) -> str:
    """The page of docs/results whose text has the mark of this question's rows."""
    mark = f"<!-- table: {CLAIMS}{key} -->"
    for page in sorted(PAGES.glob("*.md")):
        if mark in page.read_text(encoding="utf-8"):
            return page.name
    raise MissingFile(f"no page of {PAGES} has {mark}", remedy="add the mark to the page")


def kind_of(verdict: str) -> str:
    """A verdict without what is said of its figure or its seeds."""
    bare = re.split(r" \(|[;:]", verdict)[0]
    return re.sub(r" with \d+ of \d+ seeds$", " with some of its seeds", bare)


def _coverage() -> str:
    """What the simulation of coverage measured, for each number of seeds and their spread."""
    measured = _read("coverage")
    rows = [
        (row["n_seeds"], f"{row['seeds']:g}", _percent(row["bootstrap"]), _percent(row["either"]))
        for row in measured["rows"]
    ]
    heads = ("seeds", "seeds vary by (Dice)", "bootstrap alone", "it or the t interval")
    about = f"Share of {measured['n_tables']:,} simulated tables of {measured['n_cases']} cases"
    return f"{_table(heads, rows)}\n{about} whose interval held the truth; 95 % was meant.\n"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _again() -> str:
    """One configuration and seed that two tables hold, run by two versions of the code."""
    labels = {"kvasir_fusions": "early · fuse-first", "kvasir_ablation": "defaults"}
    rows: list[tuple[str, int, str]] = []
    for name, label in labels.items():
        cell = results_of(name)[label][0]
        dice = cell["summary"]["words"]["right"]["dice_mean"]["mean"]
        rows.append((f"`{name}`, {label}", cell["seed"], f"{dice:.3f}"))
    return _table(("the same configuration", "seed", "mean Dice per image"), rows)


def _turning_masks() -> str:
    """Does the mask of a turned image agree with the turned mask?"""
    measured = _read("turning")
    policies = list(next(iter(measured["agreement"].values())))
    rows = [
        (name, *(with_span(**row[policy]) for policy in policies))
        for name, row in measured["agreement"].items()
    ]
    shown = {name.replace("none", "image only"): dice for name, dice in measured["dice"].items()}
    plain = " · ".join(f"{name} {with_span(**dice)}" for name, dice in shown.items())
    about = (
        f"Agreement (Dice) of the mask of the turned image with the turned mask: "
        f"{measured['n']} test phantoms, one seed [95 % over cases]; 1 is perfect. The sentence is "
        f"not changed. Two empty masks agree, so read it beside the Dice of the images as they "
        f"are, with the right prompt: {plain}. Every rival was trained with left and right "
        f"exchanged as the image turned. Made by `{measured['command']}`."
    )
    heads = ("transform", *(_POLICIES.get(policy, policy) for policy in policies))
    return f"{_table(heads, rows)}\n{about}\n"


_POLICIES = {
    "early, words turn": "early, pseudo-image transformed with the image",
    "early, words left behind": "early, prompt not transformed",
}
"""How the columns of results/turning.json are called on a page."""


def _turning_where() -> str:
    """How well a pseudo-image tells the region of its prompt from the rest."""
    rows = [
        (level, stage, with_span(**one["auc"]), with_span(**one["dice"]), f"{one['spread']:.3f}")
        for level, stages in _distinct(_read("turning")["prompt_sets"]).items()
        for stage, one in stages.items()
    ]
    heads = ("prompts", "pseudo-image", "AUC [95 %]", "Dice at the best threshold", "spread")
    return _table(heads, rows)


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


def _denied() -> str:
    """How much the masks of a prompt and of its denial agree."""
    rows: list[tuple[str, ...]] = []
    for measured in _each("denied"):
        for kind, (affirmed, denying) in measured["asked"].items():
            pair = f"“{affirmed}” and “{denying}”"
            agreement = with_span(**measured["agreement"][kind])
            counted = f"{measured['denying']} of {measured['sentences']:,}"
            rows.append((f"`{measured['name']}`", pair, agreement, counted))
    heads = ("model", "prompts", "Dice between their masks [95 %]", "sentences that deny")
    number = _each("denied")[0]["n"]
    about = f"{number} test images each; the last column is of the model's whole set."
    command = "`python benchmarks/measure/denied.py MODEL MANIFEST`"
    return f"{_table(heads, rows)}\n{about} {command}.\n"


def _halves() -> str:
    """What a model answers to a half of the image that holds nothing, off its evidence."""
    rows: list[tuple[str, ...]] = []
    for place in sorted(MODELS.glob("*/config.json")):
        half = json.loads(place.read_text())["evidence"]["halves"]
        columns = [with_span(**half[key]) for key in _HALVES]
        rows.append((f"`{place.parent.name}`", *columns))
    about = f"{_table(('model', *_HALVES.values()), rows)}\n"
    return f"{about}`saywhere probe halves MODEL`; area and presence are from 0 to 1 [95 %].\n"


_HALVES = {
    "inside": "share of the mask in the named half",
    "empty_area": "area marked where nothing is",
    "presence": "presence, where something is",
    "empty_presence": "presence, where nothing is",
}


def _cost() -> str:
    """Weights and arithmetic of each network, with and without a prompt, as counted."""
    measured = _read("cost")
    rows = [
        (name, *(_counted(one[kind]) for kind in ("image", "image and words")))
        for name, one in measured["networks"].items()
    ]
    about = f"At {measured['size_px']} px, counted by `{measured['command']}`."
    return f"{_table(('network', 'image', 'image and prompt'), rows)}\n{about}\n"


def _counted(one: dict[str, float]) -> str:
    return f"{one['parameters'] / 1e6:.2f} M weights, {one['gflop']:.2f} GFLOP"


def _training_speed() -> str:
    """Cells side by side, and the optimiser's step as one kernel."""
    cells, fused = _read("side_by_side"), _read("fused")
    spread = " to ".join(f"{end:.2f}" for end in (min(cells["ratios"]), max(cells["ratios"])))
    rows = [("two cells side by side", f"{cells['ratio']:.2f} ({spread})", cells["command"])]
    for name, one in fused["networks"].items():
        shown = f"{one['optimiser']:.2f} (optimiser), {one['step']:.2f} (whole step)"
        rows.append((f"`fused`, {name}", shown, fused["command"]))
    named = [(what, times, f"`{command}`") for what, times, command in rows]
    return _table(("what", "times as fast", "command"), named)


def _new_prompt() -> str:
    """What a new prompt costs, in units of encoding it."""
    measured = _read("new_prompt")
    rows = [(what, _span(value)) for what, value in measured["in_encodings"].items()]
    about = f"Medians; {measured['kept']:,} sentences kept. `{measured['command']}`."
    return f"{_table(('what', 'in encodings of one prompt'), rows)}\n{about}\n"


def _span(value: float | list[float]) -> str:
    if isinstance(value, list):
        return f"{min(value):.2f} to {max(value):.2f}"
    return f"{value:.2f}"


def _when_not() -> str:
    """What says that a use is not one for Saywhere: one measured figure a line."""
    rows = [*_unheard(), *_absent(), *_frames(), *_shifted(), *_unseen(), *_one_lesion()]
    return _table(("where", "measured", "page"), rows)


def _unheard() -> list[tuple[str, ...]]:
    polyp = next(one for one in _each("denied") if one["name"] == "polyp")
    agreement = with_span(**polyp["agreement"]["no"])
    measured = f"Dice between the masks {agreement}"
    return [("`polyp`, “no polyp” beside “polyp”", measured, "[Negation](results/negation.md)")]


def _absent() -> list[tuple[str, ...]]:
    half = _evidence("polyp")["halves"]
    shown = f"presence {with_span(**half['empty_presence'])}, 0 was right"
    where = "`polyp`, asked for a half without a polyp"
    return [(where, shown, "[Negation](results/negation.md)")]


def _frames() -> list[tuple[str, ...]]:
    lines = {line.label: line for line in compare(RESULTS / "lungs_patient").lines}
    label = "early · recaption"
    dice = lines[label].columns[0]
    where = "Chest films, prompts of the patient's frame, taught with sentences of the image's"
    return [(where, f"Dice {dice}", "[Chest films](results/lungs.md#the-frame-of-the-patient)")]


def _shifted() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for learned, asked in (("large", "small"), ("small", "large")):
        lines = {line.label: line for line in compare(RESULTS / f"kvasir_to_{asked}").lines}
        far, near = (lines[f"learned from {size} · image + text"] for size in (learned, asked))
        shown = f"Dice {far.columns[0]}; learned from {asked} ones {near.columns[0]}"
        where = f"Learned from {learned} polyps, tested on {asked} ones"
        rows.append((where, shown, "[Shifted domains](results/shifted-domains.md)"))
    return rows


def _unseen() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in ("lung-infection", "polyp", "skin-lesion"):
        mosaic = _evidence(name)["mosaic"]["dice_mean"]
        right, unseen = (mosaic[kind]["mean"] for kind in ("right", "unseen wording"))
        shown = f"Dice {unseen:.3f}; with the words of the training {right:.3f}"
        where = f"`{name}` on mosaics, a wording never taught"
        rows.append((where, shown, "[Pretrained models](results/pretrained.md)"))
    return rows


def _one_lesion() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for measured in _each("blank"):
        if measured["name"] == "lung-infection":
            continue
        right, alone = (measured[kind]["mean"] for kind in ("right", "image only"))
        shown = f"Dice {right:.3f}; without text {alone:.3f}"
        where = f"`{measured['name']}`, one lesion fills the image"
        rows.append((where, shown, "[Pretrained models](results/pretrained.md)"))
    return rows


def _lungs_picture() -> str:
    """The caption of the README's picture."""
    measured = _read("lungs_picture")
    dice = with_span(**measured["test"])
    shown = " · ".join(f"{value:.2f}" for value in measured["shown"].values())
    minutes = measured["seconds"] / 60
    return (
        f"*One film of the test split, three prompts, three masks (Dice {shown}). Below: the "
        f"**pseudo-image**, what each prompt looks like to the network. Over all "
        f"{measured['films']} test films: mean Dice per image {dice}. Trained in {minutes:.0f} "
        f"minutes on one core, without a GPU. Film: Jaeger et al. 2014, "
        f"[doi:10.3978/j.issn.2223-4292.2014.11.20]"
        f"(https://doi.org/10.3978/j.issn.2223-4292.2014.11.20).*\n"
    )


def _table(heads: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table that ends with a line break."""
    named = list(heads)
    lines = [named, ["---"] * len(named), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _read(name: str) -> dict[str, Any]:
    return moved(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")))


def _each(folder: str) -> list[dict[str, Any]]:
    """The results of each pretrained model, by name."""
    places = sorted((RESULTS / folder).glob("*.json"))
    return [moved(json.loads(place.read_text(encoding="utf-8"))) for place in places]


def _evidence(model: str) -> dict[str, Any]:
    return json.loads((MODELS / model / "config.json").read_text(encoding="utf-8"))["evidence"]


_MAKERS: dict[str, Callable[[], str]] = {
    "claims_in_short": _in_short,
    "coverage": _coverage,
    "again": _again,
    "turning_masks": _turning_masks,
    "turning_where": _turning_where,
    "denied": _denied,
    "halves": _halves,
    "cost": _cost,
    "training_speed": _training_speed,
    "new_prompt": _new_prompt,
    "when_not": _when_not,
    "lungs_picture": _lungs_picture,
}
