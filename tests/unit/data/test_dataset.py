"""A manifest's cases as a torch Dataset: what a loop of one's own gets."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import saywhere
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import Store
from saywhere.datasets.synthetic import make_phantoms
from saywhere.errors import ManifestError, MissingFile, TooManyFaults, UsageError


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(
        tmp_path_factory.mktemp("phantoms"), n_train=6, n_val=0, n_test=2, size=48, seed=3
    )


def dataset(phantoms: Path, **options: Any) -> Dataset:
    return Dataset(phantoms, **({"prompts": "taught", "size": 48, "channels": 1} | options))


def test_a_case_is_what_the_files_hold(phantoms: Path) -> None:
    lines = [json.loads(line) for line in phantoms.read_text().splitlines()]
    rows = [row for row in lines if row["split"] == "train"]
    cases = dataset(phantoms)
    assert isinstance(cases, torch.utils.data.Dataset)
    assert len(cases) == len(rows) > 6
    for case, row in zip(cases, rows):
        assert set(case) == {"image", "mask", "prompt", "id"}
        assert (case["image"].dtype, case["image"].shape) == (torch.float32, (1, 48, 48))
        assert (case["mask"].dtype, case["mask"].shape) == (torch.float32, (1, 48, 48))
        pixels = np.asarray(Image.open(phantoms.parent / row["image"]))
        np.testing.assert_allclose(case["image"][0].numpy(), pixels / 255, atol=1e-6)
        assert np.array_equal(
            case["mask"][0].numpy() > 0, np.asarray(Image.open(phantoms.parent / row["mask"])) > 0
        )
        assert case["prompt"] in row["prompts"]["taught"]
        assert case["id"] == row["id"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_makes_batches(phantoms: Path, workers: int) -> None:
    cases = dataset(phantoms, size=40, channels=3)
    batch = next(iter(DataLoader(cases, batch_size=4, num_workers=workers)))
    assert batch["image"].shape == (4, 3, 40, 40)
    assert batch["mask"].shape == (4, 1, 40, 40)
    assert batch["id"] == [row.id for row in cases.rows[:4]]
    assert batch["prompt"] == [cases[i]["prompt"] for i in range(4)]


def test_wordings_are_drawn_anew_each_epoch_and_alike_in_every_process(phantoms: Path) -> None:
    cases = dataset(phantoms)
    prompts = {}
    for epoch in range(4):
        cases.set_epoch(epoch)
        prompts[epoch] = [case["prompt"] for case in cases]
    assert len({tuple(of_epoch) for of_epoch in prompts.values()}) == 4
    cases.set_epoch(1)
    assert [case["prompt"] for case in pickle.loads(pickle.dumps(cases))] == prompts[1]
    assert [case["prompt"] for case in dataset(phantoms, seed=1)] != prompts[0]


def test_levels_are_several_or_one_or_none(phantoms: Path) -> None:
    assert dataset(phantoms, prompts="plain").sentences[0] == (dataset(phantoms).sentences[0][0],)
    both = dataset(phantoms, prompts=["taught", "place"]).sentences[0]
    assert both[:-1] == dataset(phantoms).sentences[0]
    assert [case["prompt"] for case in dataset(phantoms, prompts=())] == [""] * len(
        dataset(phantoms)
    )


def test_it_counts_from_the_end_and_ends(phantoms: Path) -> None:
    cases = dataset(phantoms, prompts="plain")
    assert cases[-1]["id"] == cases[len(cases) - 1]["id"]
    with pytest.raises(IndexError):
        cases[len(cases)]


def test_a_transform_has_the_last_word(phantoms: Path) -> None:
    assert dataset(phantoms, transform=lambda case: sorted(case))[0] == [
        "id",
        "image",
        "mask",
        "prompt",
    ]


def test_a_copy_for_a_worker_carries_no_pictures(phantoms: Path) -> None:
    cases = dataset(phantoms, size=96)
    before = cases[0]["image"]
    content = pickle.dumps(cases)
    assert len(content) < cases.decoded.images.numel()
    assert torch.equal(pickle.loads(content)[0]["image"], before)


def test_a_notebook_is_shown_the_first_cases(phantoms: Path) -> None:
    cases = dataset(phantoms)
    picture = Image.open(BytesIO(cases._repr_png_()))
    assert picture.width > 4 * 160
    assert re.fullmatch(
        rf"Dataset\('.*manifest.jsonl', 'train': {len(cases)} cases of 6 images, 48 px, "
        r"prompts taught: \d+ wordings\)",
        repr(cases),
    )
    assert repr(dataset(phantoms, prompts=())).endswith("48 px, no words)")


def test_a_faulty_row_is_set_aside_within_the_budget(phantoms: Path) -> None:
    broken = phantoms.with_name("broken.jsonl")
    first, *others = phantoms.read_text().splitlines()
    broken.write_text(
        "\n".join([json.dumps(json.loads(first) | {"image": "images/none.png"}), *others])
    )
    with pytest.raises(
        TooManyFaults,
        match=r"1 of \d+ rows are faulty, the first is row 1 .*; fault_budget is 0\.0",
    ):
        dataset(broken, fault_budget=0.0)
    cases = dataset(broken, fault_budget=0.5)
    assert len(cases) == len(dataset(phantoms)) - 1
    assert cases.report.quarantined == [1]


def test_a_line_that_is_no_row_is_set_aside_as_in_training(phantoms: Path) -> None:
    broken = phantoms.with_name("torn.jsonl")
    first, *others = phantoms.read_text().splitlines()
    broken.write_text("\n".join([first[: len(first) // 2], *others]))
    with pytest.raises(
        TooManyFaults,
        match=rf"1 of {len(others) + 1} rows are faulty, the first is row 1 .*; "
        r"fault_budget is 0\.0",
    ):
        dataset(broken, fault_budget=0.0)
    cases = dataset(broken, fault_budget=0.5)
    assert len(cases) == len(dataset(phantoms)) - 1
    assert [fault.kind for fault in cases.report.faults] == ["no_row"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, r"no rows of split 'tset' in .*: did you mean 'test'\?"),
        ({"prompts": "tought"}, r"tought"),
        ({"size": 0}, r"size is 0 in Dataset; a whole number of pixels"),
        ({"size": (64, 64)}, r"size is \(64, 64\)"),
        ({"channels": 4}, r"channels is 4 in Dataset; 1 \(grey\) or 3 \(colour\)"),
        (
            {"transform": "flip"},
            r"transform is a str in Dataset; a function of a case's dictionary",
        ),
    ],
)
def test_what_it_cannot_be_made_of_is_said(
    phantoms: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        dataset(phantoms, **options)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda folder: [{"image": "a.png"}],
            UsageError,
            r"a manifest is a list in Dataset; the path of a manifest",
        ),
        (lambda folder: folder / "none.jsonl", MissingFile, "none.jsonl"),
        (lambda folder: folder, MissingFile, "no manifest in"),
        (lambda folder: _empty(folder), ManifestError, "no rows"),
    ],
)
def test_what_is_no_manifest_is_refused(
    tmp_path: Path, make: Callable[[Path], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Dataset(make(tmp_path))


def _empty(folder: Path) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("")
    return path


def test_rows_that_were_checked_need_no_manifest(phantoms: Path) -> None:
    """As training, evaluation and probes read them: the same pictures, and no prompts."""
    cases = dataset(phantoms)
    of_rows = Dataset.of_rows(cases.rows, size=48, channels=1)
    of_rows.decode()
    for case, plain in zip(cases, of_rows):
        assert torch.equal(case["image"], plain["image"])
        assert torch.equal(case["mask"], plain["mask"])
        assert (case["id"], plain["prompt"]) == (plain["id"], "")
    assert of_rows.split == "train"
    assert of_rows.report.faults == []


def test_pictures_at_hand_are_not_decoded_and_travel_with_a_copy(phantoms: Path) -> None:
    rows = dataset(phantoms).rows[:2]
    decoded = Store(
        torch.zeros(2, 1, 8, 8, dtype=torch.uint8),
        torch.ones(2, 1, 8, 8, dtype=torch.uint8),
        np.array([1, 0]),
    )
    cases = Dataset.of_rows(rows, size=8, channels=1, decoded=decoded)
    assert pickle.loads(pickle.dumps(cases))[1]["mask"].sum() == 64


def test_a_mask_is_measured_at_its_own_size(phantoms: Path) -> None:
    cases = Dataset.of_rows(dataset(phantoms).rows, size=16, channels=1)
    mask = cases.rows[0].mask
    assert mask is not None
    truth = cases.truth(0, (48, 48))
    assert np.array_equal(truth, np.asarray(Image.open(mask)) > 0)
    without = Dataset.of_rows([replace(cases.rows[0], mask=None)], size=16, channels=1)
    assert not without.truth(0, (5, 7)).any()
    assert without.truth(0, (5, 7)).shape == (5, 7)


def test_it_is_public() -> None:
    assert saywhere.Dataset is Dataset
