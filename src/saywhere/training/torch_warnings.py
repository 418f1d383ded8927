"""What PyTorch is told to leave unsaid, before it is loaded."""

from __future__ import annotations

from collections.abc import MutableMapping

LAUNCHED = ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
"""Variables that torchrun or srun set for each of several processes."""


def silence_if_launched(environment: MutableMapping[str, str]) -> None:
    """Silence a warning of processes that torchrun or srun started.

    Each of them warns that a model has no parameters which a step does not reach. That is no fault,
    and other models have some. PyTorch reads the variable as it is loaded; what the user has set
    stays.

    Args:
        environment: Of a process; it may be changed.
    """
    if any(name in environment for name in LAUNCHED):
        environment.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
