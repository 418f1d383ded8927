"""Fill the tables of the README and of pages in docs/ from the committed results.

    python benchmarks/pages/tables.py [--check]

None of their numbers is typed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import question_tables
from verdicts import AUG, BOTH, NETWORKS, OURS, POLICIES, TENTH, gained, seeds, verdict

from saywhere.errors import MissingFile
from saywhere.experiments.compare import compare, gap, table
from saywhere.experiments.frozen import tables_in
from saywhere.experiments.moved import moved
from saywhere.io.files import write_text
from saywhere.metrics.statistics import with_span

ROOT = Path(__file__).parents[2]
RESULTS, MODELS = ROOT / "benchmarks" / "results", ROOT / "src" / "saywhere" / "models"
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "service.md",
    ROOT / "docs" / "index.md",
    ROOT / "docs" / "when-not-to-use.md",
    ROOT / "docs" / "how-to" / "models.md",
    *sorted((ROOT / "docs" / "results").glob("*.md")),
)
_MARK = re.compile(r"(<!-- table: ([a-z0-9_]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text with each marked table made anew."""
    return _MARK.sub(lambda match: match[1] + _table(match[2]) + match[3], text)


def _table(name: str) -> str:
    table_of_question = question_tables.made(name)
    if table_of_question is not None:
        return table_of_question
    place = RESULTS / f"{name}.json"
    if name == "models":
        return _models(sorted(MODELS.glob("*/config.json")))
    if name == "service":
        return _service(
            [json.loads(place.read_text()) for place in sorted(RESULTS.glob("service_*.json"))]
        )
    if name == "shelf":
        return _shelf(sorted(MODELS.glob("*/config.json")))
    if name == "lungs_bars":
        return _lungs_bars()
    if name == "helps":
        return _helps()
    if name == "limits":
        return _limits(json.loads(place.read_text()))
    if name == "blank":
        return _blank(
            [json.loads(place.read_text()) for place in sorted((RESULTS / "blank").glob("*.json"))]
        )
    if name == "trust":
        return _trust(
            [json.loads(place.read_text()) for place in sorted((RESULTS / "trust").glob("*.json"))]
        )
    if name == "typing":
        return _typing(json.loads(place.read_text()))
    if name == "fuzz":
        return _fuzz(json.loads(place.read_text())["answers"])
    if name in tables_in(RESULTS):
        return table(compare(RESULTS / name))
    if name.startswith("arms_"):
        return _arms(json.loads((RESULTS / f"{name.replace('arms_', 'demo_')}.json").read_text()))
    if name.startswith("mosaic_") and place.is_file():
        return _mosaic(json.loads(place.read_text()))
    return _demo(json.loads(place.read_text()))


def _models(places: list[Path]) -> str:
    """What each model that comes along was measured to do."""
    kinds, tiles = (
        ("right", "empty", "shuffled", "contradictory"),
        ("right", "another tile's", "unseen wording"),
    )
    heads = [
        "model",
        "test images",
        "right words [95 %]",
        "pooled",
        "no words",
        "another case's",
        "opposite words",
        *(f"mosaics: {tile}" for tile in tiles),
        "verdict",
    ]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for place in places:
        found = json.loads(place.read_text())
        words, mosaic = (
            found["evidence"]["evaluation"]["words"],
            found["evidence"]["mosaic"]["dice_mean"],
        )
        numbers = [
            with_span(**words["right"]["dice_mean"]),
            f"{words['right']['dice_pooled']:.3f}",
            *(f"{words[kind]['dice_mean']['mean']:.3f}" for kind in kinds[1:]),
        ]
        numbers += [f"{mosaic[tile]['mean']:.3f}" for tile in tiles]
        lines.append(
            f"| `{found['name']}` | {words['right']['n']} | {' | '.join(numbers)} | {found['evidence']['evaluation']['verdict']} |"
        )
    return (
        "\n".join(
            [
                *lines,
                "\nDice a case at the images' own size, of mosaics at the network's; one seed each. `make models` made them.",
            ]
        )
        + "\n"
    )


def _trust(measured: list[dict[str, Any]]) -> str:
    """Whether the confidence says which answers are the worse ones."""
    heads = [
        "the surest 80 % [95 %]",
        "over all [95 %]",
        "rank correlation with Dice",
        "expected Dice",
        "found",
        "off, a case",
        "opposite words: expected",
        "found",
    ]
    lines = [f"| model | test images | {' | '.join(heads)} |", "|" + "---|" * (len(heads) + 2)]
    for found in measured:
        trust = found["trust"]
        (right, wrong) = (found["expected"][kind] for kind in ("right", "contradictory"))
        columns = [
            with_span(**trust["surest"]),
            with_span(**trust["gain"], sign="+"),
            f"{trust['spearman']:.2f}",
        ]
        columns += [
            f"{value:.3f}"
            for value in (
                right["mean"],
                right["dice"],
                right["error"],
                wrong["mean"],
                wrong["dice"],
            )
        ]
        lines.append(f"| `{found['name']}` | {trust['n']:,} | {' | '.join(columns)} |")
    of = "right words unless said, at the images' own size; the last five columns are of answers that mark anything"
    return (
        "\n".join(
            [*lines, f"\nDice a case, {of}: `python benchmarks/measure/trust.py MODEL MANIFEST`."]
        )
        + "\n"
    )


def _demo(found: dict[str, Any]) -> str:
    """A demo's does-it-listen table."""
    lines = [
        "| words | cases | Dice a case [95 %] | Dice pooled | IoU a case | right − these [95 %] | |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, measured in found["summary"]["words"].items():
        heard = found["summary"]["listening"].get(kind)
        gap = with_span(heard["difference"], heard["low"], heard["high"], "+") if heard else ""
        lines.append(
            f"| {kind} | {measured['n']} | {with_span(**measured['dice_mean'])} | {measured['dice_pooled']:.3f} | "
            f"{measured['iou_mean']['mean']:.3f} | {gap} | {heard['verdict'] if heard else ''} |"
        )
    config = found["config"]
    lines.append(
        f"\n`{moved(found['command'])}`: `{config['network']['name']}` at {config['data']['size']} px, seed {found['seed']}, "
        f"{found['threads']} thread(s), {found['precision']}, torch {found['packages']['torch']}; "
        f"{found['seconds']:.0f} s of training on 2 cores without a GPU."
    )
    return "\n".join(lines) + "\n"


def _arms(found: dict[str, Any]) -> str:
    """A demo's comparison: what happens to the words when the image turns."""
    comparison = found["comparison"]
    lines = ["| when the image turns | Dice a case [95 %] |", "|---|---|"]
    for row in comparison["rows"]:
        label = POLICIES.get(row["label"], row["label"])
        lines.append(f"| {label} | {with_span(**row['dice_mean'])} |")
    return (
        "\n".join([*lines, f"\n{comparison['note']} {comparison['rows'][0]['n']} cases, one seed."])
        + "\n"
    )


def _mosaic(found: dict[str, Any]) -> str:
    """A mosaic probe: whose lesion is marked."""
    lines = [
        f"| words | Dice with the named tile's lesion, {found['n']} mosaics [95 %] |",
        "|---|---|",
    ]
    return (
        "\n".join(
            [
                *lines,
                *(
                    f"| {words} | {with_span(**dice)} |"
                    for words, dice in found["dice_mean"].items()
                ),
            ]
        )
        + "\n"
    )


def _service(measured: list[dict[str, Any]]) -> str:
    """The service under load and over time."""
    if not measured:
        return "None is kept yet: `make soak` keeps one.\n"
    lines = [
        "| clients | minutes | answers | images/s | p50 | p99 | memory | threads | open files | last = first | machine |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for found in measured:
        answers = ", ".join(f"{number} {name}" for name, number in found["answers"].items())
        grown = (
            [
                f"× {found['memory_growth']:.3f}",
                *(" → ".join(map(str, found[name])) for name in ("threads", "files")),
            ]
            if found["minutes"]
            else ["", "", ""]
        )
        machine = f"{_machine(found)}; {found['network']} at {found['size_px']} px, torch {found['torch']}"
        lines.append(
            f"| {found['clients']} | {found['minutes']:g} | {answers} | {found['images_per_s']} | {found['p50_s']} s | {found['p99_s']} s | "
            f"{' | '.join(grown)} | {'yes' if found['same_answer'] else 'NO'} | {machine} |"
        )
    return "\n".join([*lines, *(f"\n`{moved(found['command'])}`" for found in measured)]) + "\n"


def _machine(found: dict[str, Any]) -> str:
    return f"{found['cores']} cores, {found['memory_gib']} GiB, load {found['load_before']} before"


def _blank(measured: list[dict[str, Any]]) -> str:
    """What a model loses against an image-only network where it is told nothing."""
    heads = (
        "model",
        "test images",
        "right words [95 %]",
        "no words [95 %]",
        "image only [95 %]",
        "no words − image only [95 %]",
        "steps: model",
        "image only",
    )
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for found in measured:
        means = [with_span(**found[kind]) for kind in ("right", "blank", "image only")]
        gap = with_span(
            found["difference"]["difference"],
            found["difference"]["low"],
            found["difference"]["high"],
            "+",
        )
        steps = [f"{number:,}" for number in found["steps"].values()]
        lines.append(
            f"| `{found['name']}` | {found['n']:,} | {' | '.join([*means, gap, *steps])} |"
        )
    return (
        "\n".join(
            [
                *lines,
                "\nDice a case at the images' own size; one seed each; `make models alone` made them.",
            ]
        )
        + "\n"
    )


def _fuzz(answers: dict[str, dict[str, int]]) -> str:
    """How often each status was the answer to a made-up request."""
    statuses = sorted({status for found in answers.values() for status in found})
    lines = [
        f"| call | {' | '.join(statuses)} | requests |",
        "|---|" + "---|" * (len(statuses) + 1),
    ]
    lines += [
        f"| `{call}` | {' | '.join(f'{found.get(status, 0):,}' for status in statuses)} | {sum(found.values()):,} |"
        for call, found in answers.items()
    ]
    return (
        "\n".join(
            [
                *lines,
                f"\n`make fuzz`: {sum(sum(found.values()) for found in answers.values()):,} requests, each answer as documented.",
            ]
        )
        + "\n"
    )


def _typing(found: dict[str, Any]) -> str:
    """How soon the mask follows the words."""
    lines = ["| picture (px) | median | longest |", "|---|---|---|"]
    lines += [
        f"| {size} | {waits['median_s']} s | {waits['longest_s']} s |"
        for size, waits in found.items()
        if " × " in size
    ]
    command = f"`python benchmarks/measure/typing_words.py {found['run']} --keep`"
    lines.append(
        f"\nFrom the last key to the drawn mask, 0.12 s of it waiting for another key; {found['changes']} changes each. {command}; {_machine(found)}."
    )
    return "\n".join(lines) + "\n"


def _lungs_bars() -> str:
    """The paper's claim on real films in five rows of `lungs_fusions`."""
    found = compare(RESULTS / "lungs_fusions")
    lines = {line.label: line for line in found.lines}
    rows = {
        "no prompt: image only": "image only",
        "prompt not transformed": "early · untouched",
        "**pseudo-image transformed with the image**": found.reference or "",
        "the same, exactly as published": "early · fuse-first · as published",
        "no geometric augmentation": "early · still",
    }
    head = "| when the film is flipped, turned, scaled | mean Dice per image [95 %] | difference |"
    made = [head, "|---|---|---|"]
    for name, label in rows.items():
        line = lines[label]
        mean = line.columns[found.heads.index("Dice a case [95 %]")]
        difference = gap(line.difference) if line.difference else "–"
        made.append(f"| {name} | {mean} | {difference} |")
    n_seeds = lines[found.reference or ""].n_seeds
    return "\n".join([*made, f"\n106 test films, three prompts each; {n_seeds} seeds.\n"])


def _shelf(places: list[Path]) -> str:
    """The pretrained models in one small table: Dice with the right prompt, without, and opposite."""
    made = [
        "| model | test images | right prompt [95 %] | no prompt | opposite prompt |",
        "|---|---|---|---|---|",
    ]
    for place in places:
        words = json.loads(place.read_text())["evidence"]["evaluation"]["words"]
        means = {kind: found["dice_mean"] for kind, found in words.items()}
        made.append(
            f"| `{place.parent.name}` | {words['right']['n']:,} | {with_span(**means['right'])} "
            f"| {means['empty']['mean']:.3f} | {means['contradictory']['mean']:.3f} |"
        )
    return "\n".join([*made, "\nMean Dice per image at the images' own size; one seed each.\n"])


def _helps() -> str:
    """Does text with augmentation help a network beyond augmentation, a set a column?"""
    sets = {"qata": "QaTa-COV19 (subset)", "isic": "ISIC-2016", "kvasir": "Kvasir-SEG"}
    rows = {name: ("networks", f"{name} · {BOTH}", f"{name} · {AUG}") for name in NETWORKS}
    rows |= {
        "`lite`, pretrained, 224 px": ("lite_224", BOTH, AUG),
        "… with a tenth of the images": ("lite_224", BOTH + TENTH, AUG + TENTH),
    }
    lines = [f"| network | {' | '.join(sets.values())} |", "|" + "---|" * (len(sets) + 1)]
    for network, (kind, label, reference) in rows.items():
        lines.append(
            f"| {network} | {' | '.join(_helped(f'{key}_{kind}', label, reference) for key in sets)} |"
        )
    return "\n".join([*lines, "\nIntervals: 95 %, over seeds and cases.\n"])


def _helped(name: str, label: str, reference: str) -> str:
    try:
        found, own = gained(name, label, reference)
    except (MissingFile, KeyError):
        return "not measured yet"
    return f"{gap(found)}, {seeds(len(own))}: {verdict(found, len(own), OURS).removesuffix(' (one seed)')}"


def _limits(found: dict[str, Any]) -> str:
    """How soon the service refuses and stops."""
    lines = ["| what comes | answer | after |", "|---|---|---|"]
    lines += [
        f"| {name} | {one['status']} | {one['seconds']:.3f} s |"
        for name, one in found["refused"].items()
    ]
    stopping = found["stopping"]
    answers = ", ".join(f"{number} × {status}" for status, number in stopping["answers"].items())
    lines.append(
        f"| SIGTERM, {stopping['clients']} clients asking | {answers}; exit {stopping['exit']} | {stopping['seconds']:.3f} s |"
    )
    return (
        "\n".join(
            [
                *lines,
                f"\n`{moved(found['command'])}`; {_machine(found)}, torch {found['torch']}; "
                f"left in the temporary folder: {', '.join(found['left']) or 'nothing'}.",
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    is_true = True
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        is_true &= filled(text) == text
        if "--check" not in sys.argv:
            write_text(page, filled(text))
    sys.exit("--check" in sys.argv and not is_true)
