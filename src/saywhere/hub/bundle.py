"""A model's folder, as hubs have them: model.safetensors, config.json, config.toml, README.md, SHA256SUMS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saywhere._version import __version__
from saywhere.hub.card import card
from saywhere.hub.metadata import About
from saywhere.io import files
from saywhere.runs import calibration_file as expected
from saywhere.runs import checkpoint, named, sealed
from saywhere.runs.directory import Run

FILES = (named.BUNDLE, "config.json", "config.toml", "README.md")
"""All that each model has, beside the digests."""
_STATE = ("step", "best", "sums", "history", "encoder", "spread")
EVIDENCE = {
    "evaluation": "evaluation/summary.json",
    "mosaic": "probe/mosaic.json",
    "halves": "probe/halves.json",
}
"""What was measured of a run, and where it stands there."""


def write(run: Path, folder: Path, name: str, about: About) -> dict[str, Any]:
    """Make a run's best checkpoint a model in `folder`; returns config.json's content. Raises MissingFile, BadCheckpoint, NotWritable.

    Weights are float16, but for vectors (norms, biases) and the scale of the embeddings, which are small and whose rounding would be felt; the paths
    of the training's manifest and of its first weights stay behind, since they mean nothing elsewhere.
    """
    place = named.find(run)
    saved, before = checkpoint.load(place), {} if named.is_run(place) else read_facts(place)
    config = saved.config.replace(
        **{"data.manifest": None, "data.ids": None, "network.weights": None}
    )
    state = {key: saved.state[key] for key in _STATE if key in saved.state} | {"history": []}
    facts = {
        "model_type": "saywhere",
        "saywhere": __version__,
        "name": name,
        "about": about.model_dump(),
        "config": config.model_dump(mode="json"),
        "run": before.get("run") or _run_facts(Run(place).facts()),
        "evidence": before.get("evidence") or evidence(place),
        "n_parameters": sum(value.numel() for value in saved.model.values()),
    }
    if learned := expected.found(place, saved.state):
        files.write_json(folder / expected.FILE, learned)
        facts["expected"] = {key: learned[key] for key in ("n", "split")}
    document = {"config": config.model_dump(mode="json"), "state": state}
    files.write_bytes(
        folder / named.BUNDLE,
        sealed.pack(
            document, {f"model.{key}": _narrow(key, value) for key, value in saved.model.items()}
        ),
    )
    files.write_text(folder / "config.toml", config.to_toml())
    describe(folder, facts)
    return facts


def describe(folder: Path, facts: dict[str, Any]) -> None:
    """Write what is said of a model: config.json, the card made from it, and the digests. Raises NotWritable."""
    files.write_json(folder / "config.json", facts)
    files.write_text(folder / "README.md", card(facts))
    files.write_text(
        folder / named.SUMS,
        "".join(f"{files.digest(folder / file)}  {file}\n" for file in files_of(folder)),
    )


def files_of(folder: Path) -> list[str]:
    """What a model's folder passes on: FILES, and what it learned of its own confidence, where it did."""
    return [*FILES, *([expected.FILE] if (folder / expected.FILE).is_file() else [])]


def read_facts(folder: Path) -> dict[str, Any]:
    """config.json's content; empty where it is missing or damaged: the weights do not depend on it."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def evidence(run: Path) -> dict[str, Any]:
    """What was measured of a run: the content of those JSON files that are there."""
    found = {kind: run / place for kind, place in EVIDENCE.items() if (run / place).is_file()}
    return {
        kind: _public(json.loads(path.read_text(encoding="utf-8"))) for kind, path in found.items()
    }


def _narrow(name: str, value: Tensor) -> Tensor:
    """float16 where that loses little: matrices and filters whose numbers it holds."""
    is_safe = (
        value.dtype == torch.float32
        and value.ndim > 1
        and not name.startswith("scale.")
        and bool(value.abs().max() < torch.finfo(torch.float16).max)
    )
    return value.half().contiguous() if is_safe else value.contiguous()


def _run_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What a run says of itself, without the maker's paths."""
    kept = (
        "saywhere",
        "packages",
        "python",
        "device",
        "precision",
        "threads",
        "seconds",
        "seed",
        "finished",
        "weights",
    )
    return {key: facts[key] for key in kept if key in facts} | (
        {"continued": True} if facts.get("started_from") else {}
    )


def _public(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in ("manifest", "run")}
