"""docs/evidence.md from the committed results, so that no verdict there is typed: python benchmarks/pages/evidence.py [--check]"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from claims import TOPICS, Claim, Topic
from verdicts import RESULTS, Found, results_of

from saywhere.errors import MissingFile
from saywhere.experiments.compare import compare, table
from saywhere.experiments.frozen import tables_in
from saywhere.experiments.moved import moved
from saywhere.io.files import write_text
from saywhere.metrics.statistics import with_span

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
HEAD = """# Evidence

What the paper claims (arXiv 2510.12482), what we measured, and what follows. Made by `python
benchmarks/pages/evidence.py` from `benchmarks/results`; a test holds this page to them. Nothing
here was run at the paper's full size (224 px, UNet 64–1024, 100 epochs): it takes a GPU. Nor with
its text encoder: CXR-BERT's weights could not be had here, and MiniLM (384 numbers a sentence)
stands in its place in every table, in rows called “as published” too (but for the two rows of
`kvasir_ablation` that name other vectors).

## How to read it

- *Reproduced*: the 95 % interval of the difference lies above 0. *Not reproduced*: it holds 0. *Contradicted*: it lies below 0. Of questions: *yes*, *not
  settled*, *no, worse*. *Heard*: right minus contradictory words lies above 0 with every seed.
- *(one seed)*: what another seed would give is not known, and the interval does not hold it.
- *(seeds differ)*: the bootstrap over seeds and cases is sure of a side, but the seeds disagree so much that a t interval for other seeds (Hillis 2007,
  doi:10.1002/sim.2532, seeds for readers) holds 0: read it as likely, not as shown. Each seed's own difference stands behind the interval, in parentheses.
  {coverage}
- Verdicts are of single claims, not corrected for their number. The tables at the end have p values corrected by Holm's method, which ask about the cases and
  not about the seeds: where one holds 0, a small p is not enough.
- On mosaics there are no shuffled words: another mosaic's sentence names another tile three times of four, so another tile's words (the column of contradictory
  ones) are the sharper question.
- Cross-attention reads the encoder's tokens as they are, with a layer norm; what the others have, their sentence vector's scale and noise, it has not.
- All sentences are oracle text (computed from the masks), in the test splits too.
- The cells of a table have equal settings, and not always equal code: they were run over weeks, and each file names its commit (the oldest do not). Two
  versions moved a run of 800 steps by as much as this: {again}.

"""


def page() -> str:
    """The whole of docs/evidence.md."""
    found = {topic: [_found(claim) for claim in topic.claims] for topic in TOPICS}
    tables = tables_in(RESULTS)
    parts = [_in_short(found), *(_topic(topic, rows) for topic, rows in found.items()), *_turning()]
    return HEAD.format(coverage=_coverage(), again=_again()) + "\n".join(
        [*parts, *(f"## `{name}`\n\n{_table(name)}" for name in tables)]
    )


def _found(claim: Claim) -> Found:
    try:
        return claim.look()
    except (MissingFile, KeyError):
        return Found("–", "not measured yet")


def _in_short(found: dict[Topic, list[Found]]) -> str:
    """Each question with how often each verdict was given."""
    lines = ["## In short", "", "| question | verdicts |", "|---|---|"]
    for topic, rows in found.items():
        given = Counter(_kind(row.verdict) for row in rows)
        lines.append(
            f"| [{topic.asks}](#{_anchor(topic.asks)}) | {' · '.join(f'{name} {n}' for name, n in given.most_common())} |"
        )
    verdicts = [row.verdict for rows in found.values() for row in rows]
    single, differ = (
        sum(how in verdict for verdict in verdicts) for how in ("(one seed)", "(seeds differ)")
    )
    return "\n".join(
        [
            *lines,
            "",
            f"Of {len(verdicts)} rows, {single} have one seed, and in {differ} the seeds differ too much to be sure.",
            "",
        ]
    )


def _coverage() -> str:
    """What benchmarks/measure/coverage.py measured, of the hardest case."""
    found = json.loads((RESULTS / "coverage.json").read_text())
    hardest = {
        n: max((row for row in found["rows"] if row["n_seeds"] == n), key=lambda row: row["seeds"])
        for n in (2, 3)
    }
    bootstrap, either = (
        f"{100 * hardest[3][how]:.0f} % ({100 * hardest[2][how]:.0f} % with two)"
        for how in ("bootstrap", "either")
    )
    return (
        f"In {found['n_tables']:,} simulated tables of {found['n_cases']} cases and three seeds, which vary by {hardest[3]['seeds']} Dice, the bootstrap alone "
        f"held the truth in {bootstrap}, not in 95 %; it or the t interval did in {either} (`{moved(found['command'])}`)."
    )


def _again() -> str:
    """One configuration and seed that two tables hold, run by two versions of the code."""
    cells = [
        (name, results_of(name)[label][0])
        for name, label in (
            ("kvasir_fusions", "early · fuse-first"),
            ("kvasir_ablation", "defaults"),
        )
    ]
    dice = [
        f"{cell['summary']['words']['right']['dice_mean']['mean']:.3f} in `{name}`"
        for name, cell in cells
    ]
    return f"one configuration with seed {cells[0][1]['seed']} gave {' and '.join(dice)}"


def _kind(verdict: str) -> str:
    """A verdict without what is said of its figure or its seeds."""
    return re.sub(
        r" with \d+ of \d+ seeds$", " with some of its seeds", re.split(r" \(|[;:]", verdict)[0]
    )


def _anchor(heading: str) -> str:
    """As GitHub and MkDocs name a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _topic(topic: Topic, rows: list[Found]) -> str:
    lines = [
        f"## {topic.asks}",
        "",
        topic.about,
        "",
        "| where | measured | verdict | to know |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {claim.case} | {row.measured} | {row.verdict} | {claim.note} |"
        for claim, row in zip(topic.claims, rows)
    ]
    return "\n".join([*lines, ""])


def _turning() -> list[str]:
    """What benchmarks/measure/turning.py measured: whether masks turn with their images, and whether a pseudo-image says where."""
    place = RESULTS / "turning.json"
    if not place.is_file():
        return []
    found = json.loads(place.read_text())
    ways = list(next(iter(found["agreement"].values())))
    dice = " · ".join(
        f"{name.replace('none', 'image only')} {with_span(**interval)}"
        for name, interval in found["dice"].items()
    )
    return [
        "## Do masks turn with their images?\n",
        f"Agreement (Dice) of the mask of the turned image with the turned mask, {found['n']} test phantoms, one seed "
        "[95 % over cases]; 1 is perfect. The sentence is not changed: only early fusion can bring the words' "
        "picture along. Two empty masks agree, so read it beside the Dice of the images as they are, with "
        f"right words: {dice}. Every rival was trained with left and right exchanged as the image turned. Made by `{moved(found['command'])}`.\n",
        "![Agreement of masks under flips, rotations and scales, for every fusion](images/turning.png)\n",
        f"| transform | {' | '.join(ways)} |",
        "|---" * (len(ways) + 1) + "|",
        *(
            f"| {name} | {' | '.join(with_span(**row[way]) for way in ways)} |"
            for name, row in found["agreement"].items()
        ),
        "",
        "## Does a pseudo-image say where?\n",
        "How well it tells the region of its words from the rest, each prompt set: before training, trained alone, and after the joint training of the run "
        "above.\n",
        "![Pseudo-images of test prompts beside their masks](images/pseudo_images.png)\n",
        "| prompts | pseudo-image | AUC [95 %] | Dice at the best threshold | spread |",
        "|---|---|---|---|---|",
        *(
            f"| {level} | {stage} | {with_span(**one['auc'])} | {with_span(**one['dice'])} | {one['spread']:.3f} |"
            for level, stages in _distinct(found["prompt_sets"]).items()
            for stage, one in stages.items()
        ),
        "",
    ]


def _distinct(levels: dict[str, Any]) -> dict[str, Any]:
    """Prompt sets that say the same of the test split as one row each: what is equal to the digit was not measured twice."""
    named: dict[str, list[str]] = {}
    for level, stages in levels.items():
        named.setdefault(json.dumps(stages), []).append(level)
    return {
        f"{' and '.join(names)}{' (equal sentences)' if len(names) > 1 else ''}": json.loads(stages)
        for stages, names in named.items()
    }


def _table(name: str) -> str:
    try:
        return table(compare(RESULTS / name))
    except MissingFile:
        return "No cell is finished yet.\n"


if __name__ == "__main__":
    made = page()
    if "--check" in sys.argv:
        sys.exit(made != PAGE.read_text(encoding="utf-8"))
    write_text(PAGE, made)
