"""Labels are told apart by their colours, by colour-blind people too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.serve.content import MAX_PROMPTS
from unit.serve.browsing import browser, opened
from unit.serve.served import serving

__all__ = ["browser"]
EYES = {
    "usual": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""On linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0."""
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])
LEAST = 15.0
"""Of CIE 1976: 2 is just seen side by side, 10 at a glance."""
WORDS = ("a polyp", "one small polyp", "one large polyp")


@pytest.fixture
def page(browser: Any, trained: Path, tmp_path: Path) -> Iterator[Any]:
    with serving(trained, "--store", tmp_path / "kept", folder=tmp_path) as (_, address):
        page, trouble = opened(browser, address)
        yield page
        assert trouble == []
        page.close()


def in_lab(colours: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """sRGB (colour, 3), 0 to 255 → CIELAB as these eyes see them."""
    shares = colours / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    ratios = np.clip(linear @ eye.T, 0, 1) @ TO_XYZ.T / WHITE
    x, y, z = np.where(ratios > 0.008856, np.cbrt(ratios), 7.787 * ratios + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def test_as_many_colours_as_prompts_differ_for_every_eye(page: Any) -> None:
    script = "n => import('/colours.js').then((m) => [...Array(n).keys()].map(m.colourOf))"
    colours = np.array(page.evaluate(script, MAX_PROMPTS))
    assert colours.shape == (MAX_PROMPTS, 3)
    for name, eye in EYES.items():
        seen = in_lab(colours, eye)
        apart = np.linalg.norm(seen[:, None] - seen, axis=2)
        assert apart[~np.eye(MAX_PROMPTS, dtype=bool)].min() > LEAST, name


def test_no_two_labels_have_one_colour_however_lines_come_and_go(page: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    Image.new("L", (96, 96), 90).save(tmp_path / "a.png")
    page.set_input_files("#open", tmp_path / "a.png")
    first, second, third = WORDS
    seen: dict[str, str] = {}
    for lines in ([first, second], [first, third], [second, first, third]):
        page.fill("#prompt", "\n".join(lines))
        expect(page.locator("#labels .words")).to_have_text(lines)
        swatches = page.locator("#labels .swatch").evaluate_all(
            "all => all.map((each) => each.style.backgroundColor)"
        )
        colours = dict(zip(lines, swatches))
        assert len(set(swatches)) == len(lines), colours
        # What stays on the list keeps its colour.
        assert all(seen[line] == colours[line] for line in (first, third) if line in seen)
        seen = colours
