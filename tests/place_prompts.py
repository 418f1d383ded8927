"""Four places in ten wordings each: what a scale of embeddings is fitted to in tests."""

from __future__ import annotations

from itertools import product

PLACES = [
    f"{vertical} {horizontal}"
    for vertical, horizontal in product(("upper", "lower"), ("left", "right"))
]
FRAMES = [
    "the {} lesion",
    "one small lesion in the {} of the image",
    "{}",
    "lesion, {}",
    "find the bright one at the {}",
    "a round mass, {}",
    "segment the large dark area, {} quadrant",
    "there is one lesion; it lies {}",
    "{} lesion please",
    "located {}",
]
PROMPTS = [frame.format(place) for place in PLACES for frame in FRAMES]
MEANING = [number for number, _ in enumerate(PLACES) for _ in FRAMES]
"""Of each prompt: which place it names."""
