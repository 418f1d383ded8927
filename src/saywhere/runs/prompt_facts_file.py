"""Where a run's or model's folder says what prompts it was taught: in the weights' own header.

A model that was packed before that header had it says so in its config.json. Of older ones script
and language are learned from what is there still: the run's manifest, or the model's suggestions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.errors import SaywhereError
from saywhere.runs.locate import is_run
from saywhere.runs.own_data import is_trained_on, own_data
from saywhere.text.prompt_facts import PromptFacts, facts_of

KEY = "prompts"
"""Of a checkpoint's state, and of a model's config.json."""
_CONFIG = "config.json"


def read(folder: Path, state: Mapping[str, Any], config: Config) -> PromptFacts:
    """Read what a model knows of its prompts.

    Args:
        folder: of a run or model.
        state: of its checkpoint; it wins.
        config: of its checkpoint; it says where a run's prompts lie.

    Returns:
        The facts. Of what was made before they were recorded, the frame is "not stated" but for a
        model whose maker states it; script and language are those of the training prompts (of a
        model: of its suggestions), none where these are no longer there.
    """
    if KEY in state:
        return PromptFacts.from_json(state[KEY])
    if is_run(folder):
        return facts_of(_prompts_of_run(folder, config), PromptFacts().frame)
    document = _document(folder)
    recorded = of_config(document)
    if recorded.scripts:
        return recorded
    return facts_of(_suggestions(document), recorded.frame, recorded.plain)


def of_config(document: Mapping[str, Any]) -> PromptFacts:
    """Read a model's config.json, without its weights.

    Args:
        document: its content; any key may be missing or of another form.

    Returns:
        The facts. Where nothing but the maker's own statement is there, that is the frame.
    """
    if KEY in document:
        return PromptFacts.from_json(document[KEY])
    about = document.get("about")
    frame = about.get("frame") if isinstance(about, dict) else None
    return PromptFacts.from_json({"frame": frame})


def _prompts_of_run(folder: Path, config: Config) -> list[str]:
    """The training prompts; none where the manifest is not there, or another one by now."""
    if not config.fusion.uses_text:
        return []
    try:
        data = own_data(config.data, folder)
        if data.manifest is None or not is_trained_on(data.manifest, folder):
            return []
        rows = read_manifest(data.manifest, lenient=True).rows
    except SaywhereError:
        return []
    levels = config.training_levels
    prompts = (row.prompts for row in rows if row.split == data.train_split)
    return [text for by_level in prompts for level in levels for text in by_level.get(level, ())]


def _suggestions(document: Mapping[str, Any]) -> list[str]:
    about = document.get("about")
    offered = about.get("suggestions") if isinstance(about, dict) else None
    return [text for text in offered if isinstance(text, str)] if isinstance(offered, list) else []


def _document(folder: Path) -> Mapping[str, Any]:
    try:
        document = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        # The weights do not depend on it.
        return {}
    return document if isinstance(document, dict) else {}
