"""docs/evidence.md from the committed results, so that no verdict there is typed: python benchmarks/evidence.py [--check]"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from saywhere.engine.compare import dice_difference, gap, read_results, table, words_gap
from saywhere.errors import MissingFile
from saywhere.io.files import write_text
from saywhere.metrics.statistics import PairedDifference

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "evidence.md"
HEAD = """# Evidence

What the paper claims (arXiv 2510.12482), what we measured, and what follows. Made by `python benchmarks/evidence.py` from `benchmarks/results`; a test holds
this page to them. *Reproduced*: the 95 % interval of the difference lies above 0. *Not reproduced*: it holds 0. *Contradicted*: it lies below 0. All
sentences are oracle text (computed from the masks), in the test splits too. Nothing here was run at the paper's full size (224 px, UNet 64–1024, 100
epochs): it takes a GPU.

"""


class Found(NamedTuple):
    """What was measured, and what it means for the claim."""

    measured: str
    verdict: str


class Claim(NamedTuple):
    """One of the paper's, or one of its open questions."""

    says: str
    look: Callable[[], Found]
    why: str


def _verdict(found: PairedDifference, n_seeds: int) -> str:
    verdict = "reproduced" if found.low > 0 else "contradicted" if found.high < 0 else "not reproduced"
    return verdict if n_seeds > 1 else f"{verdict} (one seed)"


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n > 1 else ''}"


def _between(name: str, label: str, reference: str) -> Callable[[], Found]:
    """Dice with right words: a label's cells minus the reference's."""

    def look() -> Found:
        _, results = read_results(RESULTS / name)
        found = dice_difference(results[label], results[reference])
        seeds = min(len(results[label]), len(results[reference]))
        return Found(f"{gap(found)} Dice, {_seeds(seeds)}, `{name}`", _verdict(found, seeds))

    return look


def _heard(name: str, label: str) -> Callable[[], Found]:
    """Right minus contradictory words, of one label's cells."""

    def look() -> Found:
        _, results = read_results(RESULTS / name)
        found = words_gap(results[label], "contradictory")
        return Found(f"right − contradictory {gap(found)} Dice, {_seeds(len(results[label]))}, `{name}`", "heard" if found.low > 0 else "not heard")

    return look


def _arms() -> Found:
    """The demo's three short runs: intervals of two independent means that do not touch."""
    rows = {row["label"]: row["dice_mean"] for row in _demo("phantoms")["comparison"]["rows"]}
    turned, behind = rows["words turned with the image (the paper)"], rows["words left behind"]
    shown = " · ".join(f"{label} {dice['mean']:.3f} [{dice['low']:.3f}, {dice['high']:.3f}]" for label, dice in rows.items())
    return Found(f"{shown}; one seed, `demo_phantoms`", "reproduced" if turned["low"] > behind["high"] else "not reproduced")


def _spread(label: str) -> Callable[[], Found]:
    """Is a pseudo-image alive, and are its words heard?"""

    def look() -> Found:
        _, results = read_results(RESULTS / "phantoms_heard")
        found = words_gap(results[label], "contradictory")
        spread = sum(cell["spread"] for cell in results[label]) / len(results[label])
        verdict = "it silences the words" if found.low <= 0 else "it does not silence them here"
        return Found(f"{label}: spread {spread:.4f}, right − contradictory {gap(found)}, {_seeds(len(results[label]))}, `phantoms_heard`", verdict)

    return look


def _nothing() -> Found:
    return Found("–", "not testable here yet")


BOTH, AUG = "image + text + augmentation", "image + augmentation"
NETWORKS = ("UNet", "UNet++", "TransUNet", "MISSFormer")
SETS = {"kvasir": "Kvasir-SEG", "isic": "ISIC-2016", "qata": "QaTa-COV19"}
SMALL = "64 px, width 8, 800 steps."
FUSED = "early · fuse-first"

CLAIMS = (
    Claim("Words that turn with the image beat words left behind (the idea), demo", _arms,
          "On phantoms, where without the words nothing can be solved."),
    *(Claim(f"The same, phantoms, {n} training images", _between("learning_phantoms", f"{n} · fuse-first", f"{n} · untouched"), SMALL)
      for n in ("32", "64", "128", "256", "all")),
    Claim("The same, Kvasir-SEG mosaics", _between("mosaic_fusions", FUSED, "early · untouched"), SMALL),
    Claim("The same, Kvasir-SEG", _between("kvasir_fusions", FUSED, "early · untouched"), SMALL),
    *(Claim(f"With words that turn, geometric augmentation pays: phantoms, {n} training images",
            _between("learning_phantoms", f"{n} · fuse-first", f"{n} · still"), "Where images are few." if n == "32" else "")
      for n in ("32", "64", "128", "256", "all")),
    Claim("The same, Kvasir-SEG mosaics", _between("mosaic_fusions", FUSED, "early · still"), "In 800 steps; a longer training was not tried."),
    Claim("Turning the words' picture beats exchanging left and right in the sentence, Kvasir-SEG mosaics",
          _between("mosaic_fusions", FUSED, "early · swap"), "No word says a free rotation; the picture turns with it."),
    Claim("… and writing the sentence anew from the turned mask", _between("mosaic_fusions", FUSED, "early · recaption"), ""),
    *(Claim(f"… phantoms, {n} training images, exchanging", _between("learning_phantoms", f"{n} · fuse-first", f"{n} · swap"), "")
      for n in ("32", "64", "128", "256", "all")),
    *(Claim(f"Early fusion beats fusing late: {name}, Kvasir-SEG mosaics", _between("mosaic_fusions", FUSED, f"{name} · {arm}"),
            "The rival's best way with augmentation." if arm == "swap" else "No geometric augmentation: the rival's best.")
      for name in ("late-concat", "film", "cross-attention") for arm in ("swap", "still")),
    Claim("UNet: text fused early, with augmentation, beats image and augmentation by 3.62 Dice points",
          _between("kvasir_unet", BOTH, AUG), "96 px, width 16, Kvasir; equal augmentation in both."),
    *(Claim(f"It helps any network: {name}, {shown}", _between(f"{key}_networks", f"{name} · {BOTH}", f"{name} · {AUG}"), SMALL)
      for key, shown in SETS.items() for name in NETWORKS),
    Claim("It helps any network: a pretrained `lite`", _between("kvasir_lite", BOTH, AUG), "One polyp an image: the image nearly says it all."),
    Claim("The same, `lite` at 224 px", _between("kvasir_lite_224", BOTH, AUG), "As above; and in equal steps a part goes to mosaics and blank prompts."),
    Claim("Are the words heard? UNet with augmentation", _heard("kvasir_unet", BOTH), "Mean Dice does not show it."),
    Claim("Are the words heard? UNet without augmentation", _heard("kvasir_unet", "image + text"), ""),
    Claim("Are the words heard? `lite` with words first", _heard("kvasir_lite", BOTH), "Projection and generator learn alone first."),
    Claim("Are the words heard? `lite` at 224 px", _heard("kvasir_lite_224", BOTH), ""),
    Claim("Are the words heard? Kvasir-SEG mosaics, fuse-first", _heard("mosaic_fusions", FUSED), "Contradictory: another tile's words."),
    Claim("Open question: does the L1 term as published force “visualness” on words?", _spread("region term as published"),
          "A small region makes black nearly optimal; how far it goes depends on scale and start of the generator."),
    Claim("The method as published (region term, raw embeddings, PyTorch's start)", _spread("as published: region term, scale none, start PyTorch's"), ""),
    Claim("Open question: a box pasted with its words (CutMix) against one without",
          _between("kvasir_questions", "CutMix with its words", "CutMix without its words"), SMALL),
    Claim("Open question: colour jitter on the image alone against one on the pseudo-image too",
          _between("kvasir_questions", "colour jitter", "colour jitter, on the pseudo-image too"), SMALL),
    Claim("How much is language? The encoder against a random vector a sentence", _between("kvasir_ablation", "defaults", "random vectors"), SMALL),
    Claim("How much is a leaked position? The encoder against the place as numbers", _between("kvasir_ablation", "defaults", "the place as numbers"), SMALL),
)  # fmt: skip


def page() -> str:
    """The whole of docs/evidence.md."""
    lines = [HEAD, "| claim | measured | verdict | why |", "|---|---|---|---|"]
    for claim in CLAIMS:
        try:
            found = claim.look()
        except (MissingFile, KeyError):
            found = Found("–", "not measured yet")
        lines.append(f"| {claim.says} | {found.measured} | {found.verdict} | {claim.why} |")
    tables = sorted(place.parent.name for place in RESULTS.glob("*/table.json"))
    return "\n".join([lines[0].rstrip("\n"), "", *lines[1:], "", *(f"## `{name}`\n\n{_table(name)}" for name in tables)])


def _table(name: str) -> str:
    try:
        return table(RESULTS / name)
    except MissingFile:
        return "No cell is finished yet.\n"


def _demo(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"demo_{name}.json").read_text())
    return found


if __name__ == "__main__":
    made = page()
    if "--check" in sys.argv:
        sys.exit(made != PAGE.read_text(encoding="utf-8"))
    write_text(PAGE, made)
