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
from saywhere.metrics.statistics import PairedDifference, with_span

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "evidence.md"
HEAD = """# Evidence

What the paper claims (arXiv 2510.12482), what we measured, and what follows. Made by `python benchmarks/evidence.py` from `benchmarks/results`; a test holds
this page to them. *Reproduced*: the 95 % interval of the difference lies above 0. *Not reproduced*: it holds 0. *Contradicted*: it lies below 0.
Of questions: *yes*, *not settled*, *no, worse*. All sentences are oracle text (computed from the masks), in the test splits too. Nothing here was run at
the paper's full size (224 px, UNet 64–1024, 100 epochs): it takes a GPU.

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


PAPERS = ("reproduced", "contradicted", "not reproduced")  # of a claim of the paper
OURS = ("yes", "no, worse", "not settled")  # of a question that it leaves, or that we ask


def _verdict(found: PairedDifference, n_seeds: int, verdicts: tuple[str, str, str]) -> str:
    verdict = verdicts[0] if found.low > 0 else verdicts[1] if found.high < 0 else verdicts[2]
    return verdict if n_seeds > 1 else f"{verdict} (one seed)"


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n > 1 else ''}"


def _between(name: str, label: str, reference: str, verdicts: tuple[str, str, str] = PAPERS) -> Callable[[], Found]:
    """Dice with right words: a label's cells minus the reference's."""

    def look() -> Found:
        _, results = read_results(RESULTS / name)
        found = dice_difference(results[label], results[reference])
        seeds = min(len(results[label]), len(results[reference]))
        return Found(f"{gap(found)} Dice, {_seeds(seeds)}, `{name}`", _verdict(found, seeds, verdicts))

    return look


def _better(name: str, label: str, reference: str) -> Callable[[], Found]:
    """The same of a question."""
    return _between(name, label, reference, OURS)


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
    shown = " · ".join(f"{label} {with_span(**dice)}" for label, dice in rows.items())
    return Found(f"{shown}; one seed, `demo_phantoms`", "reproduced" if turned["low"] > behind["high"] else "not reproduced")


def _spread(table: str, label: str) -> Callable[[], Found]:
    """Is a pseudo-image alive, and are its words heard?"""

    def look() -> Found:
        _, results = read_results(RESULTS / table)
        found = words_gap(results[label], "contradictory")
        spread = sum(cell["spread"] for cell in results[label]) / len(results[label])
        verdict = "it silences the words" if found.low <= 0 else "it does not silence them here"
        return Found(f"{label}: spread {spread:.4f}, right − contradictory {gap(found)}, {_seeds(len(results[label]))}, `{table}`", verdict)

    return look


def _three_sets(ending: str, mark: float) -> Callable[[], Found]:
    """`lite` at 224 px with text: the mean over the sets of the mean Dice, beside a rival's mean over six sets."""

    def look() -> Found:
        cells = {key: read_results(RESULTS / f"{key}_lite_224")[1][BOTH + ending] for key in SETS}
        dice = {key: sum(cell["summary"]["words"]["right"]["dice_mean"]["mean"] for cell in found) / len(found) for key, found in cells.items()}
        mean = sum(dice.values()) / len(dice)
        shown = " · ".join(f"{SETS[key]} {value:.3f}" for key, value in dice.items())
        seeds = min(map(len, cells.values()))
        verdict = "above it" if mean > mark else "below it"
        return Found(f"{mean:.3f} ({shown}), {_seeds(seeds)}, `*_lite_224`", verdict if seeds > 1 else f"{verdict} (one seed)")

    return look


BOTH, AUG = "image + text + augmentation", "image + augmentation"
NETWORKS = ("UNet", "UNet++", "TransUNet", "MISSFormer")
SETS = {"kvasir": "Kvasir-SEG", "isic": "ISIC-2016", "qata": "QaTa-COV19"}
TENTH = ", a tenth of the images"
SMALL = "64 px, width 8, 800 steps."
FUSED = "early · fuse-first"

CLAIMS = (
    Claim("Words that turn with the image beat words left behind (the idea), demo", _arms,
          "On phantoms, where without the words nothing can be solved."),
    *(Claim(f"The same, phantoms, {n} training images", _between("learning_phantoms", f"{n} · fuse-first", f"{n} · untouched"), SMALL)
      for n in ("32", "64", "128", "256", "all")),
    Claim("The same, Kvasir-SEG mosaics", _between("mosaic_fusions", FUSED, "early · untouched"), SMALL),
    Claim("The same, Kvasir-SEG", _between("kvasir_fusions", FUSED, "early · untouched"), SMALL),
    Claim("The same, QaTa-COV19, 1,000 training images", _between("qata_fusions", FUSED, "early · untouched"), SMALL),
    *(Claim(f"Does geometric augmentation pay, with words that turn? phantoms, {n} training images",
            _better("learning_phantoms", f"{n} · fuse-first", f"{n} · still"), "Where images are few." if n == "32" else "")
      for n in ("32", "64", "128", "256", "all")),
    Claim("The same, Kvasir-SEG mosaics", _better("mosaic_fusions", FUSED, "early · still"), "In 800 steps; a longer training was not tried."),
    Claim("The same, QaTa-COV19", _better("qata_fusions", FUSED, "early · still"), "Films are all upright: turning costs in 800 steps, words or not."),
    Claim("Is turning the words' picture better than exchanging left and right in the sentence? Kvasir-SEG mosaics",
          _better("mosaic_fusions", FUSED, "early · swap"), "No word says a free rotation; the picture turns with it."),
    Claim("… and writing the sentence anew from the turned mask", _better("mosaic_fusions", FUSED, "early · recaption"), ""),
    Claim("… QaTa-COV19, exchanging", _better("qata_fusions", FUSED, "early · swap"), ""),
    Claim("… QaTa-COV19, writing anew", _better("qata_fusions", FUSED, "early · recaption"),
          "The rule's sentences are not the set's: what is written anew in training is not what is said in the test."),
    *(Claim(f"… phantoms, {n} training images, exchanging", _better("learning_phantoms", f"{n} · fuse-first", f"{n} · swap"), "")
      for n in ("32", "64", "128", "256", "all")),
    *(Claim(f"Early fusion beats fusing late: {name}, Kvasir-SEG mosaics", _between("mosaic_fusions", FUSED, f"{name} · {arm}"),
            "The rival's best way with augmentation." if arm == "swap" else "No geometric augmentation: the rival's best.")
      for name in ("late-concat", "film", "cross-attention") for arm in ("swap", "still")),
    *(Claim(f"… {name} · {arm}, QaTa-COV19", _between("qata_fusions", FUSED, f"{name} · {arm}"), "")
      for name in ("late-concat", "film", "cross-attention") for arm in ("swap", "still")),
    Claim("Words that turn with the image beat no words, equal augmentation, QaTa-COV19", _between("qata_fusions", FUSED, "image only"), SMALL),
    Claim("… Kvasir-SEG", _between("kvasir_fusions", FUSED, "image only"), SMALL),
    Claim("UNet: text fused early, with augmentation, beats image and augmentation by 3.62 Dice points",
          _between("kvasir_unet", BOTH, AUG), "96 px, width 16, Kvasir; equal augmentation in both."),
    *(Claim(f"It helps any network: {name}, {shown}", _between(f"{key}_networks", f"{name} · {BOTH}", f"{name} · {AUG}"), SMALL)
      for key, shown in SETS.items() for name in NETWORKS),
    Claim("It helps any network: a pretrained `lite`", _between("kvasir_lite", BOTH, AUG), "One polyp an image: the image nearly says it all."),
    *(Claim(f"The same, `lite` at 224 px, {shown}{ending}", _between(f"{key}_lite_224", BOTH + ending, AUG + ending),
            "As above; and in equal steps a part goes to mosaics and blank prompts." if (key, ending) == ("kvasir", "") else "")
      for ending in ("", TENTH) for key, shown in SETS.items()),
    Claim("`lite` at 224 px with text passes MedCLIPSeg's mean Dice of 0.887 (six sets, all images)", _three_sets("", 0.8866),
          "Ours are three of its six sets, QaTa-COV19 a subset, 600 steps; its number is its own, from its README."),
    Claim("… and its 0.811 with a tenth of the images", _three_sets(TENTH, 0.8110), "As many steps as with all images; a tenth of the subset is 100 films."),
    Claim("Are the words heard? UNet with augmentation", _heard("kvasir_unet", BOTH), "Mean Dice does not show it."),
    Claim("Are the words heard? UNet without augmentation", _heard("kvasir_unet", "image + text"), ""),
    Claim("Are the words heard? `lite` with words first", _heard("kvasir_lite", BOTH), "Projection and generator learn alone first."),
    Claim("Are the words heard? `lite` at 224 px", _heard("kvasir_lite_224", BOTH), ""),
    Claim("Are the words heard? Kvasir-SEG mosaics, fuse-first", _heard("mosaic_fusions", FUSED), "Contradictory: another tile's words."),
    Claim("Open question: does the L1 term as published force “visualness” on words? The method as published, Kvasir-SEG mosaics",
          _spread("heard_mosaics", "as published"), "Raw embeddings, PyTorch's start, L1 over the frame: black is nearly optimal, and the words fall silent."),
    *(Claim(f"… and with one thing changed: {change}", _spread("heard_mosaics", f"as published, {change}"), "")
      for change in ("no region term", "region term balanced", "start unit-variance", "noise 0.5", "scale within", "scale whiten", "scale standardise")),
    Claim("… and our defaults", _spread("heard_mosaics", "ours"), "Scale within, noise 0.5, start unit-variance, region term balanced."),
    Claim("… and our defaults with the region term as published", _spread("heard_mosaics", "ours, region term as published"), ""),
    Claim("The same on phantoms, as published, UNet of width 16", _spread("phantoms_heard", "as published: region term, scale none, start PyTorch's"),
          "What is silenced where the words are hard to learn need not be where they are easy."),
    Claim("Open question: is a box pasted with its words (CutMix) better than one without?",
          _better("kvasir_questions", "CutMix with its words", "CutMix without its words"), SMALL),
    Claim("Open question: is colour jitter on the image alone better than one on the pseudo-image too?",
          _better("kvasir_questions", "colour jitter", "colour jitter, on the pseudo-image too"), SMALL),
    *(Claim(f"Do words help where the polyps are of another size than those learned from? Learned from {learned}, tested on {asked} ones",
            _better(f"kvasir_to_{asked}", f"learned from {learned} · image + text", f"learned from {learned} · image"), why)
      for learned, asked, why in (("large", "small", "The domain changes with the size alone."), ("small", "large", ""))),
    Claim("How much is language? Is the encoder better than a random vector a sentence?", _better("kvasir_ablation", "defaults", "random vectors"), SMALL),
    Claim("How much is a leaked position? Is the encoder better than the place as numbers?",
          _better("kvasir_ablation", "defaults", "the place as numbers"), SMALL),
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
    return "\n".join([lines[0].rstrip("\n"), "", *lines[1:], "", *_turning(), *(f"## `{name}`\n\n{_table(name)}" for name in tables)])


def _turning() -> list[str]:
    """What benchmarks/turning.py measured: whether masks turn with their images, and whether a pseudo-image says where."""
    place = RESULTS / "turning.json"
    if not place.is_file():
        return []
    found = json.loads(place.read_text())
    ways = list(next(iter(found["agreement"].values())))
    dice = " · ".join(f"{name.replace('none', 'image only')} {with_span(**interval)}" for name, interval in found["dice"].items())
    return [
        "## Do masks turn with their images?\n",
        f"Agreement (Dice) of the mask of the turned image with the turned mask, {found['n']} test phantoms, one seed "
        "[95 % over cases]; 1 is perfect. The sentence is not changed: only early fusion can bring the words' "
        "picture along. Two empty masks agree, so read it beside the Dice of the images as they are, with "
        f"right words: {dice}. Every rival was trained with left and right exchanged as the image turned. Made by `{found['command']}`.\n",
        "![Agreement of masks under flips, rotations and scales, for every fusion](images/turning.png)\n",
        f"| transform | {' | '.join(ways)} |",
        "|---" * (len(ways) + 1) + "|",
        *(f"| {name} | {' | '.join(with_span(**row[way]) for way in ways)} |" for name, row in found["agreement"].items()),
        "",
        "## Does a pseudo-image say where?\n",
        "How well it tells the region of its words from the rest, each prompt set: before training, trained alone, and after the joint training of the run "
        "above.\n",
        "![Pseudo-images of test prompts beside their masks](images/pseudo_images.png)\n",
        "| prompts | pseudo-image | AUC [95 %] | Dice at the best threshold | spread |",
        "|---|---|---|---|---|",
        *(
            f"| {level} | {stage} | {with_span(**one['auc'])} | {with_span(**one['dice'])} | {one['spread']:.3f} |"
            for level, stages in found["prompt_sets"].items()
            for stage, one in stages.items()
        ),
        "",
    ]


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
