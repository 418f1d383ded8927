from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.folder import prepare_folder
from saywhere.datasets.label_rows import parse_labels
from saywhere.errors import ManifestError, UsageError
from saywhere.io.images import read_mask
from saywhere.io.labels import LabelMap

Draw = Callable[[Path], None]
BOTH = np.zeros((80, 80), np.uint8)
BOTH[10:40, 5:20] = 1
BOTH[50:70, 30:60] = 2
NAMES = {"polyp": ("2",), "instrument": ("1",)}


@pytest.fixture
def mine(tmp_path: Path, draw_image: Draw) -> Path:
    """a holds both labels, b an instrument, c nothing."""
    masks = {"a": BOTH, "b": BOTH * (BOTH == 1), "c": BOTH * 0}
    (tmp_path / "mine/masks").mkdir(parents=True)
    for stem, mask in masks.items():
        draw_image(tmp_path / f"mine/images/{stem}.png")
        Image.fromarray(mask).save(tmp_path / f"mine/masks/{stem}.png")
    return tmp_path / "mine"


def test_each_label_of_a_mask_is_a_row_with_its_own_mask_and_prompt(
    mine: Path, tmp_path: Path
) -> None:
    prepared = prepare_folder(mine, tmp_path / "set", labels=NAMES)
    manifest = read_manifest(prepared.manifest)
    rows = {row.id: row for row in manifest.rows}
    assert list(rows) == ["a-polyp", "a-instrument", "b-instrument"]
    assert {row.id: row.prompts for row in manifest.rows} == {
        "a-polyp": {"prompt": ("polyp",)},
        "a-instrument": {"prompt": ("instrument",)},
        "b-instrument": {"prompt": ("instrument",)},
    }
    polyp, instrument = rows["a-polyp"], rows["a-instrument"]
    assert polyp.mask
    assert instrument.mask
    np.testing.assert_array_equal(read_mask(polyp.mask), BOTH == 2)
    np.testing.assert_array_equal(read_mask(instrument.mask), BOTH == 1)
    assert polyp.image == instrument.image == tmp_path / "set/images/a.png"
    assert (polyp.split, polyp.extra) == (instrument.split, {"label": "polyp"})
    assert check(manifest).faults == []
    assert prepared.warnings[0] == (
        "1 image holds none of the labels and has no row (the first: c)"
    )


def test_without_names_a_label_map_is_refused_with_its_values(mine: Path, tmp_path: Path) -> None:
    message = r"3 values \(0: 5,350 px, 1: 450 px, 2: 600 px\) in .*a\.png; .*--label VALUE=NAME"
    with pytest.raises(LabelMap, match=message):
        prepare_folder(mine, tmp_path / "set")
    assert not (tmp_path / "set/manifest.jsonl").exists()


def test_a_value_without_a_name_is_counted_and_is_background(mine: Path, tmp_path: Path) -> None:
    prepared = prepare_folder(mine, tmp_path / "set", labels={"polyp": ("2",), "clip": ("7",)})
    assert [row.id for row in read_manifest(prepared.manifest).rows] == ["a-polyp"]
    assert prepared.warnings[:3] == [
        "value 1 has no --label and counts as background (900 px in 2 masks)",
        "no mask holds the value 7 (--label 7=clip)",
        "2 images hold none of the labels and have no row (the first: b, c)",
    ]
    with pytest.raises(ManifestError, match=r"names \(7\) .*hold 1 \(900 px in 2 masks\), 2 \("):
        prepare_folder(mine, tmp_path / "set", labels={"clip": ("7",)})


def test_values_of_one_name_are_one_mask_and_colours_have_names_too(
    mine: Path, tmp_path: Path
) -> None:
    prepared = prepare_folder(mine, tmp_path / "set", labels={"left lung": ("1", "2")})
    (first, _) = read_manifest(prepared.manifest).rows
    assert (first.id, first.prompts) == ("a-left-lung", {"prompt": ("left lung",)})
    assert first.mask
    np.testing.assert_array_equal(read_mask(first.mask), BOTH > 0)
    coloured = np.zeros((80, 80, 3), np.uint8)
    coloured[BOTH == 1] = (255, 0, 0)
    coloured[BOTH == 2] = (0, 255, 0)
    Image.fromarray(coloured).save(mine / "masks/a.png")
    prepared = prepare_folder(mine, tmp_path / "of colours", labels={"polyp": ("#00ff00",)})
    (row,) = read_manifest(prepared.manifest).rows
    assert row.mask
    np.testing.assert_array_equal(read_mask(row.mask), BOTH == 2)


def test_a_tables_sentences_are_of_the_image_and_left_out(mine: Path, tmp_path: Path) -> None:
    table = [{"id": stem, "prompt": "upper left", "patient": "p"} for stem in "abc"]
    lines = [json.dumps(row) + "\n" for row in table]
    (mine / "annotations.jsonl").write_text("".join(lines))
    prepared = prepare_folder(mine, tmp_path / "set", labels=NAMES)
    rows = read_manifest(prepared.manifest).rows
    assert {row.prompts["prompt"] for row in rows} == {("polyp",), ("instrument",)}
    assert {row.group for row in rows} == {"p"}
    assert any("the table's sentences (3 images) are left out" in w for w in prepared.warnings)


def test_images_of_one_name_in_two_splits_stay_two(tmp_path: Path, draw_image: Draw) -> None:
    for split in ("train", "test"):
        draw_image(tmp_path / f"mine/{split}/images/1.png")
        (tmp_path / f"mine/{split}/masks").mkdir()
        Image.fromarray(BOTH).save(tmp_path / f"mine/{split}/masks/1.png")
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set", labels={"polyp": ("2",)})
    rows = read_manifest(prepared.manifest).rows
    assert [(row.id, row.image.name) for row in rows] == [
        ("1-polyp", "1.png"),
        ("1-polyp_test", "1_test.png"),
    ]


def test_labels_are_read_from_options() -> None:
    options = ["2=polyp", " 1 = tool ", "03=tool", "#FF0000=left lung"]
    assert parse_labels(options) == {
        "polyp": ("2",),
        "tool": ("1", "3"),
        "left lung": ("#ff0000",),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["polyp"], r"--label 'polyp'; VALUE=NAME.*write it as --label 2=polyp"),
        (["polyp=2"], r"--label 'polyp=2'"),
        (["0=background"], r"--label '0=background'.*0 is the background"),
        (["2="], r"--label '2=' without a name"),
        (["2=a", "2=b"], r"--label names the value 2 twice"),
        (["-1=a"], r"--label '-1=a'"),
        (["1=a\nb"], r"--label '1=a\\nb'"),
    ],
)
def test_what_is_no_label_is_named(options: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_labels(options)
