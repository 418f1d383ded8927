"""Zoom, window, brush and the tools without painting, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unit.serve.browsing import browser, opened, stroke
from unit.serve.served import serving

__all__ = ["browser"]
SIDE = 120
FACTS = "#labels .facts"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    with serving(Path("polyp"), "--store", folder / "kept", folder=folder) as (_, address):
        yield address


@pytest.fixture
def page(browser: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """At a grey picture of two halves, with a label of which nothing is marked."""
    from playwright.sync_api import expect

    pixels = np.full((SIDE, SIDE), 60, np.uint8)
    pixels[:, SIDE // 2 :] = 180
    Image.fromarray(pixels).save(tmp_path / "halves.png")
    page, trouble = opened(browser, address)
    page.set_input_files("#open", tmp_path / "halves.png")
    page.fill("#prompt", "one polyp, upper left")
    expect(page.locator("#labels .words")).to_have_text(["one polyp, upper left"])
    page.fill("#threshold", "0.95")  # what the model marks at all is erased below
    erase_all(page)
    yield page
    assert trouble == []
    page.close()


def erase_all(page: Any) -> None:
    drawn_mask(page, "label.mask.map(() => 0)")


def drawn_mask(page: Any, mask: str) -> None:
    """Set the chosen label's mask, as a tool does, by an expression of `label`, x and y."""
    page.evaluate(
        f"""async () => {{
            const {{ labelNow, show }} = await import("/state.js");
            const label = labelNow();
            const each = (test) => label.mask.map(
                (_, i) => (test(i % label.width, Math.floor(i / label.width)) ? 1 : 0));
            label.become({mask});
            show();
        }}"""
    )


def marked(page: Any) -> np.ndarray:
    """bool (SIDE, SIDE): the chosen label's mask."""
    values = page.evaluate("""async () => [...(await import("/state.js")).labelNow().mask]""")
    return np.array(values, bool).reshape(SIDE, SIDE)


def view(page: Any) -> dict[str, float]:
    return dict(
        page.evaluate(
            """async () => {
                const { view } = await import("/stage.js");
                return { scale: view.scale, x: view.x, y: view.y };
            }"""
        )
    )


def centre(page: Any) -> tuple[float, float]:
    box = page.locator("#drop").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the picture lies on the screen."""
    box = page.locator("#picture").bounding_box()
    return box["x"] + (x + 0.5) * box["width"] / SIDE, box["y"] + (y + 0.5) * box["height"] / SIDE


def seen(page: Any, x: float, y: float, canvas: str = "#below") -> list[int]:
    """Red, green, blue, alpha that a canvas shows at a pixel of the picture."""
    page.evaluate(
        "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"
    )
    frame = page.locator("#drop").bounding_box()
    left, top = at(page, x, y)
    place = [left - frame["x"] - 1, top - frame["y"] - 1]
    return list(
        page.evaluate(
            """([name, x, y]) => {
                // Read from a copy: the page's own canvases are made for drawing.
                const copy = new OffscreenCanvas(1, 1);
                const context = copy.getContext("2d", { willReadFrequently: true });
                context.drawImage(document.querySelector(name), -Math.floor(x), -Math.floor(y));
                return [...context.getImageData(0, 0, 1, 1).data];
            }""",
            [canvas, *place],
        )
    )


def test_the_wheel_zooms_where_the_pointer_is_and_the_middle_button_moves(page: Any) -> None:
    x, y = at(page, 30, 40)
    before = view(page)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        "async (s) => (await import('/stage.js')).view.scale > s", arg=before["scale"]
    )
    assert np.allclose(at(page, 30, 40), (x, y), atol=1.5)  # the pixel under the pointer stays
    page.mouse.down(button="middle")
    page.mouse.move(x + 50, y + 30, steps=3)
    page.mouse.up(button="middle")
    assert np.allclose(at(page, 30, 40), (x + 50, y + 30), atol=1.5)
    assert not marked(page).any()
    page.click("#fit")
    assert view(page) == before
    page.click("#actual")
    assert view(page)["scale"] == 1
    page.locator("#picture").focus()
    page.keyboard.press("+")
    assert view(page)["scale"] == 1.25
    page.keyboard.press("f")
    assert view(page) == before
    page.keyboard.down(" ")
    page.mouse.move(*centre(page))
    page.mouse.down()
    page.mouse.move(centre(page)[0] + 40, centre(page)[1], steps=2)
    page.mouse.up()
    page.keyboard.up(" ")
    assert view(page)["x"] == before["x"] + 40
    assert not marked(page).any()


def test_two_fingers_move_and_never_paint(page: Any) -> None:
    before = view(page)
    x, y = centre(page)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        session.send(
            "Input.dispatchTouchEvent",
            {
                "type": kind,
                "touchPoints": [{"x": a, "y": b, "id": i} for i, (a, b) in enumerate(points)],
            },
        )

    touch("touchStart", (x - 20, y))
    touch("touchMove", (x - 25, y))
    assert marked(page).any()  # one finger paints
    touch("touchStart", (x - 25, y), (x + 25, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchMove", (x - 75, y), (x + 75, y))
    touch("touchEnd", (x - 75, y))
    touch("touchMove", (x - 90, y + 30))  # the finger that is left draws nothing
    touch("touchEnd")
    assert view(page)["scale"] > 2 * before["scale"]
    assert not marked(page).any()
    session.detach()


def test_a_window_of_grey_values_is_chosen_by_dragging_by_presets_and_by_keys(page: Any) -> None:
    assert seen(page, 20, 20)[:3] == [60, 60, 60]
    page.select_option("#window", label="Full range")  # 60 to 180
    assert seen(page, 20, 20)[:3] == [0, 0, 0]
    assert seen(page, 100, 20)[:3] == [255, 255, 255]
    page.select_option("#window", label="As stored")
    page.mouse.move(*centre(page))
    page.mouse.down(button="right")
    page.mouse.move(centre(page)[0] - 100, centre(page)[1] + 60, steps=4)
    page.mouse.up(button="right")
    assert page.locator("#window").input_value() == ""  # by hand
    assert seen(page, 20, 20)[0] < 60
    assert not marked(page).any()
    before = seen(page, 100, 20)[0]
    page.locator("#level").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert seen(page, 100, 20)[0] < before


def test_the_brush_paints_where_it_is_at_any_zoom_and_its_cursor_has_its_size(page: Any) -> None:
    page.mouse.move(*at(page, 60, 60))
    for _ in range(3):
        page.keyboard.press("+")
    page.fill("#size", "40")
    x, y = at(page, 60, 60)
    page.mouse.move(x, y)
    box = page.locator("#cursor").bounding_box()
    assert (round(box["width"]), round(box["height"])) == (40, 40)
    assert np.allclose((box["x"] + 20, box["y"] + 20), (x, y), atol=1)
    page.mouse.down()
    page.mouse.up()
    rows, columns = np.nonzero(marked(page))
    assert (round(rows.mean()), round(columns.mean())) == (60, 60)
    wide = 40 / view(page)["scale"]
    assert abs(np.ptp(columns) + 1 - wide) <= 1
    assert seen(page, 60, 60, "#above")[3] > 0
    assert seen(page, 20, 60, "#above")[3] == 0
    page.keyboard.press("Control+z")
    assert not marked(page).any()
    assert seen(page, 60, 60, "#above")[3] == 0


TWO_PARTS = "each((x, y) => (x < 30 && y < 30) || (x > 80 && y > 80 && !(x === 100 && y === 100)))"


@pytest.mark.parametrize("by", ["pointer", "keys"])
def test_a_part_is_kept_or_dropped_and_a_box_limits_the_mask(page: Any, by: str) -> None:
    drawn_mask(page, TWO_PARTS)

    def press(tool: str, *points: tuple[int, int]) -> None:
        if by == "pointer":
            page.click(tool)
            page.mouse.move(*at(page, *points[0]))
            page.mouse.down()
            page.mouse.move(*at(page, *points[-1]), steps=2)
            page.mouse.up()
            return
        page.locator("#picture").focus()
        page.keyboard.press({"#only": "k", "#drop-part": "d", "#box": "x"}[tool])
        for point in points:
            steer(page, *point)
            page.keyboard.press("Enter")

    press("#drop-part", (10, 10))
    assert not marked(page)[:30, :30].any()
    assert marked(page)[90, 90]
    page.keyboard.press("Control+z")
    press("#only", (10, 10))
    assert marked(page).sum() == 900
    page.keyboard.press("Control+z")
    press("#box", (15, 15), (95, 95))
    mask = marked(page)
    assert mask[20, 20]
    assert mask[90, 90]
    assert not mask[5, 5]
    assert not mask[100, 110]
    page.keyboard.press("Control+z")
    assert marked(page)[5, 5]
    press("#drop-part", (50, 50))
    from playwright.sync_api import expect

    expect(page.locator("#notice")).to_contain_text("Nothing is marked there")


def steer(page: Any, x: int, y: int) -> None:
    """Bring the keys' cross to a pixel, by arrows alone."""
    for _ in range(400):
        place = page.evaluate(
            """async () => {
                const cross = document.querySelector("#cross");
                if (cross.hidden) return null;
                const frame = document.querySelector("#drop").getBoundingClientRect();
                const { view } = await import("/stage.js");
                return view.pointAt(frame.left + 1 + parseFloat(cross.style.left),
                    frame.top + 1 + parseFloat(cross.style.top));
            }"""
        )
        if place is None:
            page.keyboard.press("ArrowLeft")
            continue
        across, down = x - place["x"], y - place["y"]
        if max(abs(across), abs(down)) < 2:
            return
        if abs(across) >= abs(down):
            page.keyboard.press("ArrowRight" if across > 0 else "ArrowLeft")
        else:
            page.keyboard.press("ArrowDown" if down > 0 else "ArrowUp")
    raise AssertionError(f"the cross did not come to {x}, {y}")


def test_a_polygon_is_filled_holes_too_and_a_mask_grows_and_shrinks(page: Any) -> None:
    page.click("#polygon")
    for x, y in ((20, 20), (60, 20), (60, 60), (20, 60)):
        page.mouse.click(*at(page, x, y))
    page.keyboard.press("Enter")
    mask = marked(page)
    assert mask[25:55, 25:55].all()
    assert not mask[70:].any()
    n = mask.sum()
    page.keyboard.press(".")
    assert marked(page).sum() > n
    page.keyboard.press("Control+z")
    page.keyboard.press(",")
    assert marked(page).sum() < n
    drawn_mask(
        page, "each((x, y) => x > 20 && x < 60 && y > 20 && y < 60 && !(x === 40 && y === 40))"
    )
    assert not marked(page)[40, 40]
    page.keyboard.press("h")
    assert marked(page)[40, 40]
    page.keyboard.press("Control+z")
    assert not marked(page)[40, 40]
    page.keyboard.press("g")
    page.mouse.click(*at(page, 5, 5))
    page.mouse.click(*at(page, 10, 5))
    page.keyboard.press("Escape")  # begun by mistake
    page.keyboard.press("Enter")
    assert not marked(page)[:15, :15].any()


def test_a_polygon_is_drawn_by_keys_alone(page: Any) -> None:
    page.locator("#picture").focus()
    page.keyboard.press("g")
    for x, y in ((25, 25), (90, 25), (90, 90)):
        steer(page, x, y)
        page.keyboard.press("Enter")
    assert not marked(page).any()
    page.keyboard.press("Shift+Enter")
    mask = marked(page)
    assert mask[35:40, 50:80].all()
    assert not mask[60:, :40].any()
    page.keyboard.press("Control+z")
    assert not marked(page).any()


def test_zoom_and_window_stay_for_the_next_picture_where_that_is_wanted(
    browser: Any, address: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    for name in "abc":
        Image.fromarray(np.full((SIDE, SIDE), 100, np.uint8)).save(tmp_path / f"{name}.png")
    page, _ = opened(browser, address)
    page.set_input_files("#open", [tmp_path / f"{name}.png" for name in "abc"])
    expect(page.locator("#place")).to_have_text("1 of 3")
    expect(page.locator("#zoom")).not_to_have_text("100 %")
    page.click("#closer")
    page.click("#closer")
    page.fill("#level", "10")
    scale = view(page)["scale"]
    tone = page.locator("#tone").inner_text()
    page.check("#keep-view")
    page.click("#next")
    expect(page.locator("#picture")).to_have_attribute("aria-label", "Picture 2 of 3")
    assert view(page)["scale"] == pytest.approx(scale)
    page.uncheck("#keep-view")
    page.click("#next")
    expect(page.locator("#picture")).to_have_attribute("aria-label", "Picture 3 of 3")
    assert view(page)["scale"] < scale
    assert tone
    page.close()


def test_a_picture_of_16_bits_keeps_its_values_and_a_dicom_file_its_window(
    browser: Any, address: str, tmp_path: Path
) -> None:
    pytest.importorskip("pydicom")
    from playwright.sync_api import expect

    from dicom_file import file, ramp

    deep = np.full((SIDE, SIDE), 1000, np.uint16)
    deep[:, SIDE // 2 :] = 1010  # alike in their upper 8 bits
    Image.fromarray(deep).save(tmp_path / "deep.png")
    (tmp_path / "film.dcm").write_bytes(file(ramp(900)))
    page, trouble = opened(browser, address)
    page.set_input_files("#open", [tmp_path / "deep.png", tmp_path / "film.dcm"])
    expect(page.locator("#picture")).to_have_attribute("aria-label", "Picture 1 of 2")
    page.select_option("#window", label="Full range")
    expect(page.locator("#tone")).to_have_text("1000 to 1010")
    assert seen(page, 20, 20)[0] == 0
    assert seen(page, 100, 20)[0] == 255
    page.click("#next")
    expect(page.locator("#picture")).to_have_attribute("aria-label", "Picture 2 of 2")
    expect(page.locator("#window")).to_have_value("0")
    assert page.locator("#window option").first.inner_text() == "As the file says"
    assert trouble == []
    page.close()


def test_a_stroke_is_smaller_than_a_tile_and_undone_in_any_tile(page: Any) -> None:
    before = marked(page)
    stroke(page, 0.5)
    painted = marked(page)
    assert painted.any()
    page.keyboard.press("Control+z")
    assert (marked(page) == before).all()
    page.keyboard.press("Control+Shift+z")
    assert (marked(page) == painted).all()
