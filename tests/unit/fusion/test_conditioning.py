"""A prompt that joins a network's features."""

from __future__ import annotations

import copy
import threading
import warnings

import pytest
import torch
from torch import Tensor, nn

from saywhere.config.fusions import FUSIONS
from saywhere.errors import UsageError
from saywhere.fusion.conditioning import (
    ConditionedNetwork,
    FeatureConditioner,
    condition,
    current_names,
)
from saywhere.networks.registry import NETWORKS, build, has_depth
from saywhere.types import Stages

N_EMBEDDING, TOKENS = 12, 5
CONDITIONERS: dict[str, type[FeatureConditioner]] = {
    name: fusion.load() for name, fusion in FUSIONS.items() if fusion.joins == "features"
}
STAGED = [name for name, network in NETWORKS.items() if hasattr(network, "stages")]
"""Without that method a network is for fusions before it; test_new_parts.py has one."""


def prompts(name: str, batch: int = 2, seed: int = 0) -> Tensor:
    shape = (batch, N_EMBEDDING)
    if CONDITIONERS[name].reads_tokens:
        shape = (batch, TOKENS, N_EMBEDDING)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(network: str) -> nn.Module:
    torch.manual_seed(0)
    return build(
        network, in_channels=3, width=8, pretrained=False, depth=0.5 if has_depth(network) else 1.0
    ).eval()


def conditioned(network: str, name: str) -> ConditionedNetwork:
    return condition(small(network), name, CONDITIONERS[name], N_EMBEDDING, 3).eval()


@pytest.mark.parametrize("name", CONDITIONERS)
@pytest.mark.parametrize("network", STAGED)
def test_every_network_is_conditioned_and_a_gradient_reaches_each_conditioner(
    network: str, name: str
) -> None:
    model = conditioned(network, name)
    picture = torch.rand(2, 3, 64, 64)
    one, other = (model(picture, prompts(name, seed=seed)) for seed in (0, 1))
    assert one.shape == (2, 1, 64, 64)
    # Far above rounding: an untrained network of width 8 hardly passes on what it is given.
    assert (one - other).abs().max() > 1e-6
    one.square().sum().backward()
    silent = [
        key
        for key, parameter in model.conditioners.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # A bias of the keys moves all scores of a query alike, and softmax does not see it.
    assert [key for key in silent if not key.endswith("attention.in_proj_bias")] == []


@pytest.mark.parametrize("network", STAGED)
def test_a_network_hands_over_each_stage_that_it_names_and_goes_on_with_what_comes_back(
    network: str,
) -> None:
    model = small(network)
    picture = torch.rand(1, 3, 64, 64)
    stages: Stages = model.stages()  # type: ignore[operator]
    shapes: dict[str, torch.Size] = {}

    def look(stage: str, feature: Tensor) -> Tensor:
        shapes[stage] = feature.shape
        return feature

    plain = model(picture)
    assert torch.equal(model(picture, look), plain)
    sides = [shapes[stage][-1] for stage in (stages.bottleneck, *stages.decoder)]
    assert sides == sorted(sides)  # from the deepest map up to the largest
    for wanted in (stages.bottleneck, *stages.decoder):
        changed = model(picture, lambda stage, f, wanted=wanted: f + (stage == wanted))
        assert not torch.equal(changed, plain), f"{wanted} is handed over and not used"


@pytest.mark.parametrize("name", CONDITIONERS)
@pytest.mark.parametrize("network", STAGED)
def test_it_is_exported_with_the_embedding_as_an_input(network: str, name: str) -> None:
    model = conditioned(network, name)
    inputs = (torch.rand(1, 3, 64, 64), prompts(name, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about its future
        program = torch.export.export(model, inputs, strict=False)
    other = (torch.rand(1, 3, 64, 64), prompts(name, 1, seed=7))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(*other), model(*other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONDITIONERS)
def test_it_compiles_whole(name: str) -> None:
    torch._dynamo.reset()
    model = conditioned("unet", name)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for seed in (0, 1):  # another prompt, the same graph
        inputs = (torch.rand(1, 3, 32, 32), prompts(name, 1, seed))
        with torch.no_grad():
            torch.testing.assert_close(compiled(*inputs), model(*inputs))


def test_the_stages_are_those_of_the_fusion() -> None:
    stages = {
        "late-concat": ["down_1"],
        "film": ["up_0", "up_1"],
        "cross-attention": ["down_1", "up_0"],
    }
    for name, expected in stages.items():
        assert list(conditioned("unet", name).conditioners) == expected


def test_two_threads_and_a_copy_hear_their_own_prompts() -> None:
    model = conditioned("unet", "film")
    picture = torch.rand(1, 3, 32, 32)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        alone = [twin(picture, prompts("film", 1, seed)) for seed in range(4)]
    beside: dict[int, Tensor] = {}

    def ask(seed: int) -> None:
        for _ in range(20):
            with torch.no_grad():
                beside[seed] = model(picture, prompts("film", 1, seed))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        torch.testing.assert_close(beside[seed], alone[seed])


def test_a_network_that_does_not_name_its_stages_is_refused() -> None:
    rule = r"Conv2d does not name its stages.*film needs a network with a method stages\(\)"
    with pytest.raises(UsageError, match=rule):
        condition(nn.Conv2d(3, 1, 1), "film", CONDITIONERS["film"], N_EMBEDDING, 3)


def test_a_network_that_names_a_stage_and_hands_over_none_is_refused() -> None:
    class Mute(nn.Module):
        def stages(self) -> Stages:
            return Stages("deep", ("shallow",))

        def forward(self, stack: Tensor, edit: object) -> Tensor:
            return stack[:, :1]

    rule = "Mute names the stage 'deep', but its forward hands no such map to its edit"
    with pytest.raises(UsageError, match=rule):
        condition(Mute(), "late-concat", CONDITIONERS["late-concat"], N_EMBEDDING, 3)


@pytest.mark.parametrize("name", CONDITIONERS)
@pytest.mark.parametrize("network", STAGED)
def test_weights_named_as_in_version_0_1_are_found_again(network: str, name: str) -> None:
    """There, conditioners sat inside of the network, around the modules whose maps they change."""
    model = nn.Module()
    model.network = conditioned(network, name)
    wanted = {key for key, _ in model.named_parameters()}
    stages = CONDITIONERS[name].stages(model.network.network.stages())  # type: ignore[operator]
    former = {"scale_and_shift": "say", "query": "ask", "output": "tell"}
    former |= {"norm_feature": "norm_map", "norm_tokens": "norm_words"}
    old = []
    for key in wanted:
        inner = key.removeprefix("network.network.")
        for stage in stages:
            if inner.startswith(f"{stage}."):
                inner = inner.replace(f"{stage}.", f"{stage}.stage.", 1)
            prefix = f"network.conditioners.{stage.replace('.', '_')}."
            if key.startswith(prefix):
                part, _, rest = key.removeprefix(prefix).partition(".")
                inner = f"{stage}.joint.{former.get(part, part)}.{rest}"
        old.append(f"network.{inner}")
    assert set(current_names(old).values()) == wanted
    assert current_names(sorted(wanted)) == {}
    assert current_names(["network.first.0.weight"]) == {}
