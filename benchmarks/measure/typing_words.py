"""How soon the mask follows the words: python benchmarks/measure/typing_words.py RUN [--keep]

In a real browser, from the last key to the mask that is drawn, the 0.12 s in which the page waits
for another key among it: new words each time, on pictures of two sizes. Prints JSON, and with
--keep writes it to benchmarks/results/typing.json, from which `benchmarks/pages/tables.py` makes a
table of docs/service.md. Needs the serve and dev extras, and a Chromium.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from load import Server, machine_facts
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from saywhere.io.files import write_json

RESULT = Path(__file__).parents[1] / "results" / "typing.json"
SIZES = ((224, 224), (1024, 1280))
WORDS = [
    f"one {size} polyp, {down} {across}"
    for size, down, across in itertools.product(
        ("small", "medium", "large"), ("upper", "lower"), ("left", "right")
    )
]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
TYPE = """words => new Promise((resolve) => {
  const box = document.querySelector("#prompt"), labels = document.querySelector("#labels");
  const started = performance.now();
  new MutationObserver((_, watch) => {
    if (labels.querySelector(".words")?.textContent !== words) return;
    watch.disconnect();
    requestAnimationFrame(() => resolve((performance.now() - started) / 1000));
  }).observe(labels, { childList: true });
  box.value = words;
  box.dispatchEvent(new Event("input", { bubbles: true }));
})"""


def main(run: Path) -> dict[str, Any]:
    """Height × width → median and longest wait in seconds, over one change per entry of WORDS."""
    found: dict[str, Any] = {"run": run.name, "changes": len(WORDS), **machine_facts()}
    with (
        Server(run) as (address, _),
        sync_playwright() as running,
        tempfile.TemporaryDirectory() as folder,
    ):
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for height, width in SIZES:
            waits = _waits(browser.new_page(), address, _picture(Path(folder), height, width))
            found[f"{height} × {width}"] = {
                "median_s": round(statistics.median(waits), 3),
                "longest_s": round(max(waits), 3),
            }
        browser.close()
    return found


def _picture(folder: Path, height: int, width: int) -> Path:
    """Smooth, like a photograph: noise would measure the PNG's size."""
    down, across = np.mgrid[:height, :width]
    values = np.stack([128 + 100 * np.sin((down * i + across) / 90) for i in (1, 2, 3)], 2)
    path = folder / f"{height}.png"
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def _waits(page: Page, address: str, picture: Path) -> list[float]:
    page.goto(address)
    page.set_input_files("#open", picture)
    expect(page.locator("#labels .words")).to_have_count(1, timeout=60_000)
    page.evaluate(TYPE, "a polyp")  # the first one warms up
    waits = [float(page.evaluate(TYPE, words)) for words in WORDS]
    page.close()
    return waits


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    measured = main(asked.run)
    print(json.dumps(measured, indent=2, ensure_ascii=False))
    if asked.keep:
        write_json(RESULT, measured)
