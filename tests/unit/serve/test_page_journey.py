"""An annotator's journey in a real browser: open, type, see, correct, keep, reload, train."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saywhere.data.manifest import read_manifest
from unit.serve.browsing import browser, opened, pictures, stroke
from unit.serve.served import serving

__all__ = ["browser"]


def test_open_type_see_correct_keep_reload_train(
    browser: Any, manifest: Path, trained: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    kept = tmp_path / "kept"
    with serving(trained, "--store", kept, folder=tmp_path) as (_, url):
        page, trouble = opened(browser, url)
        page.set_input_files("#open", pictures(manifest))
        expect(page.locator("#place")).to_have_text("1 of 2")
        page.fill("#prompt", "the spot, upper left")
        expect(page.locator("#labels .words")).to_have_text(["the spot, upper left"])
        page.fill("#prompt", "the spot, upper left\nthe spot, lower right")
        expect(page.locator("#labels .words")).to_have_text(
            ["the spot, upper left", "the spot, lower right"]
        )
        before = page.locator("#labels .facts").first.inner_text()
        stroke(page, 0.3)
        expect(page.locator("#labels .facts").first).to_contain_text("corrected")
        page.keyboard.press("Control+z")
        expect(page.locator("#labels .facts").first).to_have_text(before)
        page.keyboard.press("Control+Shift+z")
        expect(page.locator("#labels .facts").first).to_contain_text("corrected")
        page.click("#eraser")
        stroke(page, 0.7)
        page.click("#ask")
        expect(page.locator("#opposite-words")).to_have_text("“the spot, lower right”")
        page.fill("#who", "A.")
        page.keyboard.press("Control+s")
        expect(page.locator("#kept")).to_have_text("2 kept so far")
        page.click("#next")
        expect(page.locator("#place")).to_have_text("2 of 2, 1 kept")
        page.reload()
        expect(page.locator("#kept")).to_have_text("2 kept so far")
        page.set_input_files("#open", pictures(manifest))
        expect(page.locator("#labels .words")).to_have_text(
            ["the spot, upper left", "the spot, lower right"]
        )  # as they were kept, and the words too
        expect(page.locator("#labels .facts").first).to_contain_text("kept")
        expect(page.locator("#place")).to_have_text("1 of 2, 1 kept")
        expect(page.locator("#keep")).to_be_disabled()
        stroke(page, 0.5)
        page.keyboard.press("Control+s")
        expect(page.locator("#kept")).to_have_text("3 kept so far")
        assert trouble == []
    rows = [json.loads(line) for line in (kept / "manifest.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in rows] == [
        "the spot, upper left",
        "the spot, lower right",
        "the spot, upper left",
    ]
    assert [(row["who"], row.get("replaces")) for row in rows] == [
        ("A.", None),
        ("A.", None),
        ("A.", rows[0]["id"]),
    ]
    assert [row.id for row in read_manifest(kept).rows] == [
        rows[1]["id"],
        rows[2]["id"],
    ]  # a training takes the newest mask for the same words
    corrected, suggested, again = (
        np.asarray(Image.open(kept / place))
        for place in (rows[0]["mask"], rows[0]["suggested"], rows[2]["mask"])
    )
    side = corrected.shape[0]
    across = slice(int(side * 0.25), int(side * 0.75))
    # A thin brush may take the row above or below: the page can stand half a pixel off.
    brushed, erased = (slice(int(side * at) - 1, int(side * at) + 2) for at in (0.3, 0.7))
    assert (corrected[brushed, across] == 255).any(axis=0).all()
    assert (corrected[erased, across] == 0).any(axis=0).all()
    assert np.array_equal(corrected[-1], suggested[-1])  # where neither went
    rows_of_new_stroke = np.flatnonzero((again != corrected).any(axis=1))
    assert (
        abs(rows_of_new_stroke - side * 0.5) < side * 0.2
    ).all()  # the kept mask came back whole: only the new stroke was added
    page.close()
    finer = tmp_path / "finer"
    words = {
        "data.manifest": kept,
        "text.train_prompts": "prompt",
        "text.evaluate_prompts": "prompt",
        "train.epochs": 1,
        "train.steps_per_epoch": 1,
    }
    command = [
        "train",
        trained / "config.toml",
        "--from",
        trained,
        "--out",
        finer,
        *(f"--set={key}={value}" for key, value in words.items()),
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "saywhere", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, (finer / "metrics.jsonl").is_file()) == (0, True), ended.stderr
