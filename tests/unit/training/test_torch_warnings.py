from __future__ import annotations

import os
import subprocess
import sys

import pytest

from saywhere.training.torch_warnings import LAUNCHED, silence_if_launched

SET_HERE = ("TORCH_CPP_LOG_LEVEL", *LAUNCHED)
STEP = """
import os, sys
from saywhere.training.torch_warnings import silence_if_launched
if sys.argv[1] == "launched":
    os.environ["WORLD_SIZE"] = "1"
silence_if_launched(os.environ)
import torch
from torch import distributed
distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
model = torch.nn.parallel.DistributedDataParallel(
    torch.nn.Linear(2, 2), find_unused_parameters=True
)
model(torch.ones(1, 2)).sum().backward()
"""


@pytest.mark.parametrize("how", ["alone", "launched"])
def test_a_process_that_torchrun_started_does_not_warn_of_used_parameters(how: str) -> None:
    known = {name: value for name, value in os.environ.items() if name not in SET_HERE}
    environment = known | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", STEP, how], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ("find_unused_parameters" in ended.stderr) == (how == "alone")


def test_what_the_user_has_set_stays() -> None:
    environment = {"WORLD_SIZE": "2", "TORCH_CPP_LOG_LEVEL": "INFO"}
    silence_if_launched(environment)
    assert environment["TORCH_CPP_LOG_LEVEL"] == "INFO"
