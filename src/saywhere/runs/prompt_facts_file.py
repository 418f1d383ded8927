"""Where a run's or model's folder says what prompts it was taught: in the weights' own header.

A model that was packed before that header had it says so in its config.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saywhere.runs.locate import is_run
from saywhere.text.prompt_facts import PromptFacts

KEY = "prompts"
"""Of a checkpoint's state, and of a model's config.json."""
_CONFIG = "config.json"


def read(folder: Path, state: Mapping[str, Any]) -> PromptFacts:
    """Read what a model knows of its prompts.

    Args:
        folder: of a run or model.
        state: of its checkpoint; it wins.

    Returns:
        The facts; all of them "not stated" for a run made before they were recorded.
    """
    if KEY in state:
        return PromptFacts.from_json(state[KEY])
    return PromptFacts() if is_run(folder) else of_config(_document(folder))


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


def _document(folder: Path) -> Mapping[str, Any]:
    try:
        document = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        # The weights do not depend on it.
        return {}
    return document if isinstance(document, dict) else {}
