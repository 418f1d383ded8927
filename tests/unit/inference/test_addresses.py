"""Pictures and predictions at s3:// addresses: the same masks as from a disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console import invoke
from s3_server import bucket as bucket
from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.inference import chunked
from saywhere.inference.batch import run_jobs
from saywhere.inference.chunk_worker import Recipe
from saywhere.inference.requests import jobs_from_manifest
from saywhere.inference.segmenter import Segmenter
from saywhere.io import addresses
from small_run import rows_of, write_rows


def test_an_address_survives_being_a_path() -> None:
    assert addresses.of(Path("s3://bucket/a b/c.png")) == "s3://bucket/a b/c.png"
    assert addresses.of("S3://bucket/a/") == "s3://bucket/a"
    others = ("C:/images/a.png", "a/b.png", "dicomweb://host/studies/1", "/s3:/x", "s3:")
    assert [addresses.of(path) for path in others] == [None] * len(others)
    assert addresses.join("s3://bucket/lists", "../images/a.png") == "s3://bucket/images/a.png"
    assert addresses.parent("s3://bucket/lists/m.jsonl") == "s3://bucket/lists"


def test_what_cannot_be_fetched_is_one_error_of_ours(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"s3://pictures/none\.png"):
        addresses.fetch(f"{bucket}/none.png", tmp_path / "x")
    addresses.send(b"12345", f"{bucket}/five")
    with pytest.raises(UnreadableFile, match="5 bytes"):
        addresses.fetch(f"{bucket}/five", tmp_path / "x", at_most_bytes=4)
    with pytest.raises(UsageError, match="nothing opens nowhere://"):
        addresses.fetch("nowhere://a/b", tmp_path / "x")
    addresses.remove([f"{bucket}/five", f"{bucket}/five"])
    assert not addresses.is_file(f"{bucket}/five")
    assert addresses.names_in(f"{bucket}/no-such-folder") == []


@pytest.fixture
def at_bucket(bucket: str, manifest: Path) -> str:
    """The test split's pictures, and a manifest with a row of a picture that is not there."""
    rows = [row for row in rows_of(manifest) if row["split"] == "test"][:5]
    for row in rows:
        addresses.send(manifest.parent / row["image"], f"{bucket}/{row['image']}")
    rows.append({**rows[0], "id": "gone", "image": f"{bucket}/images/gone.png"})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    addresses.send(text.encode(), f"{bucket}/manifest.jsonl")
    return bucket


def test_a_manifest_and_pictures_at_an_address_give_the_masks_of_a_disk(
    at_bucket: str,
    trained: Path,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def predict(out: str) -> Any:
        listed = f"{at_bucket}/manifest.jsonl"
        formats = ["--format", "png,parquet", "--json"]
        return invoke(
            monkeypatch, capsys, "predict", trained, "--manifest", listed, "--out", out, *formats
        )

    out = f"{at_bucket}/out"
    ended = predict(out)
    assert ended.code == 3, ended.err
    document = json.loads(ended.out)
    assert [row["image"] for row in document["failures"]] == [f"{at_bucket}/images/gone.png"]
    segmenter = Segmenter(trained)
    rows = [row for row in rows_of(manifest) if row["split"] == "test"][:5]
    jobs = jobs_from_manifest(write_rows(manifest.with_name("five.jsonl"), rows), segmenter, None)
    run_jobs(segmenter, jobs, tmp_path / "disk", formats="png,parquet")
    copy = tmp_path / "copy"
    for name in addresses.names_in(out):
        addresses.fetch(f"{out}/{name}", copy / name)
    masks = {path.name: path.read_bytes() for path in (tmp_path / "disk").glob("*.png")}
    assert {path.name: path.read_bytes() for path in copy.glob("*.png")} == masks
    assert len(masks) == 10
    assert (copy / "predictions.parquet").is_file()
    lines = rows_of(copy / "predictions.jsonl")
    assert [row["image"] for row in lines] == [f"{at_bucket}/{row['image']}" for row in rows]
    again = json.loads(predict(out).out)
    assert again["skipped"] == 5
    assert addresses.names_in(f"{out}/predictions.parts") == []


def test_a_folder_at_an_address_leaves_out_what_predict_wrote_there(
    bucket: str, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    from saywhere.inference.address_requests import plan_anywhere

    folder = f"{bucket}/folder"
    addresses.send(manifest.parent / "images/test_0000.png", f"{folder}/a.png")
    addresses.send(b"text", f"{folder}/notes.txt")
    plan = plan_anywhere([Path(folder)], ["left", "right"])
    assert [(addresses.of(job.image), job.stem) for job in plan.jobs] == [
        (f"{folder}/a.png", "a-1"),
        (f"{folder}/a.png", "a-2"),
    ]
    assert [file.path.name for file in plan.skipped] == ["notes.txt"]
    recipe = Recipe(run=str(trained), out=folder, folder=str(tmp_path))
    outcome = chunked.run_chunked(plan.jobs, recipe, on=chunked.LOCAL)
    assert len(outcome.predictions) == 2
    again = plan_anywhere([Path(folder)], ["left", "right"])
    assert [job.stem for job in again.jobs] == ["a-1", "a-2"]


def test_a_parquet_table_of_jobs_is_read_like_lines(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from saywhere.inference.requests import jobs_from_file

    image = str(manifest.parent / "images/test_0000.png")
    rows = [
        {"id": "one", "image": image, "prompt": "left"},
        {"id": "two", "image": "s3://pictures/b.png", "prompt": "right"},
        {"id": "bad", "image": None, "prompt": "right"},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "jobs.parquet")
    lines = [*rows[:2], {"id": "bad", "prompt": "right"}]
    of_table, refused = jobs_from_file(tmp_path / "jobs.parquet")
    of_lines, also_refused = jobs_from_file(write_rows(tmp_path / "jobs.jsonl", lines))
    assert of_table == of_lines
    assert [one.line for one in refused] == [one.line for one in also_refused] == [3]
    assert addresses.of(of_table[1].image) == "s3://pictures/b.png"
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError, match="no Parquet table"):
        jobs_from_file(tmp_path / "bad.parquet")
