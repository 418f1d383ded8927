"""Twenty real films in one sitting: open, type, correct, keep, skip, go back, export, train.

The slow end-to-end check of the page; nothing of the films is kept in the repository.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dicom_file import DATA
from saywhere.data.manifest import read_manifest
from unit.serve.browsing import browser, opened, stroke
from unit.serve.served import serving

__all__ = ["browser"]
FILMS = sorted((DATA.parent / "lungs" / "images").glob("*_1*.jpg"))[:20]
WORDS = ("unilateral pulmonary infection, one infected area, upper right lung", "left lung")
SKIPPED = {4, 11}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(FILMS) < 20, reason="the lungs set is not here (shared/data/lungs)"),
]


def test_twenty_films_in_one_sitting(browser: Any, tmp_path: Path) -> None:
    store = tmp_path / "kept"
    with serving(Path("lung-infection"), "--store", store, folder=tmp_path) as (_, address):
        page, trouble = opened(browser, address)
        page.on("dialog", lambda dialog: dialog.accept())
        annotate(page)
        go_back_and_delete(page)
        export(page, tmp_path / "all.zip")
        assert trouble == []
        page.close()
    rows = read_manifest(store).rows
    assert len(rows) == 2 * (len(FILMS) - len(SKIPPED)) - 1  # one was deleted
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        for name in ("manifest.jsonl", *archive.namelist()):
            if name.startswith(("manifest", "images", "masks")):
                (tmp_path / "zip" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "zip" / name).write_bytes(archive.read(name))
    assert len(read_manifest(tmp_path / "zip" / "manifest.jsonl").rows) == len(rows)
    train(tmp_path)


def annotate(page: Any) -> None:
    from playwright.sync_api import expect

    page.set_input_files("#open", FILMS)
    page.fill("#who", "A.")
    for number in range(1, len(FILMS) + 1):
        expect(page.locator("#place")).to_contain_text(f"{number} of {len(FILMS)}")
        if number in SKIPPED:
            page.locator("#picture").focus()
            page.keyboard.press("n")
            continue
        page.fill("#prompt", "\n".join(WORDS))
        expect(page.locator("#labels .words")).to_have_text(list(WORDS))
        stroke(page, 0.3 + 0.02 * number)
        expect(page.locator("#labels .facts").first).to_contain_text("corrected")
        page.locator("#prompt").focus()
        page.keyboard.press("Control+Enter")
    expect(page.locator("#kept")).to_have_text(f"{2 * (len(FILMS) - len(SKIPPED))} kept so far")


def go_back_and_delete(page: Any) -> None:
    from playwright.sync_api import expect

    page.locator("#picture").focus()
    page.keyboard.press("m")  # the first that was skipped
    expect(page.locator("#place")).to_contain_text(f"{min(SKIPPED)} of")
    page.keyboard.press("p")
    expect(page.locator("#labels .facts").first).to_contain_text("· kept")
    expect(page.locator("#labels .words")).to_have_text(list(WORDS))
    page.get_by_role("button", name=f"Delete: {WORDS[1]}").click()
    expect(page.locator("#labels .words")).to_have_text([WORDS[0]])


def export(page: Any, file: Path) -> None:
    page.get_by_text("Export and import").click()
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(file)


def train(folder: Path) -> None:
    words = {
        "data.manifest": folder / "zip" / "manifest.jsonl",
        "text.train_prompts": "prompt",
        "text.evaluate_prompts": "prompt",
        "train.epochs": 1,
        "train.steps_per_epoch": 1,
    }
    command = [sys.executable, "-m", "saywhere", "train", "lung-infection"]
    command += ["--from", "lung-infection"]
    command += ["--out", str(folder / "finer"), *(f"--set={key}={words[key]}" for key in words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (folder / "finer" / "metrics.jsonl").is_file()
