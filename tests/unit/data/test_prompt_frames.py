"""Whose left a manifest's prompts mean, and how they come into one frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saywhere.data.manifest import Manifest, read_manifest
from saywhere.data.prompt_frames import Framed, frame_of, frame_warnings, in_frame
from saywhere.errors import ConfigError, ManifestError

DATA = Path(__file__).parents[4] / "shared" / "data"


def manifest_of(folder: Path, *rows: dict[str, Any]) -> Manifest:
    path = folder / "manifest.jsonl"
    lines = [
        json.dumps({"id": str(number), "image": "a.png"} | row) for number, row in enumerate(rows)
    ]
    path.write_text("\n".join(lines))
    return read_manifest(path)


def test_a_table_says_whose_level_by_level(tmp_path: Path) -> None:
    prompts = {"a": "left", "b": "left", "c": "left"}
    for columns in (
        {"frame": {"a": "image", "b": "patient"}},
        {"frame": "image", "frames": {"b": "patient"}},
    ):
        [row] = manifest_of(tmp_path, {"prompts": prompts} | columns).rows
        assert [row.frame_of(level) for level in "abc"] == ["image", "patient", "image"]


def test_a_csv_holds_the_table_as_json(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('id,image,prompt,frame\n1,a.png,left,"{""prompt"": ""patient""}"\n')
    assert read_manifest(path).rows[0].frame_of("prompt") == "patient"


@pytest.mark.parametrize("frames", [{"a": "mirror"}, {"a": ["image"]}, ["image"], "x", 3])
def test_a_table_of_something_else_is_refused(tmp_path: Path, frames: Any) -> None:
    with pytest.raises(ManifestError, match="frames"):
        manifest_of(tmp_path, {"prompt": "left", "frames": frames})


def test_one_frame_is_the_models(tmp_path: Path) -> None:
    rows = manifest_of(tmp_path, {"prompt": "left lung", "frame": "patient"}).rows
    assert frame_of(rows, ["prompt"]) == Framed("patient")


def test_words_that_say_whose_are_taught_beside_plain_ones(tmp_path: Path) -> None:
    prompts = {"short": "left lung", "whose": "the patient's right lung"}
    rows = manifest_of(tmp_path, {"prompts": prompts, "frame": {"whose": "patient"}}).rows
    assert frame_of(rows, ["short", "whose"]) == Framed("both", "image")
    assert frame_of(rows, ["whose"]) == Framed("patient")


def test_plain_words_of_two_frames_are_refused_and_warned_of(tmp_path: Path) -> None:
    prompts = {"a": "left lung", "b": "right lung"}
    manifest = manifest_of(tmp_path, {"prompts": prompts, "frames": {"b": "patient"}})
    with pytest.raises(
        ConfigError, match=r"'left lung' means the image's left .*'right lung' the p"
    ):
        frame_of(manifest.rows, ["a", "b"])
    assert frame_of(manifest.rows, ["a"]) == Framed("image")
    [warning] = frame_warnings(manifest)
    assert "two frames in plain words" in warning


def test_words_that_contradict_their_frame_are_warned_of(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, {"prompt": "the patient's left lung", "frame": "image"})
    [warning] = frame_warnings(manifest)
    assert "say whose left they mean, and the manifest says otherwise" in warning


@pytest.mark.parametrize(("orientation", "side"), [("L\\F", "right"), ("R\\F", "left")])
def test_prompts_are_translated_where_the_orientation_is_known(
    tmp_path: Path, orientation: str, side: str
) -> None:
    columns = {"frame": "patient", "orientation": orientation}
    manifest = manifest_of(tmp_path, {"prompt": "upper left lung"} | columns, {"prompt": "left"})
    first, second = in_frame(manifest.rows, ["prompt"], "image", "text.frame")
    assert first.prompts["prompt"] == (f"upper {side} lung",)
    assert first.frame_of("prompt") == "image"
    assert second == manifest.rows[1]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({}, "orientation of its picture is not known"), ({"orientation": "A\\F"}, "front")],
)
def test_what_cannot_be_translated_is_refused_with_the_reason(
    tmp_path: Path, columns: dict[str, str], reason: str
) -> None:
    manifest = manifest_of(tmp_path, {"prompt": "left lung", "frame": "patient"} | columns)
    with pytest.raises(ConfigError, match=reason):
        in_frame(manifest.rows, ["prompt"], "image", "text.frame")


def test_the_set_of_lungs_teaches_both(tmp_path: Path) -> None:
    if not (DATA / "lungs").exists():
        pytest.skip("the shared set of lungs is not here")
    manifest = read_manifest(DATA / "lungs")
    rows = manifest.split("train")
    assert frame_of(rows, ["image", "short"]) == Framed("image")
    assert frame_of(rows, ["patient"]) == Framed("patient")
    assert frame_of(rows, ["image", "short", "patient"]) == Framed("both", "image")
    assert frame_warnings(manifest) == []
