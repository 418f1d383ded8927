"""The site: built strictly, and whole without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DOCS, ROOT

FROM_THE_NET = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]+\"[^>]*>"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    for page in DOCS:
        assert (site / Path(page).relative_to("docs").with_suffix(".html")).is_file()
    assert not list(site.rglob("*.py"))


def test_no_page_takes_anything_from_the_net(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = [
            tag
            for tag in FROM_THE_NET.findall(page.read_text(encoding="utf-8"))
            if 'rel="canonical"' not in tag
        ]
        assert fetched == [], page.name


def test_the_library_is_read_off_its_docstrings(site: Path) -> None:
    text = (site / "reference" / "library.html").read_text(encoding="utf-8")
    for name in (
        "saywhere.load",
        "saywhere.Segmenter.segment",
        "saywhere.train",
        "saywhere.serve.app.build_app",
        "saywhere.errors.UnreadableFile",
    ):
        assert f'id="{name}"' in text
    assert "Segment what the prompt names" in text


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        ('<link rel="stylesheet" href="https://fonts.example/css">', True),
        ('<script src="//cdn.example/x.js">', True),
        ('<script src="assets/x.js">', False),
        ('<a href="https://arxiv.org/abs/2510.12482">', False),
    ],
)
def test_what_would_be_fetched_is_noticed(tag: str, is_one: bool) -> None:
    assert bool(FROM_THE_NET.search(tag)) == is_one
