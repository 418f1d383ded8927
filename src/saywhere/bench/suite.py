"""Everything that `saywhere bench` measures, part by part; each part is written once it is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

import torch
from PIL import Image

from saywhere.bench import boundary_distances, prediction, start, training
from saywhere.bench.measured_machine import Machine, MachineRecord, describe
from saywhere.bench.targets import LITE, PAPER
from saywhere.bench.training import Effort
from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.datasets.synthetic import make_phantoms
from saywhere.errors import UsageError
from saywhere.io.files import write_json
from saywhere.modeling.build import reads_tokens_of

# Prediction first, as in a process of its own: measured after the trainings, `auto` chose another
# runtime than a user gets.
PARTS = ("prediction", "training", "start", "boundaries")
Changes = dict[str, object]
"""Dotted key of the configuration → value."""
CELLS: dict[str, tuple[Changes, Effort]] = {
    # A step takes seconds on a CPU: two rounds say enough.
    PAPER: ({"network.name": "unet", "network.width": 64, "data.size": 224}, Effort(1, 2)),
    "lite 160": ({"network.name": "lite", "data.size": 160}, Effort(4, 3)),
    "unet 16 96": (
        {"network.name": "unet", "network.width": 16, "data.size": 96},
        Effort(6, 3),
    ),
}
"""Trainings that are measured where none is named: the paper's, the shipped models', a small one"""
PHANTOM_PX = 512
"""Side of the files that are read: about a photograph's."""
DRAWN_PX = 128


class ResultsRecord(TypedDict, total=False):
    """What was measured, part by part."""

    training: dict[str, training.TrainingRecord]
    """cell → its steps"""
    prediction: prediction.PredictionRecord
    start: start.StartRecord
    boundaries: boundary_distances.BoundariesRecord


class BenchRecord(ResultsRecord):
    """The result file of `saywhere bench`."""

    command: str
    """that made it"""
    machine: MachineRecord


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        parts: of `PARTS`.
        cells: name → changed keys of the configuration, and the effort.
        batch: samples a step.
        device: cpu, or a GPU as torch names it.
        data: a manifest with prompts of one level, named `prompts`; None: phantoms are drawn.
        prompts: level of the manifest's prompts.
        model: that predicts; a run or a model's name.
        pictures: that are predicted.
        cases: pairs of masks that are measured.
        rounds: of the trainings and predictions, both ways in turn; a cell may ask for fewer.
        pairs: of a step of the paper's UNet with words and one without; 0: none.
        changes: further keys of every training's configuration.
    """

    parts: Sequence[str] = PARTS
    cells: dict[str, tuple[Changes, Effort]] = field(default_factory=lambda: dict(CELLS))
    batch: int = 8
    device: str = "cpu"
    data: Path | None = None
    prompts: str = "plain"
    model: str = LITE
    pictures: int = 50
    cases: int = 500
    rounds: int = 3
    pairs: int = 20
    changes: Changes = field(default_factory=dict)

    def of_network(self, name: str, width: int, size: int, steps: int) -> Plan:
        """Make a plan of one network alone.

        Args:
            name: as `saywhere info networks` lists it.
            width: channels of its first level.
            size: side of its images, in pixels.
            steps: of each round.

        Returns:
            The plan with that training alone.
        """
        keys: Changes = {"network.name": name, "network.width": width, "data.size": size}
        label = f"{name} {width} {size}"
        return replace(self, cells={label: (keys, Effort(steps, self.rounds))})


def run(
    plan: Plan, out: Path, command: str, tell: Callable[[str], None] = lambda message: None
) -> BenchRecord:
    """Measure, and write each part once it is done.

    Args:
        plan: what is measured.
        out: the JSON file.
        command: that makes it, for readers of the file.
        tell: called with what begins.

    Returns:
        The document.
    """
    refuse_unknown(plan.parts)
    with own_cache(), tempfile.TemporaryDirectory() as folder:
        tell("the machine's matrix rate")
        machine = describe(torch.device(plan.device))
        document: BenchRecord = {"command": command, "machine": machine.to_json()}
        tell("the data")
        manifest = plan.data or _phantoms(Path(folder), plan)
        for part in plan.parts:
            for results in _measured(part, plan, manifest, machine, tell):
                document.update(results)
                write_json(out, document)
    return document


def refuse_unknown(parts: Sequence[str]) -> None:
    """Raise UsageError for a part that does not exist."""
    for part in parts:
        if part not in PARTS:
            raise UsageError(f"no part {part!r} of the benchmark", allowed=", ".join(PARTS))


def _measured(
    part: str, plan: Plan, manifest: Path, machine: Machine, tell: Callable[[str], None]
) -> Iterator[ResultsRecord]:
    """The part with what was measured; of the trainings again and again, with one more."""
    device = torch.device(plan.device)
    tell(part)
    if part == "training":
        cells: dict[str, training.TrainingRecord] = {}
        for name, (changes, effort) in plan.cells.items():
            tell(f"training: {name}")
            config = config_for(plan, manifest, changes)
            n_pairs = plan.pairs if name == PAPER else 0
            effort = replace(effort, rounds=min(effort.rounds, plan.rounds), pairs=n_pairs)
            cells[name] = training.measure(config, effort, machine)
            yield {"training": cells}
        return
    if part == "boundaries":
        yield {"boundaries": boundary_distances.measure(plan.cases)}
        return
    pairs = _pairs(read_manifest(manifest).rows, plan)
    if part == "start":
        yield {"start": start.measure(plan.model, pairs[0][0], plan.rounds)}
    else:
        yield {"prediction": prediction.measure(plan.model, pairs, plan.rounds, device)}


def config_for(plan: Plan, manifest: Path, changes: Changes) -> Config:
    """The configuration of a training that is measured: the paper's recipe, 100 epochs.

    Args:
        plan: batch, device, prompts and further keys are read.
        manifest: of the training's rows.
        changes: dotted key → value, such as the network's.

    Returns:
        The configuration; precision, memory format and threads are left open.

    Raises:
        UsageError: for a fusion that the naive way is not written for.
    """
    kind = torch.device(plan.device).type
    keys = {
        "data.manifest": str(manifest),
        "data.channels": 3,
        "text.train_prompts": plan.prompts,
        "text.evaluate_prompts": plan.prompts,
        "augment.name": "paper",
        "train.batch_size": plan.batch,
        "train.epochs": 100,
        "train.steps_per_epoch": 100,
        "train.device": kind,
    }
    config = Config().replace(**{**keys, **changes, **plan.changes})
    if not config.fusion.has_pseudo_image or reads_tokens_of(config):
        raise UsageError(
            f"the benchmark cannot train with fusion.name {config.fusion.name!r}",
            allowed="the naive way is written for pseudo-images made of a whole sentence's "
            "embedding",
            remedy="leave fusion.name out",
        )
    return config


def _pairs(rows: Sequence[Row], plan: Plan) -> list[prediction.Pair]:
    """As many as wanted: a row that comes again is asked again."""
    chosen = [rows[number % len(rows)] for number in range(plan.pictures)]
    return [(row.image, row.prompts[plan.prompts][0]) for row in chosen]


def _phantoms(folder: Path, plan: Plan) -> Path:
    """Phantoms as large as photographs: drawn small, since drawing is slow, and enlarged."""
    n_train = max(16, 2 * plan.batch)
    manifest = make_phantoms(
        folder, n_train=n_train, n_val=1, n_test=1, size=DRAWN_PX, rows_per_image=1
    )
    for path in folder.rglob("*.png"):
        how = Image.Resampling.NEAREST if "masks" in path.parts else Image.Resampling.BICUBIC
        Image.open(path).resize((PHANTOM_PX, PHANTOM_PX), how).save(path)
    return manifest


@contextmanager
def own_cache() -> Iterator[None]:
    """Begin with an empty cache, as on a machine that has never run Saywhere."""
    before = os.environ.get("SAYWHERE_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SAYWHERE_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["SAYWHERE_CACHE"]
            else:
                os.environ["SAYWHERE_CACHE"] = before
