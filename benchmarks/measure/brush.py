"""How fast the page's brush is: python benchmarks/measure/brush.py [RUN] [--src DIR] [--keep]

In a real browser without a GPU, on pictures of 2048 × 2048 and 4000 × 3000 pixels: the time from
the moment that the page is handed a pointer's move to the end of the frame that shows it, over 200
moves of one stroke; then undo, keep until the page says that it is on the disk, and the next of two
pictures, made ready before, until the frame that shows its masks. `--src` measures the page of
another checkout's src/, for a ratio on the same machine; `--check` takes a small picture and 20
moves, to see that it works. Prints JSON; --keep writes it to benchmarks/results/brush.json. Needs
the serve and dev extras, and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from load import Server, machine_facts
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from saywhere.io.files import write_json

RESULT = Path(__file__).parents[1] / "results" / "brush.json"
STEPS = 10
SIZES = ((2048, 2048), (3000, 4000))
# The display's own 60 Hz would be measured else: a frame is made as soon as it can be.
FREE = ["--no-sandbox", "--disable-gpu", "--disable-gpu-vsync", "--disable-frame-rate-limit"]
WATCH = """() => {
  const waits = globalThis.waits = [];
  for (const kind of ["pointermove", "keydown"]) {
    addEventListener(kind, (event) => {
      if (event.key === "Control") return;  // comes before the z
      const begun = performance.now();
      const { port1, port2 } = new MessageChannel();
      // The message comes after the frame's own work.
      port1.onmessage = () => waits.push(performance.now() - begun);
      requestAnimationFrame(() => port2.postMessage(null));
    }, { capture: true });
  }
}"""


NEXT = """() => new Promise((resolve) => {
  const begun = performance.now();
  const isShown = () => document.querySelector("#picture").ariaLabel === "Picture 2 of 2"
    && document.querySelector("#labels .words");
  const look = () => {
    if (!isShown()) return requestAnimationFrame(look);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(performance.now() - begun);
    requestAnimationFrame(() => port2.postMessage(null));
  };
  document.querySelector("#next").click();
  look();
})"""


def main(run: Path, n_events: int, sizes: Sequence[tuple[int, int]] = SIZES) -> dict[str, Any]:
    """Height × width → milliseconds: of a move, of undo, of keep, of the next picture."""
    found: dict[str, Any] = {"events": n_events, **machine_facts()}
    with (
        Server(run) as (address, _),
        sync_playwright() as running,
        tempfile.TemporaryDirectory() as folder,
    ):
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=FREE)
        for height, width in sizes:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)
            files = [_picture(Path(folder), height, width, number) for number in (1, 2)]
            page.set_input_files("#open", files)
            expect(page.locator("#labels .words")).to_have_count(1, timeout=120_000)
            page.evaluate(WATCH)
            found[f"{height} × {width}"] = _measured(page, n_events)
            page.close()
        browser.close()
    return found


def _measured(page: Page, n_events: int) -> dict[str, float]:
    page.fill("#size", "40")
    moves = _stroke(page, n_events)
    page.locator("#picture").focus()
    undo = _wait(page, lambda: page.keyboard.press("Control+z"))
    page.keyboard.press("Control+Shift+z")
    return {
        "move_median_ms": round(float(np.median(moves)), 1),
        "move_p95_ms": round(float(np.percentile(moves, 95)), 1),
        "undo_ms": round(undo, 1),
        "keep_ms": round(_keep(page), 1),
        "next_ms": round(_next(page), 1),
    }


def _stroke(page: Page, n_events: int) -> list[float]:
    box = page.locator("#picture").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reach = min(box["width"], box["height"]) * 0.4
    page.mouse.move(*middle)
    page.mouse.down()
    before = page.evaluate("waits.length")
    # Round and round, in straight parts: the browser confirms each move before the next is sent.
    n_parts = n_events // STEPS
    for part in range(1, n_parts + 1):
        turn = 4 * math.pi * part / n_parts
        place = (middle[0] + reach * math.cos(turn), middle[1] + reach * math.sin(turn))
        page.mouse.move(*place, steps=STEPS)
    wanted = before + n_parts * STEPS
    page.wait_for_function("n => waits.length >= n", arg=wanted, timeout=600_000)
    page.mouse.up()
    return list(map(float, page.evaluate("([a, b]) => waits.slice(a, b)", [before, wanted])))


def _wait(page: Page, act: Any) -> float:
    before = page.evaluate("waits.length")
    act()
    page.wait_for_function("n => waits.length > n", arg=before, timeout=120_000)
    return float(page.evaluate("n => waits[n]", before))


def _keep(page: Page) -> float:
    page.on("dialog", lambda dialog: dialog.accept())  # the mask without words is meant
    return float(
        page.evaluate(
            """() => new Promise((resolve) => {
                const begun = performance.now(), kept = document.querySelector("#kept");
                const before = kept.textContent;
                new MutationObserver((_, watch) => {
                    if (kept.textContent === before) return;
                    watch.disconnect();
                    resolve(performance.now() - begun);
                }).observe(kept, { childList: true, characterData: true, subtree: true });
                document.querySelector("#keep").click();
            })"""
        )
    )


def _next(page: Page) -> float:
    """The second picture, when its masks were made ahead: an answer to it has come."""
    page.wait_for_function(
        """async () => {
            const { state, aboutFile } = await import("/state.js");
            return aboutFile(state.files[1]).expected !== undefined;
        }""",
        timeout=300_000,
    )
    return float(page.evaluate(NEXT))


def _picture(folder: Path, height: int, width: int, number: int) -> Path:
    """Smooth, like a photograph: noise would measure the PNG's size."""
    down, across = np.mgrid[:height, :width]
    shades = [128 + 100 * np.sin((down * i + across * number) / 90) for i in (1, 2, 3)]
    values = np.stack(shades, 2)
    path = folder / f"{height}-{number}.jpg"
    Image.fromarray(values.astype(np.uint8)).save(path, quality=90)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?", default=Path("polyp"))
    parser.add_argument("--src", type=Path, help="src/ of another checkout, whose page is measured")
    parser.add_argument("--events", type=int, default=200, help="moves of the stroke")
    parser.add_argument("--check", action="store_true", help="a small picture, 20 moves")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    if asked.src:
        os.environ["PYTHONPATH"] = str(asked.src.resolve())
    measured = main(asked.run, 20, [(600, 800)]) if asked.check else main(asked.run, asked.events)
    print(json.dumps(measured, indent=2, ensure_ascii=False))
    if asked.keep:
        write_json(RESULT, measured)
