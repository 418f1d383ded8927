"""docs/evidence.md from the committed results, so that no verdict there is typed: python benchmarks/evidence.py [--check]"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from verdicts import AUG, BOTH, NETWORKS, RESULTS, Found, Look, arms, better, between, beyond, cost, heard, mean_of_sets, silenced

from saywhere.engine.compare import compare, table
from saywhere.errors import MissingFile
from saywhere.io.files import write_text
from saywhere.metrics.statistics import with_span

PAGE = Path(__file__).parent.parent / "docs" / "evidence.md"
HEAD = """# Evidence

What the paper claims (arXiv 2510.12482), what we measured, and what follows. Made by `python benchmarks/evidence.py` from `benchmarks/results`; a test holds
this page to them. *Reproduced*: the 95 % interval of the difference lies above 0. *Not reproduced*: it holds 0. *Contradicted*: it lies below 0.
Of questions: *yes*, *not settled*, *no, worse*. *Heard*: the interval of right minus contradictory words lies above 0 with every seed. *(one seed)*: what
another seed would give is not known, and the interval does not hold it. Two or three seeds are few to resample: where seeds differ more than cases do, such an
interval is too narrow, and the seeds' own numbers (in `benchmarks/results`) are to be looked at. Verdicts are of single claims, not corrected for their number;
the tables below have p values corrected by Holm's method, which ask about the cases and not about the seeds: where one holds 0, a small p is not enough.
On mosaics there are no shuffled words: another mosaic's sentence names another tile three times of four, so another tile's words (the column of contradictory
ones) are the sharper question. Cross-attention reads the encoder's tokens as they are, with a layer norm; what the others have, their sentence vector's scale
and noise, it has not. All sentences are oracle text (computed from the masks), in the test splits too. Nothing here was run at the paper's full size (224 px,
UNet 64–1024, 100 epochs): it takes a GPU.

"""


class Claim(NamedTuple):
    """One of the paper's, or one of its open questions."""

    says: str
    look: Look
    why: str


SETS = {"kvasir": "Kvasir-SEG", "isic": "ISIC-2016", "qata": "QaTa-COV19"}
SINGLE = "image + text + augmentation, neither mosaics nor blank words"
TENTH = ", a tenth of the images"
SMALL = "64 px, width 8, 800 steps."
FUSED = "early · fuse-first"

CLAIMS = (
    Claim("Words that turn with the image beat words left behind (the idea), demo", arms,
          "On phantoms, where without the words nothing can be solved."),
    *(Claim(f"The same, phantoms, {n} training cases", between("learning_phantoms", f"{n} · fuse-first", f"{n} · untouched"), SMALL)
      for n in ("32", "64", "128", "256", "all")),
    *(Claim(f"The same, {shown}, {n} training cases", between(f"learning_{key}", f"{n} · fuse-first", f"{n} · untouched"), SMALL)
      for key, shown in (("kvasir", "Kvasir-SEG"), ("qata", "QaTa-COV19")) for n in ("32", "64", "128", "256", "all")),
    Claim("The same, Kvasir-SEG mosaics", between("mosaic_fusions", FUSED, "early · untouched"), SMALL),
    Claim("The same, Kvasir-SEG", between("kvasir_fusions", FUSED, "early · untouched"), SMALL),
    Claim("The same, QaTa-COV19, 1,000 training images", between("qata_fusions", FUSED, "early · untouched"), SMALL),
    *(Claim(f"Does geometric augmentation pay, with words that turn? phantoms, {n} training cases",
            better("learning_phantoms", f"{n} · fuse-first", f"{n} · still"), "Where images are few." if n == "32" else "")
      for n in ("32", "64", "128", "256", "all")),
    Claim("The same, Kvasir-SEG mosaics", better("mosaic_fusions", FUSED, "early · still"), "In 800 steps; a longer training was not tried."),
    Claim("The same, QaTa-COV19", better("qata_fusions", FUSED, "early · still"), "Films are all upright: turning costs in 800 steps, words or not."),
    Claim("Is turning the words' picture better than exchanging left and right in the sentence? Kvasir-SEG mosaics",
          better("mosaic_fusions", FUSED, "early · swap"), "No word says a free rotation; the picture turns with it."),
    Claim("… and writing the sentence anew from the turned mask", better("mosaic_fusions", FUSED, "early · recaption"), ""),
    Claim("… QaTa-COV19, exchanging", better("qata_fusions", FUSED, "early · swap"), ""),
    Claim("… QaTa-COV19, writing anew", better("qata_fusions", FUSED, "early · recaption"),
          "Written by a rule in the set's own form; the table says how often it is the set's own sentence."),
    *(Claim(f"… phantoms, {n} training cases, exchanging", better("learning_phantoms", f"{n} · fuse-first", f"{n} · swap"), "")
      for n in ("32", "64", "128", "256", "all")),
    *(Claim(f"Early fusion beats fusing late: {name} · {arm}, Kvasir-SEG mosaics", between("mosaic_fusions", FUSED, f"{name} · {arm}"),
            "The rival's best way with augmentation." if arm == "swap" else "No geometric augmentation: the rival's best.")
      for name in ("late-concat", "film", "cross-attention") for arm in ("swap", "still")),
    *(Claim(f"… {name} · {arm}, QaTa-COV19", between("qata_fusions", FUSED, f"{name} · {arm}"), "")
      for name in ("late-concat", "film", "cross-attention") for arm in ("swap", "still")),
    Claim("Words that turn with the image beat no words, equal augmentation, QaTa-COV19", between("qata_fusions", FUSED, "image only"), SMALL),
    Claim("… Kvasir-SEG", between("kvasir_fusions", FUSED, "image only"), SMALL),
    Claim("UNet: text fused early, with augmentation, beats image and augmentation by 3.62 Dice points",
          between("kvasir_unet", BOTH, AUG, claimed=0.0362), "96 px, width 16, Kvasir; equal augmentation in both."),
    Claim("… and by 4.01 points of mIoU (foreground IoU)", between("kvasir_unet", BOTH, AUG, measure="iou", claimed=0.0401), "The same cells, IoU a case."),
    Claim("… at the paper's size: 224 px, width 64, 100 epochs, CXR-BERT", beyond("a GPU and CXR-BERT's weights"), "`configs/paper_*.toml` are ready for it."),
    *(Claim(f"… beside images without flips (the public code's unequal pair): UNet, {shown}",
            between(f"{key}_networks", f"UNet · {BOTH}", f"UNet · {AUG} without flips"),
            "How much of a gain, or of a loss, is the flips': compare with the equal pair below." if key == "kvasir" else "")
      for key, shown in SETS.items()),
    *(Claim(f"It helps any network: {name}, {shown}", between(f"{key}_networks", f"{name} · {BOTH}", f"{name} · {AUG}"), SMALL)
      for key, shown in SETS.items() for name in NETWORKS),
    Claim("It helps any network: a pretrained `lite`", between("kvasir_lite", BOTH, AUG), "One polyp an image: the image nearly says it all."),
    *(Claim(f"The same, single images alone, `lite` at 224 px, {shown}", between(f"{key}_lite_224", SINGLE, AUG),
            "Equal training but for the words." if key == "kvasir" else "")
      for key, shown in SETS.items()),
    *(Claim(f"The same, `lite` at 224 px, {shown}{ending}", between(f"{key}_lite_224", BOTH + ending, AUG + ending),
            "As above; and in equal steps a part goes to mosaics and blank prompts." if (key, ending) == ("kvasir", "") else "")
      for ending in ("", TENTH) for key, shown in SETS.items()),
    Claim("`lite` at 224 px with text passes MedCLIPSeg's mean Dice of 0.887 (six sets, all images)", mean_of_sets(BOTH, SETS, 0.8866),
          "Ours are three of its six sets, QaTa-COV19 a subset, 600 steps; its number is its own, from its README."),
    Claim("… and its 0.811 with a tenth of the images", mean_of_sets(BOTH + TENTH, SETS, 0.8110),
          "As many steps as with all images; a tenth of the subset is 100 films."),
    *(Claim(f"It is computationally efficient: {name}", cost(name),
            "Counted at 224 px; embeddings are kept, so no step calls the encoder." if name == "UNet" else "")
      for name in NETWORKS),
    Claim("Are the words heard? UNet with augmentation", heard("kvasir_unet", BOTH), "Mean Dice does not show it."),
    Claim("Are the words heard? UNet without augmentation", heard("kvasir_unet", "image + text"), ""),
    Claim("Are the words heard? `lite` with words first", heard("kvasir_lite", BOTH), "Projection and generator learn alone first."),
    Claim("Are the words heard? `lite` at 224 px", heard("kvasir_lite_224", BOTH), ""),
    Claim("Are the words heard? Kvasir-SEG mosaics, fuse-first", heard("mosaic_fusions", FUSED), "Contradictory: another tile's words."),
    Claim("Open question: does the L1 term as published force “visualness” on words? The method as published, Kvasir-SEG mosaics",
          silenced("heard_mosaics", "as published"), "Raw embeddings, PyTorch's start, L1 over the frame: black is nearly optimal, and the words fall silent."),
    *(Claim(f"… and with one thing changed: {change}", silenced("heard_mosaics", f"as published, {change}"), "")
      for change in ("no region term", "region term balanced", "start unit-variance", "noise 0.5", "scale within", "scale whiten", "scale standardise")),
    Claim("… and our defaults", silenced("heard_mosaics", "ours"), "Scale within, noise 0.5, start unit-variance, region term balanced."),
    Claim("… and our defaults with the region term as published", silenced("heard_mosaics", "ours, region term as published"), ""),
    *(Claim(f"The same on phantoms: {label}", silenced("heard_phantoms", label), "")
      for label in ("as published", "as published, region term balanced", "as published, no region term", "as published, scale within", "ours",
                    "ours, region term as published")),
    *(Claim(f"… and with our defaults, mosaics of `mosaic_questions`: {change}", silenced("mosaic_questions", change), "")
      for change in ("defaults", "region term as published", "region term: the mask", "region term: the blurred mask", "no region term",
                     "λ from half of the training on", "as published, from half of the training on")),
    *(Claim(f"Open question: {asked} {shown}", better(f"{key}_questions", label, reference), SMALL)
      for asked, label, reference in (
          ("is a box pasted with its words (CutMix) better than one without?", "CutMix with its words", "CutMix without its words"),
          ("is CutMix with its words better than none?", "CutMix with its words", "defaults"),
          ("is colour jitter on the image alone better than one on the pseudo-image too?", "colour jitter", "colour jitter, on the pseudo-image too"),
          ("is blur of the image alone better than of the pseudo-image too?", "blur", "blur, of the pseudo-image too"))
      for key, shown in (("kvasir", "Kvasir-SEG"), ("mosaic", "Kvasir-SEG mosaics"))),
    *(Claim(f"Open question: do 2C channels spoil a pretrained encoder? `{way}` beside the image alone, Kvasir-SEG",
            between("kvasir_filters", way, "image only", ("no, it gains", "yes, it loses", "not settled")),
            "`lite` at 64 px, where its training itself wavers between seeds." if way == "zero" else "")
      for way in ("zero", "scale", "tile", "adapter", "stem")),
    *(Claim(f"… and are the words heard through `{way}`? Kvasir-SEG mosaics", heard("mosaic_filters", way), "")
      for way in ("zero", "scale", "tile", "adapter", "stem")),
    *(Claim(f"Kvasir-SEG 3×3 mosaics: fuse-first beside {label}", better("mosaic3_fusions", FUSED, label), "")
      for label in ("early · untouched", "early · swap", "film · swap", "image only")),
    *(Claim(f"Do words help where the polyps are of another size than those learned from? Learned from {learned}, tested on {asked} ones",
            better(f"kvasir_to_{asked}", f"learned from {learned} · image + text", f"learned from {learned} · image"), why)
      for learned, asked, why in (("large", "small", "The domain changes with the size alone."), ("small", "large", ""))),
    Claim("How much is language? Is the encoder better than a random vector a sentence?", better("kvasir_ablation", "defaults", "random vectors"), SMALL),
    Claim("How much is a leaked position? Is the encoder better than the place as numbers?",
          better("kvasir_ablation", "defaults", "the place as numbers"), SMALL),
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
        return table(compare(RESULTS / name))
    except MissingFile:
        return "No cell is finished yet.\n"


if __name__ == "__main__":
    made = page()
    if "--check" in sys.argv:
        sys.exit(made != PAGE.read_text(encoding="utf-8"))
    write_text(PAGE, made)
