"""The pictures of the page, in both themes and widths.

    python docs/picture_page.py RUN IMAGE "prompt" ["other prompt"]

Writes docs/images/page.png, and all four to build/page/. Needs the serve and dev extras, and a
Chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

DOCS = Path(__file__).parent
LOOKED_AT = DOCS.parent / "build" / "page"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


def main(run: str, image: str, *prompts: str) -> None:
    """Serve the run, and take four pictures of the page with this image and these prompts."""
    LOOKED_AT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "saywhere", "serve", run, "--store", store, "--port", "0"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            printed = (re.search(r"http://[\d.]+:\d+/", line) for line in server.stderr)
            address = next(match.group() for match in printed if match)
            with sync_playwright() as running:
                browser = running.chromium.launch(
                    executable_path=shutil.which("chromium"), args=QUIET
                )
                for scheme in ("light", "dark"):
                    for width in (1280, 390):
                        _take(browser, address, image, prompts, scheme, width)
        finally:
            server.terminate()
            server.wait()
    shutil.copyfile(LOOKED_AT / "light-1280.png", DOCS / "images" / "page.png")


def _take(
    browser: Browser, address: str, image: str, prompts: tuple[str, ...], scheme: str, width: int
) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(address)
    page.set_input_files("#open", image)
    expect(page.locator("#picture")).to_have_attribute("aria-label", "Picture 1 of 1")
    page.fill("#prompt", "\n".join(prompts))
    expect(page.locator("#labels .words")).to_have_text(list(prompts), timeout=60_000)
    page.click("#ask")
    expect(page.locator("#ask")).to_be_enabled(timeout=60_000)
    for _ in range(2):
        page.click("#closer")
    page.screenshot(path=LOOKED_AT / f"{scheme}-{width}.png", full_page=True)
    page.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
