"""Names, prompts and a model of a stranger on the page, in a browser: nothing of them runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import saywhere
from unit.serve.browsing import browser, opened, stroke
from unit.serve.served import serving

__all__ = ["browser"]
MODELS = Path(saywhere.__file__).parent / "models"
HANDLER = "<img src=x onerror=document.title='owned'>"
PROMPTS = (
    HANDLER,
    "\"><svg onload=document.title='owned'>",
    "' onmouseover='document.title=1' x='",
    "</textarea><script>document.title='owned'</script>",
    "${document.title='owned'}{{7*7}}",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model whose name, title and suggestions are hostile, and a store."""
    folder = tmp_path_factory.mktemp("served")
    model = folder / HANDLER
    shutil.copytree(MODELS / "lung-infection", model)
    document = json.loads((model / "config.json").read_text())
    document["about"] |= {"suggestions": list(PROMPTS), "title": HANDLER}
    (model / "config.json").write_text(json.dumps(document))
    with serving(model, "--store", folder / "kept", folder=folder) as (_, address):
        yield address


def assert_nothing_ran(page: Any) -> None:
    page.mouse.move(600, 450)
    page.wait_for_timeout(300)
    assert page.title() not in ("owned", "1")
    made = "document.querySelectorAll('[onerror], [onload], [onmouseover], svg[onload]').length"
    assert page.evaluate(made) == 0
    # The page's own scripts are files; none stands in the text.
    assert page.evaluate("document.querySelectorAll('script:not([src])').length") == 0


def test_names_and_prompts_are_shown_and_do_nothing(
    browser: Any, served: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    picture = tmp_path / f"{HANDLER}.png"
    noise = np.random.default_rng(0).integers(60, 200, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(picture)
    broken = tmp_path / f"broken{HANDLER}.png"
    broken.write_bytes(b"no picture")
    page, trouble = opened(browser, served)
    page.set_input_files("#open", [picture, broken])
    page.fill("#prompt", "\n".join(PROMPTS))
    expect(page.locator("#labels .words")).to_have_text(list(PROMPTS))
    assert_nothing_ran(page)
    assert HANDLER in page.inner_text("body") + "".join(
        page.evaluate("[...document.querySelectorAll('option, [title]')].map(e => e.outerHTML)")
    ).replace("&lt;", "<").replace("&gt;", ">")
    stroke(page, 0.5)
    page.keyboard.press("Control+s")
    expect(page.locator("#labels .facts").first).to_contain_text("kept")
    # Kept words come back, are offered again, and stand in the list of pictures.
    page.reload()
    page.set_input_files("#open", [picture, broken])
    expect(page.locator("#labels .words").first).to_be_visible()
    page.locator("#prompt").click()
    assert_nothing_ran(page)
    page.keyboard.press("Alt+ArrowRight")
    page.set_input_files("#open", [broken])
    assert_nothing_ran(page)
    assert [text for text in trouble if "the server responded with a status of 4" not in text] == []
    page.close()
