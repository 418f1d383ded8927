"""`attribute-phantoms`: each row's sentences name its mask and nothing else in the picture."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from saywhere.captions.templates import PLACES, SIZES, TONES
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.datasets import attribute_phantoms
from saywhere.datasets.attribute_phantoms import WAYS, prepare_attribute_phantoms, targets
from saywhere.datasets.synthetic import Lesion, draw_phantom
from saywhere.io.images import read_mask
from saywhere.text.directions import positions

COUNTS = {"train": 12, "val": 2, "test": 12}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_phantoms, "IMAGES", COUNTS)
        made = prepare_attribute_phantoms(None, tmp_path_factory.mktemp("set"))
    assert made.warnings == []
    return read_manifest(made.manifest)


def words_of(text: str) -> set[str]:
    return set(text.replace(",", " ").replace(":", " ").split())


def has(text: str, choices: tuple[str, ...]) -> bool:
    return bool(words_of(text) & set(choices))


def lesion(place: str, *, bright: bool, large: bool) -> Lesion:
    mask = np.zeros((8, 8), bool)
    mask[PLACES.index(place)] = True
    return Lesion(place, bright, large, mask)


def test_every_way_is_there_and_shares_of_three_are_equal(prepared: Manifest) -> None:
    counts = Counter(row.extra["way"] for row in prepared.rows)
    assert set(counts) == set(WAYS)
    assert counts["place"] == counts["attributes"] == counts["both"] > 20


def test_ways_of_one_target_share_its_mask(prepared: Manifest) -> None:
    of_mask = defaultdict(set)
    for row in prepared.rows:
        of_mask[row.mask].add(row.extra["way"])
    assert set(map(frozenset, of_mask.values())) == {
        frozenset({"place", "attributes", "both"}),
        frozenset({"number"}),
    }


def test_a_place_is_named_where_the_way_says_so(prepared: Manifest) -> None:
    for row in prepared.rows:
        for text in row.prompts["taught"]:
            assert bool(positions(text)) == (row.extra["way"] in ("place", "both")), text


def test_attributes_hold_for_the_named_lesion_and_for_no_other(prepared: Manifest) -> None:
    n_checked = 0
    for row in prepared.rows:
        if row.extra["way"] != "attributes":
            continue
        index = int(row.id.split("_")[1])
        _, lesions = draw_phantom(row.split, index, seed=attribute_phantoms.SEED)
        meant = read_mask(row.mask) > 0
        for text in row.prompts["taught"]:
            fits = [
                one
                for one in lesions
                if has(text, SIZES[one.large]) and has(text, TONES[one.bright])
            ]
            assert len(fits) == 1
            np.testing.assert_array_equal(fits[0].mask, meant)
            n_checked += 1
    assert n_checked > 100


def test_a_lesion_that_has_a_double_is_not_named_by_attributes() -> None:
    made = list(
        targets(
            [
                lesion("upper left", bright=True, large=True),
                lesion("upper right", bright=True, large=True),
                lesion("lower left", bright=False, large=True),
            ]
        )
    )
    assert [(one.way, one.name) for one in made] == [
        ("place", "lower_left"),
        ("attributes", "lower_left"),
        ("both", "lower_left"),
        # The two bright ones; all three are large, which says nothing.
        ("number", "bright"),
    ]
    np.testing.assert_array_equal(made[-1].mask.any(1)[:4], [True, True, False, False])
    assert all("two" in words_of(text) for text in made[-1].wordings)


def test_equal_seeds_give_equal_bytes(prepared: Manifest, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_phantoms, "IMAGES", COUNTS)
        prepare_attribute_phantoms(None, tmp_path)
    digests = []
    for folder in (tmp_path, prepared.path.parent):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]


def test_another_sets_manifest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_phantoms, "IMAGES", {"train": 1})
        made = prepare_attribute_phantoms(None, tmp_path)
    assert made.warnings == [f"{tmp_path} held another manifest: it is kept as manifest.jsonl.1"]
