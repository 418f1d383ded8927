"""The paper's claims and open questions, and ours, by topic: which committed cells answer each.

`question_tables.py` makes the pages' tables of them. Long because it is a list of questions.
"""

from __future__ import annotations

from typing import NamedTuple

from verdicts import (
    AUG,
    BOTH,
    NETWORKS,
    TENTH,
    Look,
    alive,
    arms,
    better,
    between,
    beyond,
    cost,
    heard,
    mean_of_sets,
    silenced,
)


class Claim(NamedTuple):
    """One row: where it is asked, what answers, and what to know of the answer."""

    case: str
    look: Look
    note: str = ""


class Topic(NamedTuple):
    """Rows that answer one question."""

    asks: str
    about: str
    claims: tuple[Claim, ...]


SETS = {"kvasir": "Kvasir-SEG", "isic": "ISIC-2016", "qata": "QaTa-COV19"}
LEARNING = {"phantoms": "Phantoms", "kvasir": "Kvasir-SEG", "qata": "QaTa-COV19"}
NUMBERS = ("32", "64", "128", "256", "all")
FILMS = ("32 films", "64 films", "128 films", "399 films")
LUNGS = "Lungs (chest films)"
DECIDED = "Three prompts a film: the image alone cannot tell which lung is meant."
LATE = ("late-concat", "film", "cross-attention")
WAYS = ("zero", "scale", "tile", "adapter", "stem")  # of network.first_filters
MOSAICS = "Kvasir-SEG mosaics"
FUSED_ON = {"lungs": LUNGS, "mosaic": MOSAICS, "kvasir": "Kvasir-SEG", "qata": "QaTa-COV19"}
"""A set's key in `KEY_fusions` → what it is called."""
RECIPE = "image + text + augmentation, our recipe"
FUSED = "early · fuse-first"
SMALL = "64 px, width 8, 800 steps of 8."


def _curve(policy: str) -> tuple[Claim, ...]:
    """Fuse-first beside another prompt policy at each number of training cases.

    Beside "untouched" or no prompt it is a claim of the paper, else a question of ours.
    """
    compared = between if policy in ("untouched", "image only") else better
    films = tuple(
        Claim(
            f"{LUNGS}, {n}",
            compared("learning_lungs", f"{n} · fuse-first", f"{n} · {policy}"),
            DECIDED if n == FILMS[-1] else "",
        )
        for n in FILMS
    )
    return films + tuple(
        Claim(
            f"{shown}, {n} training cases",
            compared(f"learning_{key}", f"{n} · fuse-first", f"{n} · {policy}"),
        )
        for key, shown in LEARNING.items()
        for n in NUMBERS
    )


TURNED = Topic(
    "Does a pseudo-image that is transformed with the image beat a prompt that is not?",
    "The paper's idea is to fuse first, so that the pseudo-image is transformed with the image "
    "(`fuse-first`). Others transform image and mask and leave the prompt as it was (`untouched`). "
    f"{SMALL}",
    (
        *_curve("untouched"),
        Claim(
            f"{LUNGS}, prompts in the patient's frame",
            between("lungs_patient", FUSED, "early · untouched"),
        ),
        Claim(
            "Phantoms, the demo",
            arms,
            "Three short runs; without the prompt nothing can be solved there.",
        ),
        Claim(MOSAICS, between("mosaic_fusions", FUSED, "early · untouched")),
        Claim(
            "Kvasir-SEG",
            between("kvasir_fusions", FUSED, "early · untouched"),
            "One polyp an image: the image nearly says it all.",
        ),
        Claim("Kvasir-SEG, 3,200 steps", between("kvasir_longer", FUSED, "early · untouched")),
        Claim(
            "QaTa-COV19, 1,000 training images", between("qata_fusions", FUSED, "early · untouched")
        ),
    ),
)
PAYS = Topic(
    "Does geometric augmentation pay at all, with fuse-first?",
    "`fuse-first` beside `still` (no geometric augmentation), which the paper does not ask. "
    f"{SMALL}",
    (
        *_curve("still"),
        Claim(MOSAICS, better("mosaic_fusions", FUSED, "early · still")),
        Claim("Kvasir-SEG", better("kvasir_fusions", FUSED, "early · still")),
        Claim("Kvasir-SEG, 3,200 steps", better("kvasir_longer", FUSED, "early · still")),
        Claim(
            "Kvasir-SEG, 3,200 steps, no prompt",
            better("kvasir_longer", "image only", "image only · still"),
            "The augmentation alone, of images without a prompt.",
        ),
        Claim(
            "QaTa-COV19",
            better("qata_fusions", FUSED, "early · still"),
            "Films are all upright: turning costs in 800 steps, with a prompt or not.",
        ),
    ),
)
REWORDED = Topic(
    "Is transforming the pseudo-image better than changing the prompt?",
    "The direct rivals exchange left and right, upper and lower as the image is flipped (`swap`), "
    "or write the sentence anew from the transformed mask by the set's own rule (`recaption`; the "
    "tables say how often it gives the set's own sentence). No word says a free rotation. "
    f"{SMALL}",
    (
        *(
            Claim(f"{shown}, {done}", better(f"{key}_fusions", FUSED, f"early · {arm}"))
            for key, shown in FUSED_ON.items()
            for arm, done in (("swap", "exchanging"), ("recaption", "writing anew"))
        ),
        *_curve("swap"),
    ),
)
EARLY = Topic(
    "Does fusing early beat fusing late?",
    "`early · fuse-first` beside the sentence vector at the bottleneck (`late-concat`), scale and "
    "shift in every decoder stage (`film`) and tokens at two scales (`cross-attention`). Each has "
    "its prompt exchanged as the image turns (`swap`), or no geometric augmentation (`still`). "
    f"{SMALL}",
    tuple(
        Claim(f"{name} · {arm}, {shown}", between(f"{key}_fusions", FUSED, f"{name} · {arm}"))
        for key, shown in FUSED_ON.items()
        for name in LATE
        for arm in ("swap", "still")
    ),
)
WORDS = Topic(
    "Does a prompt help beyond the image?",
    "The paper: UNet gains 3.62 Dice points and 4.01 points of mIoU (foreground IoU) by text fused "
    "early, with augmentation. Beside image and augmentation alone, both with equal augmentation "
    "unless said.",
    (
        Claim(
            "UNet, Kvasir-SEG, Dice",
            between("kvasir_unet", BOTH, AUG, claimed=0.0362),
            "96 px, width 16.",
        ),
        Claim(
            "UNet, Kvasir-SEG, mIoU",
            between("kvasir_unet", BOTH, AUG, measure="iou", claimed=0.0401),
            "The same cells, IoU per image.",
        ),
        Claim(
            "At the paper's size: 224 px, width 64, 100 epochs, CXR-BERT",
            beyond("a GPU and CXR-BERT's weights"),
            "`configs/paper_*.toml` are ready for it.",
        ),
        Claim(
            "UNet with our defaults, QaTa-COV19",
            between("qata_fusions", FUSED, "image only"),
            "64 px, width 8.",
        ),
        Claim(
            "UNet with our defaults, Kvasir-SEG",
            between("kvasir_fusions", FUSED, "image only"),
            "64 px, width 8.",
        ),
        Claim(
            "UNet with our defaults, Kvasir-SEG, 3,200 steps",
            between("kvasir_longer", FUSED, "image only"),
            "64 px, width 8.",
        ),
        *_curve("image only"),
        *(
            Claim(
                f"UNet, {shown}, beside images without flips",
                between(f"{key}_networks", f"UNet · {BOTH}", f"UNet · {AUG} without flips"),
                "The public code's unequal pair: how much of a gain, or of a loss, is the flips'."
                if key == "kvasir"
                else "",
            )
            for key, shown in SETS.items()
        ),
    ),
)
ANY = Topic(
    "Does a prompt help any network?",
    f"The paper's four networks, then a pretrained one (`lite`). {SMALL} `lite` at 224 px: 600 "
    "steps, the filters for the pseudo-image from zero. Our recipe spends a part of the equal "
    "steps on mosaics and blank prompts.",
    (
        *(
            Claim(
                f"{name}, {shown}",
                between(f"{key}_networks", f"{name} · {BOTH}", f"{name} · {AUG}"),
                DECIDED if (key, name) == ("lungs", NETWORKS[0]) else "",
            )
            for key, shown in {"lungs": LUNGS, **SETS}.items()
            for name in NETWORKS
        ),
        Claim(f"`lite`, {LUNGS}", between("lungs_networks", f"lite · {BOTH}", f"lite · {AUG}")),
        Claim(
            "`lite`, Kvasir-SEG",
            between("kvasir_lite", BOTH, AUG),
            "One polyp an image: the image nearly says it all.",
        ),
        *(
            Claim(
                f"`lite` at 224 px, {shown}{ending}",
                between(f"{key}_lite_224", BOTH + ending, AUG + ending),
            )
            for ending in ("", TENTH)
            for key, shown in SETS.items()
        ),
        Claim(
            "`lite` at 224 px with our recipe, Kvasir-SEG", between("kvasir_lite_224", RECIPE, AUG)
        ),
        Claim(
            "`lite` at 224 px with text beside MedCLIPSeg's mean Dice of 0.887 "
            "(six sets, all images)",
            mean_of_sets(BOTH, AUG, SETS, 0.8866),
            "Ours are three of its six sets, QaTa-COV19 a subset, 600 steps; "
            "its number is its own, from its README.",
        ),
        Claim(
            "… and its 0.811 with a tenth of the images",
            mean_of_sets(BOTH + TENTH, AUG + TENTH, SETS, 0.8110),
            "As many steps as with all images; a tenth of the subset is 100 films.",
        ),
    ),
)
CHEAP = Topic(
    "Is it computationally efficient?",
    "What a prompt adds to a network, counted at 224 px. Embeddings are kept, so no step calls the "
    "encoder.",
    tuple(Claim(name, cost(name)) for name in NETWORKS),
)
HEARD = Topic(
    "Is the prompt heard?",
    "Mean Dice does not show it; the right prompt beside a contradictory one does. On mosaics a "
    "contradictory prompt names another tile.",
    (
        *(
            Claim(f"{name}, {LUNGS}", heard("lungs_networks", f"{name} · {BOTH}"))
            for name in NETWORKS
        ),
        Claim(f"`lite`, {LUNGS}", heard("lungs_networks", f"lite · {BOTH}")),
        Claim("UNet with augmentation, Kvasir-SEG", heard("kvasir_unet", BOTH)),
        Claim("UNet without augmentation, Kvasir-SEG", heard("kvasir_unet", "image + text")),
        Claim(
            "`lite` with `fusion.words_first`, Kvasir-SEG",
            heard("kvasir_lite", BOTH),
            "Projection and generator learn alone first.",
        ),
        *(
            Claim(f"`lite` at 224 px, {shown}", heard(f"{key}_lite_224", BOTH))
            for key, shown in SETS.items()
        ),
        Claim("`lite` at 224 px with our recipe, Kvasir-SEG", heard("kvasir_lite_224", RECIPE)),
        Claim(f"fuse-first, {MOSAICS}", heard("mosaic_fusions", FUSED)),
        *(Claim(f"First filters `{way}`, {MOSAICS}", heard("mosaic_filters", way)) for way in WAYS),
    ),
)
ENDS = (("heard_mosaics", "Mosaics"), ("heard_phantoms", "Phantoms"))
PUBLISHED = "early · fuse-first · as published"
VISUALNESS = Topic(
    "Does the L1 term as published make the prompt visible, or silence it?",
    "An open question of the paper, asked from both ends, one factor at a time. One end is the "
    "method as published (raw embeddings, PyTorch's start, L1 over the frame; but with our "
    "sentence encoder and two projection layers), the other our defaults (scale within, noise 0.5, "
    "start unit-variance, region term balanced). The published term is in every row here. Under "
    "L1 over the frame a black pseudo-image is nearly optimal.",
    (
        Claim(f"{LUNGS}: as published", silenced("lungs_fusions", PUBLISHED)),
        Claim(
            f"{LUNGS}, prompts in the patient's frame: as published",
            silenced("lungs_patient", PUBLISHED),
        ),
        *(
            Claim(f"{shown}: {label}", silenced(name, label))
            for name, shown in ENDS
            for label in (
                "as published",
                "as published, start unit-variance",
                "as published, noise 0.5",
                "as published, scale within",
                "as published, scale whiten",
                "as published, scale standardise",
                "ours, region term as published",
            )
        ),
        Claim(
            "Mosaics: ours, the published term from half of the training on",
            silenced("mosaic_questions", "as published, from half of the training on"),
        ),
    ),
)
MENDED = Topic(
    "Is the prompt heard without the L1 term as published?",
    "The same cells with another region term, or none.",
    (
        *(
            Claim(f"{shown}: {label}", alive(name, label))
            for name, shown in ENDS
            for label in (
                "as published, no region term",
                "as published, region term balanced",
                "ours",
                "ours, no region term",
            )
        ),
        *(
            Claim(f"Mosaics: ours, {change}", alive("mosaic_questions", change))
            for change in (
                "region term: the mask",
                "region term: the blurred mask",
                "λ from half of the training on",
            )
        ),
    ),
)
MIXED = Topic(
    "How are colour jitter, blur and CutMix done right?",
    "Open questions of the paper: a change of colour of the image alone or of its pseudo-image "
    f"too; a pasted box with its prompt or without. {SMALL}",
    tuple(
        Claim(f"{change}, {shown}", better(f"{key}_questions", label, reference))
        for change, label, reference in (
            (
                "CutMix with its prompt beside without it",
                "CutMix with its words",
                "CutMix without its words",
            ),
            ("CutMix with its prompt beside no CutMix", "CutMix with its words", "defaults"),
            (
                "Colour jitter of the image alone beside of both",
                "colour jitter",
                "colour jitter, on the pseudo-image too",
            ),
            ("Blur of the image alone beside of both", "blur", "blur, of the pseudo-image too"),
        )
        for key, shown in (("kvasir", "Kvasir-SEG"), ("mosaic", MOSAICS))
    ),
)
FILTERS = Topic(
    "Do 2C channels spoil a pretrained encoder?",
    "An open question of the paper: five ways to begin the new channels' filters, each beside the "
    "image alone. `lite` at 64 px, where its training itself wavers between seeds.",
    tuple(
        Claim(
            f"`{way}`, Kvasir-SEG",
            between(
                "kvasir_filters",
                way,
                "image only",
                ("no, it gains", "yes, it loses", "not settled"),
            ),
        )
        for way in WAYS
    ),
)
ELSEWHERE = Topic(
    "What of harder and other data?",
    "Mosaics of 3 × 3 images; and polyps of another size than those learned from. The domain "
    "changes with the size alone.",
    (
        *(
            Claim(
                f"3 × 3 mosaics of Kvasir-SEG: fuse-first beside {label}",
                better("mosaic3_fusions", FUSED, label),
            )
            for label in ("early · untouched", "early · swap", "film · swap", "image only")
        ),
        *(
            Claim(
                f"Learned from {learned}, tested on {tested} polyps: a prompt beside none",
                better(
                    f"kvasir_to_{tested}",
                    f"learned from {learned} · image + text",
                    f"learned from {learned} · image",
                ),
            )
            for learned, tested in (("large", "small"), ("small", "large"))
        ),
    ),
)
LANGUAGE = Topic(
    "How much is language, and how much a leaked position?",
    f"The sentence encoder beside other vectors in its place, Kvasir-SEG. {SMALL}",
    (
        Claim(
            "Beside a random vector a sentence",
            better("kvasir_ablation", "defaults", "random vectors"),
        ),
        Claim(
            "Beside the place as numbers (the truth's 3 × 3 grid)",
            better("kvasir_ablation", "defaults", "the place as numbers"),
        ),
    ),
)
ONE_CHANGE = (
    "λ 0",
    "λ 1",
    "λ 0.1, as published (L1 over the frame)",
    "λ 1, as published (L1 over the frame)",
    "projection linear",
    "pooling cls",
    "pooling of the public code",
    "loss of the public code (softmax)",
    "loss of the public code (sigmoid)",
    *(f"prompts p{level}" for level in range(10)),
    "no words",
)
GAINS = ("it gains", "it costs", "not settled")
PARTS = Topic(
    "What do the method's other parts do?",
    "One thing changed, beside our defaults (λ 0.1, two projection layers, mean pooling, logits), "
    f"Kvasir-SEG. {SMALL}",
    tuple(
        Claim(label, between("kvasir_ablation", label, "defaults", GAINS)) for label in ONE_CHANGE
    ),
)

TOPICS = {
    "turned": TURNED,
    "pays": PAYS,
    "reworded": REWORDED,
    "early": EARLY,
    "words": WORDS,
    "any": ANY,
    "cheap": CHEAP,
    "heard": HEARD,
    "visualness": VISUALNESS,
    "mended": MENDED,
    "mixed": MIXED,
    "filters": FILTERS,
    "elsewhere": ELSEWHERE,
    "language": LANGUAGE,
    "parts": PARTS,
}
"""By the name in a page's mark: `<!-- table: claims_NAME -->` gets the question's rows."""
