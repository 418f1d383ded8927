"""Write a model's folder, as hubs have them.

model.safetensors, config.json, config.toml, README.md, SHA256SUMS.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from saywhere._version import __version__
from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.data.prompt_frames import frame_of
from saywhere.errors import SaywhereError
from saywhere.hub.card import card
from saywhere.hub.digests import write_sums
from saywhere.hub.facts import (
    CONFIG,
    FORMAT,
    ModelEvidence,
    ModelFacts,
    TrainedRecord,
    read_facts,
    refuse_newer,
)
from saywhere.hub.metadata import About, AboutRecord
from saywhere.io import files
from saywhere.runs import (
    calibration_file,
    checkpoint,
    locate,
    picture_file,
    presence_file,
    prompt_facts_file,
    tensor_file,
)
from saywhere.runs.checkpoint import Checkpoint
from saywhere.runs.directory import Run, without_places
from saywhere.runs.run_record import CheckpointState, RunRecord
from saywhere.text.prompt_facts import PromptFacts

EVIDENCE = {
    "evaluation": "evaluation/summary.json",
    "mosaic": "probe/mosaic.json",
    "halves": "probe/halves.json",
}
"""What was measured of a run → its file in the run directory."""
_STATE = ("step", "best", "sums", "history", "encoder", "spread", prompt_facts_file.KEY)
_RUN = (
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
_PATHS = ("manifest", "run")


def write(run: Path, folder: Path, name: str, about: About) -> ModelFacts:
    """Make a run's best checkpoint a model.

    Weights become float16, but for vectors (norms, biases) and the scale of the embeddings: these
    are small, and their rounding would change masks. The paths of the training's manifest and of
    its first weights stay behind, since they mean nothing on another machine.

    Args:
        run: a run directory, a model's folder, or a model's name.
        folder: where the model goes.
        name: its name.
        about: what its maker says of it.

    Returns:
        The content of its config.json.

    Raises:
        MissingFile: there is no such run.
        BadCheckpoint: its weights cannot be read, or it is a model of a newer format.
        NotWritable: the folder takes no file.
    """
    run_dir = locate.find(run)
    before: ModelFacts = {} if locate.is_run(run_dir) else read_facts(run_dir)
    refuse_newer(before, run_dir)
    saved = checkpoint.load(run_dir)
    config = without_places(saved.config)
    prompts = _prompts(about, saved, run_dir)
    facts: ModelFacts = {
        "model_type": "saywhere",
        "format": FORMAT,
        "saywhere": __version__,
        "name": name,
        "about": cast(AboutRecord, about.model_copy(update={"frame": prompts.frame}).model_dump()),
        "prompts": prompts.to_json(),
        "config": config.model_dump(mode="json"),
        # A model that is passed on again keeps what its first maker recorded.
        "run": before.get("run") or _run_facts(Run(run_dir).facts()),
        "evidence": before.get("evidence") or evidence(run_dir),
        "n_parameters": sum(value.numel() for value in saved.model.values()),
    }
    if learned := calibration_file.read_record(run_dir, saved.state):
        files.write_json(folder / calibration_file.FILE, learned)
        facts["expected"] = {"n": learned["n"], "split": learned["split"]}
    if known := picture_file.read(run_dir, saved.state):
        picture_file.write(known, folder, saved.state)
    if judged := presence_file.read_record(run_dir, saved.state):
        files.write_json(folder / presence_file.FILE, presence_file.content(judged, saved.state))
        # Its weights are a thousand numbers, which say nothing to a reader.
        facts["presence"] = {**judged, "features": []}
    state = cast(CheckpointState, {**saved.state, prompt_facts_file.KEY: prompts.to_json()})
    files.write_bytes(folder / locate.BUNDLE, _weights(replace(saved, state=state), config))
    files.write_text(folder / "config.toml", config.to_toml())
    describe(folder, facts)
    return facts


def describe(folder: Path, facts: ModelFacts) -> None:
    """Write config.json, the card that is made from it, and the digests.

    Args:
        folder: a model's folder; its weights and config.toml are there.
        facts: the content of config.json.

    Raises:
        NotWritable: the folder takes no file.
    """
    files.write_json(folder / CONFIG, facts)
    files.write_text(folder / "README.md", card(facts))
    # Last, since the digests cover the files above.
    write_sums(folder)


def evidence(run: Path) -> ModelEvidence:
    """Collect what was measured of a run.

    Args:
        run: a run directory.

    Returns:
        The content of the files of EVIDENCE that are there, without paths of this machine.
    """
    measured = {}
    for kind, file in EVIDENCE.items():
        if (run / file).is_file():
            content = json.loads((run / file).read_text(encoding="utf-8"))
            measured[kind] = {key: content[key] for key in content if key not in _PATHS}
    return measured  # type: ignore[return-value]


def _weights(saved: Checkpoint, config: Config) -> bytes:
    # The loader asks for a history, and a model is not trained on from one.
    every: dict[str, object] = {**saved.state}
    state = {key: every[key] for key in _STATE if key in every} | {"history": []}
    tensors = {f"model.{name}": _narrow(name, value) for name, value in saved.model.items()}
    return tensor_file.pack({"config": config.model_dump(mode="json"), "state": state}, tensors)


def _narrow(name: str, value: Tensor) -> Tensor:
    """float16 where that loses little: matrices and filters whose numbers it holds."""
    is_safe = (
        value.dtype == torch.float32
        and value.ndim > 1
        and not name.startswith("scale.")
        and bool(value.abs().max() < torch.finfo(torch.float16).max)
    )
    return value.half().contiguous() if is_safe else value.contiguous()


def _run_facts(facts: RunRecord) -> TrainedRecord:
    """What a run records of itself, without the maker's paths."""
    every: dict[str, object] = {**facts}
    public = cast(TrainedRecord, {key: every[key] for key in _RUN if key in every})
    if facts.get("started_from"):
        public["continued"] = True
    return public


def _prompts(about: About, saved: Checkpoint, run_dir: Path) -> PromptFacts:
    """What the model was taught; of whose left its maker's statement counts.

    An older run does not say it: its manifest does, where that is still there.
    """
    facts = prompt_facts_file.read(run_dir, saved.state, saved.config)
    if about.frame:
        return replace(facts, frame=about.frame)
    if facts.frame or saved.config.data.manifest is None or not saved.config.fusion.uses_text:
        return facts
    try:
        rows = read_manifest(Path(saved.config.data.manifest)).rows
        framed = frame_of(rows, saved.config.training_levels)
    except SaywhereError:
        # The data may be gone since the training, or mix frames: then it is not stated.
        return facts
    return replace(facts, frame=framed.frame, plain=framed.plain)
