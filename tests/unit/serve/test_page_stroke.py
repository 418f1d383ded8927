"""Which pixels a stroke of the brush marks, asked of the page's own module in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unit.serve.browsing import browser, opened
from unit.serve.served import serving

__all__ = ["browser"]


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(Path("polyp"), folder=tmp_path_factory.mktemp("served")) as (_, address):
        page, trouble = opened(browser, address)
        yield page
        assert trouble == []
        page.close()


def test_a_brush_thinner_than_a_pixel_leaves_no_notches(page: Any) -> None:
    holes = page.evaluate(
        """async () => {
            const { Label, FOREGROUND } = await import("/label.js");
            const found = [];
            for (let offset = 0; offset < 0.5; offset += 0.03) {
                const label = new Label("a line", 40, 9);
                label.begin();
                const from = { x: 2 + offset, y: 4.6 };  // nearer to row 5, and over row 4 as well
                label.line(from, { x: 37, y: 4.6 }, Math.SQRT1_2, FOREGROUND);
                const row = label.mask.subarray(4 * 40 + 4, 4 * 40 + 35);
                if (row.some((value) => !value)) found.push(offset);
            }
            return found;
        }"""
    )
    assert holes == []


def test_a_stroke_marks_the_pixels_within_its_radius_and_no_others(page: Any) -> None:
    wrong = page.evaluate(
        """async () => {
            const { Label, FOREGROUND } = await import("/label.js");
            const wrong = [];
            let seed = 1;
            const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
            for (let n = 0; n < 400; n++) {
                const [width, height] = [30, 20];
                const label = new Label("a line", width, height);
                const at = () => ({ x: 40 * random() - 5, y: 30 * random() - 5 });
                const from = at(), to = at(), radius = Math.SQRT1_2 + 6 * random() ** 3;
                if (n % 4 === 1) to.x = from.x;
                if (n % 4 === 2) to.y = from.y;
                if (n % 40 === 3) Object.assign(to, from);
                label.begin();
                label.line(from, to, radius, FOREGROUND);
                const [dx, dy] = [to.x - from.x, to.y - from.y], all = dx * dx + dy * dy;
                for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
                    const along = ((x - from.x) * dx + (y - from.y) * dy) / all;
                    const t = all ? Math.min(1, Math.max(0, along)) : 0;
                    const far = Math.hypot(x - from.x - t * dx, y - from.y - t * dy) - radius;
                    const isOn = label.mask[y * width + x] === 1;
                    if (Math.abs(far) > 1e-9 && isOn !== far < 0) wrong.push([n, x, y, far]);
                }
                if (label.area !== label.mask.reduce((a, b) => a + b, 0)) wrong.push([n, "area"]);
            }
            return wrong;
        }"""
    )
    assert wrong == []


def test_a_list_of_pictures_made_anew_does_not_move_the_page_under_a_stroke(
    page: Any, tmp_path: Path
) -> None:
    """A correction or a preview can come while the pen is down, with the list scrolled away."""
    from playwright.sync_api import expect

    for number in range(30):
        Image.new("L", (32, 32), 60 + number).save(tmp_path / f"{number:02}.png")
    page.set_input_files("#open", sorted(tmp_path.glob("*.png")))
    expect(page.locator("#place")).to_have_text("1 of 30")
    expect(page.locator("#pictures .no-thumbnail")).to_have_count(28)  # this one and the next
    page.set_viewport_size({"width": 1000, "height": 500})
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    before = page.evaluate("window.scrollY")
    assert before > page.evaluate("document.querySelector('#pictures').offsetTop")
    shown = """async number => {
        const { show, state } = await import("/state.js");
        state.number = number;
        show();
        const box = (name) => document.querySelector(name).getBoundingClientRect();
        const [list, item] = [box("#pictures"), box("#pictures [aria-current]")];
        return [item.left >= list.left - 1 && item.right <= list.right + 1, window.scrollY];
    }"""
    assert [page.evaluate(shown, number) for number in (29, 3, 15)] == [[True, before]] * 3
