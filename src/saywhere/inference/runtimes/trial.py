"""Which runtime is fastest here and keeps the answer: measured once, and kept per machine.

Half precision is taken only where its masks equal those of float32 on 99.9 % of the pixels, and
the largest change of a probability is kept beside the times.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import NotWritable
from saywhere.inference.runtimes.runtime import TORCH, Runtime, Scores
from saywhere.io import files
from saywhere.io.cache import use
from saywhere.io.machine import n_cores, processor
from saywhere.io.paths import cache_folder

EQUAL_PIXELS = 0.999
"""Share of a mask's pixels that must stay as they are in float32."""
N_PICTURES, N_ROUNDS = 8, 3
PROMPTS = ("a lesion", "one small lesion, upper left of the image")
FILE = "choice.json"


@dataclass(frozen=True)
class Measured:
    """How one runtime compares with PyTorch in float32.

    Attributes:
        runtime: Its name.
        seconds: Of one picture, a median.
        largest_change: Of a probability, [0, 1].
        equal_pixels: Share of the masks' pixels that are equal, [0, 1].
    """

    runtime: str
    seconds: float
    largest_change: float
    equal_pixels: float

    @property
    def keeps_the_answer(self) -> bool:
        """May it stand in for float32?"""
        return self.equal_pixels >= EQUAL_PIXELS


def place_for(weights_digest: str, device: str) -> Path:
    """Where a machine's choice for a model is kept.

    Args:
        weights_digest: Of the model's file.
        device: As it was named.

    Returns:
        A file in the cache: other weights, another processor, other versions or another number of
        cores have another one.
    """
    packages = [_version(name) for name in ("torch", "onnxruntime")]
    key = json.dumps([weights_digest, device, processor(), n_cores(), packages])
    return cache_folder() / "runtimes" / hashlib.sha256(key.encode()).hexdigest()[:24] / FILE


@dataclass(frozen=True)
class Table:
    """What was measured of a model on this machine.

    Attributes:
        kind: Of the device that PyTorch computed on: "cpu", "cuda" …
        measured: One record per runtime.
    """

    kind: str
    measured: Sequence[Measured]

    def has(self, name: str) -> bool:
        """Was a runtime measured?

        Args:
            name: Of the runtime.

        Returns:
            True where it stands in the table.
        """
        return any(one.runtime == name for one in self.measured)

    def fastest(self, names: Collection[str]) -> str:
        """Take the fastest that keeps the answer.

        Args:
            names: Of the runtimes to choose from.

        Returns:
            Its name; PyTorch in float32 where none of them was measured.
        """
        able = [one for one in self.measured if one.keeps_the_answer and one.runtime in names]
        return min(able, key=lambda one: one.seconds).runtime if able else TORCH


def read(place: Path) -> Table | None:
    """Read what was measured.

    Args:
        place: As `place_for` gives it.

    Returns:
        The table; None where nothing was measured, or the file is damaged.
    """
    with suppress(OSError, ValueError, TypeError, KeyError):
        document = json.loads(place.read_text(encoding="utf-8"))
        table = Table(str(document["device"]), [Measured(**one) for one in document["measured"]])
        use(place.parent)
        return table
    return None


def keep(table: Table, place: Path) -> None:
    """Keep what was measured, with what is chosen of all, for people who look.

    Args:
        table: Of a model.
        place: Of the file.
    """
    chosen = table.fastest([one.runtime for one in table.measured])
    measured = [asdict(one) for one in table.measured]
    # Without a cache, it is measured anew each time.
    with suppress(NotWritable):
        files.write_json(place, {"chosen": chosen, "device": table.kind, "measured": measured})


def measure(
    runtimes: Sequence[Runtime],
    threshold: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measured]:
    """Let runtimes answer the same pictures in turn.

    Args:
        runtimes: PyTorch in float32 first.
        threshold: On the probability.
        clock: Seconds that only go forward.

    Returns:
        One record per runtime.
    """
    first = runtimes[0]
    assert first.name == TORCH
    squares = _pictures(first.config.data.size, first.config.data.channels)
    embedding = _embedding(first, len(squares))
    seconds: dict[str, list[float]] = {one.name: [] for one in runtimes}
    answers: dict[str, Scores] = {}
    # The first round warms up. In turn, so that another program slows all of them.
    for _ in range(1 + N_ROUNDS):
        for runtime in runtimes:
            started = clock()
            answers[runtime.name] = runtime.scores(squares, embedding, mirror=False)
            seconds[runtime.name].append((clock() - started) / len(squares))
    expected = answers[TORCH].probability
    return [
        Measured(
            one.name,
            median(seconds[one.name][1:]),
            float(np.abs(answers[one.name].probability - expected).max()),
            float(((answers[one.name].probability > threshold) == (expected > threshold)).mean()),
        )
        for one in runtimes
    ]


def _pictures(size: int, channels: int) -> NDArray[np.uint8]:
    """Soft blobs, uint8 (picture, size, size, channel): the same on any machine."""
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(N_PICTURES):
        coarse = random.integers(0, 256, (5, 5, 3), np.uint8)
        soft = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
        picture = np.asarray(soft if channels == 3 else soft.convert("L"))
        pictures.append(np.atleast_3d(picture))
    return np.stack(pictures)


def _embedding(runtime: Runtime, n: int) -> NDArray[np.float32]:
    if not runtime.uses_text:
        return np.zeros((n, 1), np.float32)
    prompts = [PROMPTS[number % len(PROMPTS)] for number in range(n)]
    encoder = runtime.open_encoder()
    if not runtime.reads_tokens:
        return encoder.embed(prompts)
    rows = encoder.embed_tokens(prompts)
    longest = max(len(row) for row in rows)
    padded = [np.pad(row, ((0, longest - len(row)), (0, 0))) for row in rows]
    return np.stack(padded)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
