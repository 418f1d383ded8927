"""The learning rate, against torch's own schedulers, and who gets which rate."""

from __future__ import annotations

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR

from saywhere.config import Config, OptimizerConfig
from saywhere.modeling.build import build_model
from saywhere.text.whitening import EmbeddingScale
from saywhere.training.optimizer import build_optimizer, schedule, set_learning_rate

N_STEPS = 40


def reference(make: object, optimizer: torch.optim.Optimizer) -> list[float]:
    scheduler = make(optimizer)  # type: ignore[operator]
    rates = []
    for _ in range(N_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(**changes: object) -> list[float]:
    config = Config().replace(**{f"optimizer.{key}": value for key, value in changes.items()})
    optimizer = torch.optim.AdamW([{"params": [torch.nn.Parameter(torch.zeros(1))], "factor": 1.0}])
    return [
        set_learning_rate(optimizer, config.optimizer, step, N_STEPS) for step in range(N_STEPS)
    ]


def test_cosine_is_torchs_cosine_annealing() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    wanted = reference(lambda o: CosineAnnealingLR(o, T_max=N_STEPS), optimizer)
    assert ours(learning_rate=0.02) == pytest.approx(wanted, rel=1e-9)


def test_the_warm_up_rises_as_torchs_linear_one() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    wanted = reference(lambda o: LinearLR(o, start_factor=1e-9, total_iters=20), optimizer)
    found = ours(learning_rate=1.0, warmup=0.5, schedule="constant")
    assert found[1:] == pytest.approx(wanted[1:], abs=1e-6)
    assert 0 < found[0] <= found[1]  # the first step is not lost


def test_one_cycle_peaks_after_three_tenths_and_ends_near_nothing() -> None:
    rates = [schedule(OptimizerConfig(schedule="one-cycle"), step / 1000) for step in range(1000)]
    assert rates.index(max(rates)) == 300
    assert max(rates) == 1.0
    assert rates[-1] < 1e-4


def test_each_part_of_the_model_gets_its_own_rate() -> None:
    changes = {
        "data.size": 32,
        "network.name": "lite",
        "optimizer.text_factor": 3.0,
        "optimizer.pretrained_factor": 0.25,
    }
    config = Config().replace(**changes)
    model = build_model(config, EmbeddingScale(384, 384))
    optimizer = build_optimizer(model, config.optimizer)
    set_learning_rate(optimizer, config.optimizer, 0, 10)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert len(rate) == sum(1 for p in model.parameters() if p.requires_grad)
    text = model.projection.parameters()  # type: ignore[union-attr]
    pretrained = model.network.pretrained_parameters()  # type: ignore[operator, union-attr]
    assert {rate[id(p)] for p in text} == {3e-3}
    assert {rate[id(p)] for p in pretrained} == {2.5e-4}
    assert 1e-3 in rate.values()


def test_the_fused_kernel_takes_the_steps_of_the_plain_one() -> None:
    config = Config().replace(**{"data.size": 32, "network.width": 4})
    models = []
    for fused in (True, False):
        torch.manual_seed(0)
        model = build_model(config, EmbeddingScale(384, 384))
        optimizer = build_optimizer(model, config.optimizer, fused=fused)
        assert all(group["fused"] is fused for group in optimizer.param_groups)
        noise = torch.Generator().manual_seed(1)
        for step in range(5):
            set_learning_rate(optimizer, config.optimizer, step + 1, 6)
            for p in model.parameters():
                p.grad = torch.randn(p.shape, generator=noise)
            optimizer.step()
        models.append(model)
    for (name, ours), theirs in zip(models[0].named_parameters(), models[1].parameters()):
        torch.testing.assert_close(ours, theirs, msg=name)
