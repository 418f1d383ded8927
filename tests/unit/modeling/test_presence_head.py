"""The head reads the deepest map, and changes nothing where it is left out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from saywhere.config import Config
from saywhere.errors import ConfigError, UsageError
from saywhere.losses import ReferringLoss, presence_loss
from saywhere.modeling.build import build_model
from saywhere.modeling.presence_head import PresenceHead, WithPresence
from saywhere.networks.unet import UNet
from saywhere.text.whitening import EmbeddingScale
from saywhere.types import Segmentation

SMALL = {"data.size": 32, "network.name": "unet", "network.width": 4}
DIM = 12


def model(presence: float, **changes: object) -> nn.Module:
    config = Config().replace(**SMALL, **{"loss.presence": presence, **changes})
    return build_model(config, EmbeddingScale(DIM, DIM)).eval()


def test_mean_and_maximum_of_each_channel_make_one_logit() -> None:
    head = PresenceHead(2).eval()
    feature = torch.zeros(3, 2, 4, 4)
    feature[1, 0, 2, 2] = 16.0
    feature[2, 0] = 1.0
    logits = head(feature)
    assert logits.shape == (3,)
    # Of 1 and 2 the mean is the same: only the maximum tells them apart.
    assert len(set(logits.tolist())) == 3


@pytest.mark.parametrize("changes", [{}, {"fusion.name": "none"}])
def test_it_is_off_by_default_and_changes_no_other_first_weight(changes: dict[str, str]) -> None:
    without = model(0.0, **changes)
    beside = model(0.5, **changes)
    plain = without.state_dict()
    named = {
        name.replace("network.network.", "network."): value
        for name, value in beside.state_dict().items()
        if "network.head.layers" not in name
    }
    assert not any("presence" in name for name in plain)
    assert set(named) == set(plain)
    assert all(torch.equal(named[name], plain[name]) for name in plain)
    image = torch.rand(2, 3, 32, 32)
    embedding = torch.rand(2, DIM)
    one = without(image, embedding)
    other = beside(image, embedding)
    assert torch.equal(one.logits, other.logits)
    assert one.presence is None
    assert other.presence.shape == (2,)


def test_under_early_fusion_the_words_change_the_answer() -> None:
    beside = model(0.5)
    image = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1)
    presence = beside(image, torch.randn(2, DIM)).presence
    assert presence[0] != presence[1]


def test_a_fusion_whose_deepest_map_has_no_words_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"loss.presence.*take 'early'"):
        Config().replace(**{"loss.presence": 0.5, "fusion.name": "film"})


def test_a_network_that_names_no_stages_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="does not name its stages"):
        WithPresence(nn.Conv2d(3, 1, 1), 3)


def test_the_networks_own_pretrained_weights_are_still_known() -> None:
    network = UNet(3, width=4)
    assert WithPresence(network, 3).pretrained_parameters() == network.pretrained_parameters()


def test_a_crop_without_the_lesion_counts_as_absent() -> None:
    target = torch.zeros(2, 1, 8, 8)
    target[0, 0, 3, 3] = 1
    right = torch.tensor([9.0, -9.0])
    wrong = -right
    assert presence_loss(right, target) < 0.001
    assert presence_loss(wrong, target) > 8


def test_its_weight_counts_in_the_total_alone() -> None:
    target = torch.zeros(2, 1, 8, 8)
    answer = Segmentation(torch.zeros(2, 1, 8, 8), None, torch.tensor([1.0, -1.0]))
    config = Config().replace(**{"loss.presence": 0.5, "loss.roi": "none"}).loss
    loss = ReferringLoss(config)(answer, target, target, target)
    expected = loss.segmentation + 0.5 * presence_loss(answer.presence, target)
    assert loss.total == pytest.approx(float(expected))
