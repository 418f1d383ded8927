"""Ids and prompts of a stranger in the report, in a browser: nothing runs, all of it is seen."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from saywhere.report.build import build_report
from unit.serve.browsing import browser, opened

__all__ = ["browser"]

HOSTILE = {
    "script": "<script>document.title = 'owned'</script>",
    "handler": '"><img src=x onerror="document.title = \'owned\'">',
    "attribute": "' onmouseover='document.title = 1' x='",
    "template": "{{ 7 * 7 }}{% raw %}",
    "formula": "=cmd|' /C calc'!A0",
    "escape": "\x1b[31mred\x1b[0m",
    "turned": "polyp\u202egnp.exe",
    "nothing": "a\x00b",
    "half": "a\udcffb",
    "long": "polyp" * 4_000,
    "close": "</style></title></textarea><svg/onload=document.title='owned'>",
}
SHOWN = {
    "escape": "\\u001b[31mred\\u001b[0m",
    "turned": "polyp\\u202egnp.exe",
    "nothing": "a\\u0000b",
    "half": "a\\udcffb",
}


@pytest.fixture
def hostile(run: Path, fake: SimpleNamespace, tmp_path: Path) -> Path:
    """The page of a run whose ids and prompts are the strings above."""
    texts = list(HOSTILE.values())
    fake.write(run / "run.json", {**fake.record(), "warnings": texts})
    path = run / "evaluation" / "pictures.json"
    pictures = json.loads(path.read_text())
    cases = [
        {**pictures["cases"][0], "id": text, "prompt": text, "rank": "best"} for text in texts[:6]
    ]
    answers = [{**pictures["prompts"][0]["answers"][0], "prompt": text} for text in texts[5:]]
    asked = [{**pictures["prompts"][0], "id": texts[0], "answers": answers}]
    fake.write(path, {"cases": cases, "prompts": asked})
    return build_report(run, tmp_path / "page.html")


def test_no_sign_that_turns_or_hides_text_is_in_the_page(hostile: Path) -> None:
    text = hostile.read_text(encoding="utf-8")
    for sign in ("\x1b", "\x00", "\u202e"):
        assert sign not in text
    for shown in SHOWN.values():
        assert shown in text


def test_a_browser_runs_nothing_of_it(hostile: Path, browser: Any) -> None:
    page, trouble = opened(browser, hostile.as_uri(), width=400)
    # Handlers of pictures run late, and of the mouse when it comes by.
    page.mouse.move(200, 400)
    page.wait_for_timeout(300)
    assert "owned" not in page.title()
    assert page.title() != "1"
    assert trouble == []
    assert page.evaluate("document.querySelectorAll('script, svg[onload], [onerror]').length") == 0
    body = page.inner_text("body")
    for name, text in HOSTILE.items():
        assert SHOWN.get(name, text) in body, name
    # The longest one is broken into lines, and the page is no wider than the window.
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()
