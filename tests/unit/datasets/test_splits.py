"""Splits by name and by group: the same everywhere, and no group in two of them."""

from __future__ import annotations

from collections import Counter

from saywhere.datasets.splits import drawn_split, group_folds, group_splits


def cases_per_split(sizes: dict[str, int], seed: int = 0) -> dict[str, int]:
    counts = Counter[str]()
    for group, split in group_splits(sizes, seed).items():
        counts[split] += sizes[group]
    return dict(counts)


def test_equal_groups_are_dealt_exactly_by_shares() -> None:
    patients = {f"patient {number}": 3 for number in range(20)}
    assert cases_per_split(patients) == {"train": 48, "val": 6, "test": 6}


def test_unequal_groups_come_as_near_as_they_can() -> None:
    sizes = {f"patient {number}": 1 + number % 7 for number in range(60)}
    counts = cases_per_split(sizes)
    n_cases = sum(sizes.values())
    assert abs(counts["train"] - 0.8 * n_cases) <= 1
    assert abs(counts["val"] - 0.1 * n_cases) <= 1
    assert abs(counts["test"] - 0.1 * n_cases) <= 1


def test_a_seed_draws_other_groups_and_always_the_same() -> None:
    patients = {f"patient {number}": 2 for number in range(30)}
    assert group_splits(patients, 1) == group_splits(dict(reversed(patients.items())), 1)
    assert group_splits(patients, 1) != group_splits(patients, 2)


def test_of_three_groups_each_split_has_one() -> None:
    assert set(group_splits({"a": 5, "b": 5, "c": 5}).values()) == {"train", "val", "test"}
    assert set(group_splits({"a": 100, "b": 1, "c": 1}).values()) == {"train", "val", "test"}
    assert group_splits({"a": 4}) == {"a": "train"}
    assert group_splits({}) == {}


def test_about_eight_in_ten_names_are_trained_on() -> None:
    splits = [drawn_split(str(number)) for number in range(2000)]
    assert 0.77 < splits.count("train") / 2000 < 0.83
    assert 0.08 < splits.count("test") / 2000 < 0.12


def test_twelve_images_are_ten_one_and_one() -> None:
    images = {f"{number}": 1 for number in range(12)}
    assert cases_per_split(images) == {"train": 10, "val": 1, "test": 1}
    assert cases_per_split({f"{number}": 1 for number in range(30)}) == {
        "train": 24,
        "val": 3,
        "test": 3,
    }


def test_folds_are_as_equal_as_groups_allow() -> None:
    sizes = {f"patient {number}": 1 + number % 4 for number in range(43)}
    folds = group_folds(sizes, 5)
    counts = Counter[int]()
    for group, fold in folds.items():
        counts[fold] += sizes[group]
    assert sorted(counts) == [1, 2, 3, 4, 5]
    assert max(counts.values()) - min(counts.values()) <= 1
    assert folds == group_folds(dict(reversed(sizes.items())), 5)
    assert folds != group_folds(sizes, 5, seed=1)
