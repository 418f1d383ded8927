"""One comparison of configurations, for tables and for runs that are resumed."""

from __future__ import annotations

from typing import Any

import pytest

from saywhere.config import Config
from saywhere.runs.config_diff import differences

FREE = {"train.threads"}


def dumped(**changes: Any) -> dict[str, Any]:
    return Config().replace(**changes).model_dump(mode="json")


@pytest.mark.parametrize(
    "change",
    [
        {"train.threads": 7},
        {"train.precision": "32-true", "train.channels_last": False},  # auto, now, may choose that
        {"fusion.arm": "fuse-first"},  # what it is by default
        {"fusion.name": "early"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_change_a_result_may_differ(change: dict[str, Any]) -> None:
    assert differences(dumped(**change), Config(), FREE) == {}


def test_a_chosen_precision_is_another_result() -> None:
    assert differences(
        dumped(**{"train.precision": "bf16-mixed"}),
        Config().replace(**{"train.precision": "32-true"}),
        FREE,
    ) == {"train.precision": ("bf16-mixed", "32-true")}


def test_without_words_an_arm_says_only_whether_anything_turns() -> None:
    image_only = Config().replace(**{"fusion.name": "none"})
    assert (
        differences(dumped(**{"fusion.name": "none", "fusion.arm": "fuse-first"}), image_only, FREE)
        == {}
    )
    assert differences(
        dumped(**{"fusion.name": "none", "fusion.arm": "still"}), image_only, FREE
    ) == {"fusion.arm": ("still", "untouched")}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"network.name": "missformer"},
        {"network.name": "monai:SegResNet"},
        {"network.name": "lite", "fusion.name": "none"},
    ],
    ids=lambda change: " ".join(change.values()) or "unet",
)
def test_first_filters_say_nothing_where_no_pseudo_image_meets_pretrained_ones(
    change: dict[str, Any],
) -> None:
    assert (
        differences(
            dumped(**change, **{"network.first_filters": "scale"}), Config().replace(**change), FREE
        )
        == {}
    )


def test_first_filters_left_out_are_zero() -> None:
    lite = Config().replace(**{"network.name": "lite"})
    assert (
        differences(dumped(**{"network.name": "lite", "network.first_filters": "zero"}), lite, FREE)
        == {}
    )
    assert differences(
        dumped(**{"network.name": "lite", "network.first_filters": "scale"}), lite, FREE
    ) == {"network.first_filters": ("scale", "zero")}


def test_a_key_that_an_old_file_lacks_had_its_default_and_one_that_is_gone_is_told() -> None:
    before = dumped()
    del before["data"]["half"]
    before["data"]["folds"] = 5
    assert differences(before, Config(), FREE) == {"data.folds": (5, None)}
    assert differences(before, Config().replace(**{"data.half": 0.5}), FREE)["data.half"] == (
        0.0,
        0.5,
    )


def test_what_is_not_free_is_told_in_the_configurations_order() -> None:
    after = Config().replace(**{"evaluate.batch_size": 3, "train.threads": 7, "data.size": 64})
    default = dumped()
    assert list(differences(dumped(), after, FREE).items()) == [
        ("data.size", (224, 64)),
        ("evaluate.batch_size", (default["evaluate"]["batch_size"], 3)),
    ]
    assert list(differences(dumped(), after, set())) == [
        "data.size",
        "train.threads",
        "evaluate.batch_size",
    ]
