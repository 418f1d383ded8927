"""What a trial found fastest, kept in the cache folder for the next training of the same kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypedDict

import torch

from saywhere.config import Config, TrainConfig
from saywhere.errors import SaywhereError
from saywhere.io import cache, files
from saywhere.io.machine import n_cores, processor
from saywhere.io.paths import cache_folder
from saywhere.runs.run_facts import versions

FILE = "choice.json"


class Choice(TypedDict, total=False):
    """Keys of `[train]` with the values that are tried."""

    precision: str
    channels_last: bool
    threads: int


class ChoiceFacts(TypedDict):
    """What a choice depends on."""

    network: dict[str, object]
    """the table of the configuration"""
    fusion: str
    size: int
    channels: int
    batch_size: int
    given: list[str | int | bool]
    """the keys of `[train]` as they were given"""
    processor: list[str | int]
    versions: list[str | dict[str, str]]


class KeptChoice:
    """The place of one choice.

    Nothing is locked: two trainings that begin at once both try, and the later one's file stays.
    """

    def __init__(self, config: Config) -> None:
        """Name the place; nothing is read.

        Args:
            config: as it was given, before `auto` is settled.
        """
        self.facts = _facts(config)
        text = json.dumps(self.facts, sort_keys=True)
        # `io.cache` knows the cache's own folders by these 24 digits.
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        self.file = cache_folder() / "autotune" / digest / FILE

    def read(self) -> Choice | None:
        """Read what was found before.

        Returns:
            The choice; None where there is none, or the file is damaged.
        """
        # Anything may be in a damaged file. A trial makes it anew.
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            document = json.loads(self.file.read_text(encoding="utf-8"))
            if document["facts"] == self.facts:
                chosen = _checked(document["choice"])
                cache.use(self.file.parent)
                return chosen
        return None

    def write(self, choice: Choice) -> None:
        """Keep a choice.

        Args:
            choice: every key that was tried.
        """
        # A cache that can only be read costs another trial next time, and no training.
        with suppress(SaywhereError):
            files.write_json(self.file, {"facts": self.facts, "choice": choice})


def _facts(config: Config) -> ChoiceFacts:
    """What the speed of a step depends on, and what was left open."""
    train = config.train
    record = versions()
    return {
        "network": config.network.model_dump(mode="json"),
        "fusion": config.fusion.name,
        "size": config.data.size,
        "channels": config.data.channels,
        "batch_size": train.batch_size,
        "given": [train.device, train.devices, train.precision, train.channels_last, train.threads],
        "processor": [processor(), n_cores(), torch.backends.cpu.get_cpu_capability(), _gpu()],
        "versions": [record.saywhere, record.python, record.packages],
    }


def _gpu() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _checked(document: Mapping[str, Any]) -> Choice:
    """ValueError, KeyError or TypeError for what no trial has written."""
    # As the schema has it: a value that it refuses is no choice.
    TrainConfig.model_validate(dict(document))
    known = {key: document[key] for key in Choice.__annotations__ if key in document}
    if known != dict(document):
        raise ValueError("a key that no trial has written")
    return Choice(**known)  # type: ignore[typeddict-item]
