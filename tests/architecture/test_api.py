"""What users rely on changes only on purpose."""

from __future__ import annotations

import json

import pytest
from surface import INVENTORY, surface

# The contract: scripts and outside tests rely on these forms, so they may not go even when the
# inventory is written anew.
VERBS = {
    "demo": {"--data", "--out"},
    "prepare": {"--from", "--to"},
    "check": {"MANIFEST", "--json"},
    "train": {"CONFIG", "--set", "--out", "--resume", "--quiet"},
    "evaluate": {"RUN", "--data", "--split", "--words", "--json"},
    "predict": {"RUN", "--prompt", "--manifest", "--out", "--json"},
    "report": {"RUN", "--out"},
    "probe": set(),
    "info": {"--json"},
}
CONFIG = {
    "data": {"manifest", "size"},
    "text": {"encoder", "scale", "train_prompts", "evaluate_prompts"},
    "fusion": {"name", "start"},
    "augment": {"name"},
    "network": {"name", "width"},
    "loss": {"name", "roi", "roi_weight"},
    "optimizer": {"learning_rate"},
    "train": {"epochs", "batch_size", "seed", "precision"},
}


def test_the_public_surface_is_the_inventory() -> None:
    written = json.loads(INVENTORY.read_text(encoding="utf-8"))
    assert surface() == written, (
        "meant? then run `python tests/architecture/surface.py`, "
        "and name the change in CHANGELOG.md"
    )


@pytest.mark.parametrize("verb", VERBS)
def test_a_promised_verb_keeps_its_options(verb: str) -> None:
    spellings = {spelling for option in surface()["verbs"][verb] for spelling in option.split("/")}
    assert VERBS[verb] - spellings == set()


def test_the_configuration_keys_that_scripts_use_are_there() -> None:
    promised = {f"{section}.{key}" for section, keys in CONFIG.items() for key in keys}
    assert promised - set(surface()["config"]) == set()


def test_one_picture_takes_three_lines() -> None:
    python = surface()["python"]
    assert python["load"].startswith("(folder")
    assert python["Segmenter"]["segment"].startswith("(self, image: 'Any', prompt: 'str'")
    assert {"mask", "probability", "pseudo_image", "save", "show"} <= set(python["Result"])
