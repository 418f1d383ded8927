"""Words that join a network's features."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import Tensor, nn

from saywhere.errors import UsageError
from saywhere.fusion.conditioning import (
    JOINTS,
    CrossAttention,
    Film,
    Joined,
    LateConcat,
    join,
    saying,
)
from saywhere.networks.registry import NETWORKS, build, has_depth

N_WORDS, TOKENS = 12, 5


def words(name: str, batch: int = 2, seed: int = 0) -> Tensor:
    shape = (batch, TOKENS, N_WORDS) if JOINTS[name].reads_tokens else (batch, N_WORDS)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(network: str) -> nn.Module:
    torch.manual_seed(0)
    return build(
        network, in_channels=3, width=8, pretrained=False, depth=0.5 if has_depth(network) else 1.0
    ).eval()


def joined(network: str, name: str) -> nn.Module:
    found = small(network)
    join(found, name, N_WORDS, 3)
    return found.eval()


@pytest.mark.parametrize("name", JOINTS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_hears_every_fusion_and_a_gradient_reaches_each_joint_or_says_why_it_cannot(
    network: str, name: str
) -> None:
    if not hasattr(small(network), "stages"):
        with pytest.raises(UsageError, match="does not name its stages"):
            joined(network, name)
        return
    model, picture = joined(network, name), torch.rand(2, 3, 64, 64)
    answers = []
    for seed in (0, 1):
        with saying(words(name, seed=seed)):
            answers.append(model(picture))
    assert answers[0].shape == (2, 1, 64, 64)
    assert (answers[0] - answers[1]).abs().max() > 1e-5
    answers[0].square().sum().backward()
    joints = [part.joint for part in model.modules() if isinstance(part, Joined)]
    assert joints
    silent = [
        key
        for joint in joints
        for key, parameter in joint.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert [key for key in silent if key != "attention.in_proj_bias"] == []


def test_late_concat_is_a_convolution_over_map_and_tiled_words_that_starts_as_the_map() -> None:
    joint, feature, said = LateConcat(4, N_WORDS), torch.rand(2, 4, 3, 3), words("late-concat")
    tiled = said.reshape(2, N_WORDS, 1, 1).repeat(1, 1, 3, 3)
    torch.testing.assert_close(
        joint(feature, said),
        nn.functional.conv2d(torch.cat([feature, tiled], 1), joint.mix.weight, joint.mix.bias),
    )
    nothing = joint(feature, torch.zeros(2, N_WORDS)) - joint.mix.bias.reshape(1, -1, 1, 1)
    torch.testing.assert_close(nothing, feature)


def test_film_scales_and_shifts_each_channel() -> None:
    joint, feature, said = Film(4, N_WORDS), torch.rand(2, 4, 3, 3), words("film")
    numbers = said @ joint.say.weight.T + joint.say.bias
    expected = (
        torch.einsum("bchw,bc->bchw", feature, 1 + numbers[:, :4]) + numbers[:, 4:, None, None]
    )
    torch.testing.assert_close(joint(feature, said), expected)


def test_cross_attention_does_not_hear_padding() -> None:
    torch.manual_seed(0)
    joint, feature, said = (
        CrossAttention(4, N_WORDS).eval(),
        torch.rand(2, 4, 3, 3),
        words("cross-attention"),
    )
    padded = torch.cat([said, torch.zeros(2, 3, N_WORDS)], 1)
    torch.testing.assert_close(joint(feature, padded), joint(feature, said), rtol=1e-4, atol=1e-6)


def test_the_places_are_those_of_the_fusion() -> None:
    places = {
        "late-concat": ["down.1"],
        "film": ["up.0", "up.1"],
        "cross-attention": ["down.1", "up.0"],
    }
    for name, expected in places.items():
        assert [
            key for key, part in joined("unet", name).named_modules() if isinstance(part, Joined)
        ] == expected


def test_two_threads_and_a_copy_hear_their_own_words() -> None:
    model, picture = joined("unet", "film"), torch.rand(1, 3, 32, 32)
    twin = copy.deepcopy(model)
    alone = []
    for seed in range(4):
        with saying(words("film", 1, seed)), torch.no_grad():
            alone.append(twin(picture))
    found: dict[int, Tensor] = {}

    def ask(seed: int) -> None:
        for _ in range(20):
            with saying(words("film", 1, seed)), torch.no_grad():
                found[seed] = model(picture)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        torch.testing.assert_close(found[seed], alone[seed])


def test_a_network_that_does_not_name_its_stages_is_refused() -> None:
    with pytest.raises(
        UsageError,
        match=r"Conv2d does not name its stages.*film needs a network with a method stages\(\)",
    ):
        join(nn.Conv2d(3, 1, 1), "film", N_WORDS, 3)
    with pytest.raises(UsageError, match="no fusion 'flim' of features: did you mean 'film'"):
        join(nn.Conv2d(3, 1, 1), "flim", N_WORDS, 3)
