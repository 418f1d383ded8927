"""Splits for what comes without one: train, val and test, 80 : 10 : 10."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def drawn_split(name: str) -> str:
    """Draw a split by the sha256 of a name, 80 : 10 : 10.

    The same on every machine, whatever else is in the folder.

    Args:
        name: of the case.

    Returns:
        train, val or test.
    """
    place = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return {8: "val", 9: "test"}.get(place, "train")


def group_splits(sizes: Mapping[str, int], seed: int = 0) -> dict[str, str]:
    """Draw a split for whole groups, so that no patient stands in two splits.

    The groups are dealt from the largest to the smallest, each to the split that lacks most of its
    share of the cases. So the shares are as exact as the groups allow. From three groups on, no
    split is empty.

    Args:
        sizes: group → number of its cases.
        seed: of the order of equally large groups.

    Returns:
        Group → train, val or test.
    """
    n_cases = sum(sizes.values())
    lacking = {split: share * n_cases for split, share in SHARES.items()}
    splits: dict[str, str] = {}
    # By digest, so that the order of equally large groups does not depend on the table's.
    for group in sorted(sizes, key=lambda group: (-sizes[group], _draw(seed, group))):
        # Rounded, since equal shares may differ in their last bits.
        split = max(lacking, key=lambda name: round(lacking[name], 6))
        lacking[split] -= sizes[group]
        splits[group] = split
    for split in ("test", "val"):
        # The last one dealt is the smallest: of few groups, a share may be less than any of them.
        in_train = [group for group, drawn in splits.items() if drawn == "train"]
        if split not in splits.values() and len(in_train) > 1:
            splits[in_train[-1]] = split
    return splits


def group_folds(sizes: Mapping[str, int], n_folds: int, seed: int = 0) -> dict[str, int]:
    """Draw folds of whole groups, as equal in cases as the groups allow.

    Args:
        sizes: group → number of its cases.
        n_folds: how many.
        seed: of the order of equally large groups.

    Returns:
        Group → its fold, from 1. With as many groups as folds or more, no fold is empty.
    """
    n_cases = dict.fromkeys(range(1, n_folds + 1), 0)
    folds: dict[str, int] = {}
    # The largest first, each to the fold with the fewest cases.
    for group in sorted(sizes, key=lambda group: (-sizes[group], _draw(seed, group))):
        fold = min(n_cases, key=lambda number: n_cases[number])
        n_cases[fold] += sizes[group]
        folds[group] = fold
    return folds


def _draw(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
