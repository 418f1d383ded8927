"""What run.json says of a training: typed where it is written."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import cast

from saywhere._version import __version__
from saywhere.runs.formats import RUN_FORMAT
from saywhere.runs.process import ProcessRecord
from saywhere.runs.provenance import RUNNING
from saywhere.runs.run_record import ArmRecord, RunRecord

PACKAGES = ("torch", "numpy", "kornia", "monai", "lightning-fabric", "transformers", "safetensors")
"""Packages whose version a run records."""


@dataclass(frozen=True)
class Versions:
    """Code, packages and machine.

    Attributes:
        saywhere: the package's version.
        commit: of the checkout that runs; None of an installed package.
        packages: name → version, of PACKAGES.
        python: version of the interpreter.
        platform: system, processor, C library.
    """

    saywhere: str
    commit: str | None
    packages: dict[str, str]
    python: str
    platform: str


@dataclass(frozen=True)
class DataFacts:
    """The rows that a run was trained on.

    Attributes:
        manifest: its path.
        digest: sha256 of the manifest file.
        rows: {"train": number, "validation": number}.
        quarantined: faulty rows that were set aside.
    """

    manifest: str
    digest: str
    rows: dict[str, int]
    quarantined: int


@dataclass(frozen=True)
class RunFacts:
    """What is known when the first step begins, in the order of run.json.

    Attributes:
        versions: code, packages, machine.
        status: running, finished, interrupted or failed.
        process: that writes it: a killed one leaves "running".
        created: UTC, of the first sitting.
        device: as torch names it.
        threads: of torch.
        precision: as it was chosen.
        seed: of the training.
        reproducibility: what the same numbers need, in words.
        data: the rows.
        arm: the prompt policy's name, and what it says of itself.
        encoder: name, revision and pooling; None for a model without text.
        parameters: {"network": number, "text": number}.
        warnings: one sentence each.
    """

    versions: Versions
    status: str
    process: ProcessRecord
    created: str
    device: str
    threads: int
    precision: str
    seed: int
    reproducibility: str
    data: DataFacts
    arm: ArmRecord
    encoder: dict[str, str] | None
    parameters: dict[str, int]
    warnings: list[str]

    def to_json(self) -> RunRecord:
        """Make the keys of run.json, its format first; those of `versions` stand beside them.

        Returns:
            Key → value.
        """
        document = asdict(self)
        record = {"format": RUN_FORMAT, **document.pop("versions"), **document}
        return cast(RunRecord, record)


def versions() -> Versions:
    """Read what runs here.

    Returns:
        Code, packages, machine.
    """
    return Versions(
        saywhere=__version__,
        commit=RUNNING,
        packages={name: metadata.version(name) for name in PACKAGES},
        python=platform.python_version(),
        platform=platform.platform(),
    )


def now() -> str:
    """Read the clock.

    Returns:
        The time in UTC, as in ISO 8601.
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
