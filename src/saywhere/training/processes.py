"""One training in several processes: which one this is, and what they tell each other.

Without others every function here does nothing, so that the loop is written once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from saywhere.config import Config, TrainConfig
from saywhere.errors import ConfigError

Anything = TypeVar("Anything")
PATIENCE = timedelta(hours=12)
"""The others wait so long, for instance while the first one decodes the images. A process that
died is noticed at once all the same: its connections close, and its launcher ends the others."""
LAUNCHED_BY = "torchrun, srun, or train.devices on one machine"

_LEFT: list[object] = []
"""Groups stay until the process ends. Else the model's end would free one while a thread of gloo
still drops the tensors of the last call: it holds the group's lock and waits for Python's, and the
main thread has Python's and waits for the group's."""


@dataclass(frozen=True)
class Processes:
    """The place of this process among those of one training.

    Attributes:
        rank: from 0; the first one alone writes and reports.
        n: of all machines.
        local_rank: on its machine, from 0: the number of its GPU.
        n_local: on its machine.
        node: the number of its machine, from 0.
    """

    rank: int = 0
    n: int = 1
    local_rank: int = 0
    n_local: int = 1
    node: int = 0

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Processes:
        """Read what torchrun, srun or Saywhere itself has set.

        Args:
            environment: the process's variables.

        Returns:
            The place; alone where nothing says otherwise. A batch script of Slurm is alone, too:
            only what srun starts has companions.
        """
        if "LOCAL_RANK" in environment and "WORLD_SIZE" in environment:
            names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
            rank, n, local_rank, n_local = (int(environment.get(name, 1)) for name in names)
            return cls(rank, n, local_rank, n_local, rank // n_local)
        n = int(environment.get("SLURM_STEP_NUM_TASKS", 1))
        if n == 1:
            return cls()
        n_nodes = int(environment.get("SLURM_STEP_NUM_NODES", 1))
        return cls(
            rank=int(environment["SLURM_PROCID"]),
            n=n,
            local_rank=int(environment["SLURM_LOCALID"]),
            n_local=n // n_nodes,
            node=int(environment["SLURM_NODEID"]),
        )

    @property
    def is_first(self) -> bool:
        """Does this process write and report?"""
        return self.rank == 0

    def settle(self, config: Config) -> Config:
        """Bring `train.devices` and `train.nodes` and what was launched together.

        Args:
            config: as it was given.

        Returns:
            The configuration with the number of processes that there are.

        Raises:
            ConfigError: where the configuration names other numbers, or machines that nobody has
                launched.
        """
        train = config.train
        if self.n == 1:
            if train.nodes > 1:
                raise ConfigError(
                    f"train.nodes is {train.nodes}, and this process was started alone",
                    allowed="several machines are started by torchrun or srun",
                    remedy="see docs/how-to/cluster.md, or set train.nodes to 1",
                )
            return config
        launched = {"devices": self.n_local, "nodes": self.n // self.n_local}
        for key, number in launched.items():
            number_of_config = getattr(train, key)
            if config.names(f"train.{key}") and number_of_config != number:
                raise ConfigError(
                    f"train.{key} is {number_of_config}, and {number} were launched",
                    allowed="what is launched and what is configured must be equal",
                    remedy=f"leave train.{key} out, or launch as many",
                )
        return config.replace(**{f"train.{key}": number for key, number in launched.items()})

    def join(self, config: TrainConfig) -> None:
        """Meet the others.

        Args:
            config: its `device` is used.

        Raises:
            RuntimeError: where they cannot be reached.
        """
        if self.n == 1 or distributed.is_initialized():
            return
        self._set_address()
        backend = "gloo"
        if config.device != "cpu" and torch.cuda.is_available():
            torch.cuda.set_device(self.local_rank)
            # Objects and votes go by the processor, so that no GPU is waited for.
            backend = "cpu:gloo,cuda:nccl"
        distributed.init_process_group(backend, timeout=PATIENCE, rank=self.rank, world_size=self.n)

    def _set_address(self) -> None:
        """As Fabric reads it; torchrun and Saywhere's own launcher have set most of it."""
        os.environ["LOCAL_RANK"] = str(self.local_rank)
        os.environ["NODE_RANK"] = str(self.node)
        if "MASTER_ADDR" in os.environ:
            return
        from lightning_fabric.plugins.environments import SLURMEnvironment

        slurm = SLURMEnvironment()
        os.environ["MASTER_ADDR"] = slurm.main_address
        os.environ["MASTER_PORT"] = str(slurm.main_port)

    def leave(self) -> None:
        """Part from the others, where all has gone well."""
        if self.n > 1 and distributed.is_initialized():
            _LEFT.append(distributed.group.WORLD)
            distributed.destroy_process_group()

    @contextmanager
    def first_then_others(self) -> Iterator[None]:
        """Let the first process do a piece of work; the others then find it in the cache.

        Yields:
            Nothing; every process runs the block.
        """
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def wait(self) -> None:
        """Until every process is here."""
        self.largest(0.0)

    def largest(self, value: float) -> float:
        """The largest of all processes' numbers.

        Args:
            value: this one's.

        Returns:
            The same number in each.
        """
        if self.n == 1:
            return value
        number = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(number, distributed.ReduceOp.MAX)
        return float(number)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of all processes' tensors.

        Args:
            values: this one's; of one shape everywhere.

        Returns:
            The same tensor in each.
        """
        if self.n == 1:
            return values
        distributed.all_reduce(values)
        return values / self.n

    def of_first(self, value: Anything) -> Anything:
        """What the first process has.

        Args:
            value: this one's, passed over in all but the first.

        Returns:
            The first one's, in each.
        """
        if self.n == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def gathered(self, values: list[Anything]) -> list[Anything]:
        """All processes' lists, one after the other.

        Args:
            values: this one's; what torch holds in them lies on the processor.

        Returns:
            The same list in each.
        """
        if self.n == 1:
            return values
        lists: list[Any] = [None] * self.n
        distributed.all_gather_object(lists, values)
        return [value for one in lists for value in one]

    def equalise(self, model: nn.Module, *, buffers_alone: bool = False) -> None:
        """Give each process the first one's weights.

        Args:
            model: changed in place.
            buffers_alone: only what is not learned, as the statistics of batch norms.
        """
        if self.n == 1:
            return
        tensors = list(model.buffers())
        if not buffers_alone:
            tensors += [parameter.data for parameter in model.parameters()]
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)
