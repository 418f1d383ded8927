"""Parquet: one table of all predictions, whose run lengths are the masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from saywhere.inference.batch import run_jobs
from saywhere.inference.requests import jobs_for
from saywhere.inference.segmenter import Segmenter
from small_run import rows_of

parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return Segmenter(trained)


def test_a_row_holds_what_its_mask_file_and_its_line_hold(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    jobs = jobs_for([pictures / "one"], ["left", "right"])
    run_jobs(segmenter, jobs, out, formats="png,parquet")
    rows = parquet.read_table(out / "predictions.parquet").to_pylist()
    lines = rows_of(out / "predictions.jsonl")
    assert [row["id"] for row in rows] == ["a-1", "a-2", "a-2-1", "a-2-2"]
    for row, line in zip(rows, lines):
        size = [row["height"], row["width"]]
        mask = coco.decode({"size": size, "counts": row["mask_counts"]}) > 0
        assert np.array_equal(mask, np.asarray(Image.open(out / line["mask"])) > 0)
        names = ("prompt", "area_px", "presence", "confidence", "unfamiliarity", "threshold")
        assert {name: row[name] for name in names} == {name: line[name] for name in names}
        assert line["parquet"] == "predictions.parquet"


def test_a_stopped_batch_goes_on_and_the_table_holds_all(
    segmenter: Segmenter, pictures: Path, out: Path
) -> None:
    one = jobs_for([pictures / "one/a.png"], ["left"])
    both = jobs_for([pictures / "one/a.png", pictures / "two/a.png"], ["left"])
    run_jobs(segmenter, one, out, formats="parquet")
    (out / "predictions.parquet").unlink()  # as a kill before its end leaves the folder
    outcome = run_jobs(segmenter, both, out, formats="parquet")
    assert outcome.n_skipped == 1
    assert parquet.read_table(out / "predictions.parquet").column("id").to_pylist() == ["a", "a-2"]
    # A call for another format loses no row.
    run_jobs(segmenter, jobs_for([pictures / "one/a.bmp"], ["left"]), out)
    images = parquet.read_table(out / "predictions.parquet").column("image").to_pylist()
    assert sorted(images) == sorted(map(str, [pictures / "one/a.bmp", pictures / "two/a.png"]))


def test_a_single_result_is_a_table_of_one_row(segmenter: Segmenter, out: Path) -> None:
    result = segmenter.segment(np.full((8, 9), 90, np.uint8), "left")
    paths = result.save(out, "b", format="parquet")
    assert paths == {"parquet": out / "b.parquet"}
    (row,) = parquet.read_table(paths["parquet"]).to_pylist()
    assert (row["id"], row["prompt"], row["height"], row["width"]) == ("b", "left", 8, 9)
    assert row["confidence"] == result.to_json()["confidence"]
