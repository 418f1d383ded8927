"""Every random number is a function of (seed, purpose, step, sample).

So there is no random state to save or restore, and a resumed training draws what an uninterrupted
one would have drawn.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    # Loaded by what draws with it: a manifest is read without PyTorch.
    import torch


def generator(seed: int, purpose: str, *key: int) -> np.random.Generator:
    """An independent stream of random numbers.

    Args:
        seed: The training's, `train.seed`.
        purpose: What the numbers are for; other purposes have other streams.
        *key: Step, sample, epoch, or whatever else tells streams of one purpose apart.

    Returns:
        NumPy's Philox, equal for equal arguments in every process and on every platform.
    """
    # A checksum and not `hash`, which differs from one process to the next.
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), *key])
    return np.random.Generator(np.random.Philox(sequence))


def torch_generator(seed: int, purpose: str, *key: int) -> torch.Generator:
    """An independent stream for torch's own samplers.

    Args:
        seed: The training's, `train.seed`.
        purpose: What the numbers are for.
        *key: What tells streams of one purpose apart.

    Returns:
        A generator on the CPU.
    """
    import torch

    return torch.Generator().manual_seed(int(generator(seed, purpose, *key).integers(2**63 - 1)))


def order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch visits samples.

    Args:
        n: How many samples there are.
        seed: The training's, `train.seed`.
        epoch: From 0.

    Returns:
        int64 (n,), a permutation.
    """
    return generator(seed, "order", epoch).permutation(n)


def one_of(texts: Sequence[str], random: np.random.Generator) -> str:
    """Draw one of several texts, each as likely.

    Args:
        texts: At least one.
        random: Where the draw comes from; it moves on by one number.

    Returns:
        The text.
    """
    return texts[int(random.integers(len(texts)))]


def seed_weights(seed: int) -> None:
    """Seed torch's global state, once, before a model is built.

    Nothing else may use that state.

    Args:
        seed: The training's, `train.seed`.
    """
    import torch

    torch.manual_seed(_weights_seed(seed))


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Make what is built within depend on the seed alone.

    torch's global state is left as it was, since it is the caller's.

    Args:
        seed: Of the weights.

    Yields:
        Nothing.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_weights_seed(seed))
        yield


def _weights_seed(seed: int) -> int:
    return int(generator(seed, "weights").integers(2**31))
