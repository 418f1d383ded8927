"""A real browser at the page, for the tests of what people see and do there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from saywhere.data.manifest import read_manifest

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    playwright.expect.set_options(timeout=30_000)  # a busy machine is no fault of the page
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def opened(
    browser: Any, address: str, width: int = 1280, scheme: str = "light"
) -> tuple[Any, list[str]]:
    """A page, and what went wrong or left the machine."""
    trouble: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on(
        "console",
        lambda message: (
            trouble.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request",
        lambda request: (
            trouble.append(request.url)
            if not request.url.startswith((address, "blob:", "data:"))
            else None
        ),
    )
    page.goto(address)
    return page, trouble


def pictures(manifest: Path, n: int = 2) -> list[Path]:
    return list(dict.fromkeys(row.image for row in read_manifest(manifest).split("test")))[:n]


def stroke(page: Any, down: float) -> None:
    """Across the picture, at this share of its height."""
    box = page.locator("#picture").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * down)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * down, steps=6)
    page.mouse.up()


def drawn(page: Any, canvas: str) -> str:
    """What a canvas shows, as a data address; "" for one that is empty."""
    script = """name => {
        // Read from a copy: the page's own canvases are made for drawing.
        const canvas = document.querySelector(name), copy = document.createElement("canvas");
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const context = copy.getContext("2d", { willReadFrequently: true });
        const empty = copy.toDataURL();
        context.drawImage(canvas, 0, 0);
        return copy.toDataURL() === empty ? "" : copy.toDataURL();
    }"""
    return str(page.evaluate(script, canvas))


def barriers(page: Any) -> list[str]:
    """What axe-core calls serious or critical, with where it is.

    The page's policy lets no script in, so the browser's own tools bring it.
    """
    axe = pytest.importorskip(
        "axe_playwright_python.base", reason="axe-playwright-python is not installed"
    )
    found = page.evaluate(f"(() => {{ {axe.AXE_SCRIPT} }})(), axe.run()")["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
