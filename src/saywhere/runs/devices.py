"""The device that a model runs on: one place that says which there are, for training and all else.

Nothing here imports torch before a device is looked for: a mistyped name is refused at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from saywhere.errors import UsageError

if TYPE_CHECKING:
    import torch

ALLOWED = "auto, cpu, cuda, cuda:N (the N-th GPU, from 0) or mps"
_NAME = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", re.ASCII)
MISSING = {
    "cuda": "torch finds no NVIDIA GPU here: there is none, or its driver or a torch with CUDA "
    "is missing",
    "mps": "torch finds no Apple GPU here",
}
"""Why a kind of device cannot be had."""


def check_name(name: str, key: str = "device", error: type[UsageError] = UsageError) -> None:
    """Refuse what is no device's name.

    Args:
        name: As a user wrote it.
        key: The option or configuration key, for the message.
        error: What is raised.

    Raises:
        UsageError: For another name than those of `ALLOWED`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise error(
            f"{key} is {str(name)[:40]!r}, which is no device",
            allowed=ALLOWED,
            remedy="choose one of these, or leave it out: auto takes a GPU where there is one",
        )


def find(
    name: str = "auto", key: str = "device", error: type[UsageError] = UsageError
) -> torch.device:
    """Find the device that a name means.

    Args:
        name: auto (a GPU where there is one, else the CPU), cpu, cuda, cuda:1 or mps.
        key: The option or configuration key, for the message.
        error: What is raised.

    Returns:
        A device that this machine has.

    Raises:
        UsageError: For a name that is none, and for a device that this machine does not have: it
            says which there are.
    """
    check_name(name, key, error)
    import torch

    present = available()
    if name == "auto":
        # The CPU stands first and is always there; what follows it is faster.
        return torch.device(present[min(1, len(present) - 1)])
    kind = name.partition(":")[0]
    if name in present or (name == "cuda" and "cuda:0" in present):
        return torch.device(name)
    reason = MISSING[kind]
    if kind == "cuda" and "cuda:0" in present:
        n_gpus = len(present) - 1
        reason = f"torch finds {n_gpus} NVIDIA GPU{'s' * (n_gpus > 1)} here, numbered from 0"
    # Numbered ones only where there are several to choose from.
    shown = ["cuda" if one == "cuda:0" else one for one in present]
    raise error(
        f"{key} is {name!r}, but {reason}",
        allowed=f"here it may be {', '.join(['auto', *shown])}",
        remedy=f"set {key} to 'auto' or 'cpu', or see `saywhere doctor`",
    )


def available() -> list[str]:
    """Name the devices of this machine.

    Returns:
        cpu, then cuda:0, cuda:1 … or mps, where torch finds them.
    """
    import torch

    names = ["cpu"]
    if torch.cuda.is_available():
        names += [f"cuda:{number}" for number in range(max(1, torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names
