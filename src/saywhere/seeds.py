"""Every random number is a function of (seed, purpose, step, sample): there is no random state to
save or restore.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch


def generator(seed: int, purpose: str, *key: int) -> np.random.Generator:
    """An independent stream for (seed, purpose, key), equal in every process and on every platform
    (NumPy's Philox).
    """
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), *key]))
    )


def torch_generator(seed: int, purpose: str, *key: int) -> torch.Generator:
    """The same for torch's own samplers, on the CPU."""
    return torch.Generator().manual_seed(int(generator(seed, purpose, *key).integers(2**63 - 1)))


def order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch visits n samples: int64 (n,), a permutation."""
    return generator(seed, "order", epoch).permutation(n)


def one_of(texts: Sequence[str], random: np.random.Generator) -> str:
    """One of them, each as likely."""
    return texts[int(random.integers(len(texts)))]


def seed_weights(seed: int) -> None:
    """Seed torch's global state, once, before a model is built
    (nothing else may use that state).
    """
    torch.manual_seed(_of_weights(seed))


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """What is built within has weights that depend on the seed alone; torch's global state is left
    as it was, for it is the caller's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_of_weights(seed))
        yield


def _of_weights(seed: int) -> int:
    return int(generator(seed, "weights").integers(2**31))
