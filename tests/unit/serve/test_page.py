"""The page in a real browser: words, labels, keys, files, messages, and who can use it.

Long because one browser and one service, which take seconds to start, serve all of it.
"""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import saywhere
from archive_server import KIND, answering, archive
from saywhere.data.manifest import read_manifest
from unit.serve.browsing import barriers, browser, drawn, opened, pictures, stroke
from unit.serve.conftest import blank_png
from unit.serve.served import serving

__all__ = ["browser"]


@pytest.fixture(scope="module")
def address(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of all these tests. A test that keeps a mask has a service of its own.

    What is kept for a picture is shown to whoever opens it next, in place of their words.
    """
    folder = tmp_path_factory.mktemp("served")
    with serving(trained, "--store", folder / "kept", folder=folder) as (_, address):
        yield address


def test_a_mask_says_its_expected_dice_while_it_is_the_models_own(
    browser: Any, run_copy: Path, manifest: Path, tmp_path: Path
) -> None:
    """It is learned at the model's threshold, of what the model marks.

    With another threshold or a person's stroke, the mask is another one.
    """
    from playwright.sync_api import expect

    saywhere.calibrate(run_copy, split="train")
    with serving(run_copy, folder=tmp_path) as (_, url):
        page, trouble = opened(browser, url)
        page.set_input_files("#open", pictures(manifest))
        page.fill("#prompt", "the spot, upper left")
        expect(page.locator("#labels .words")).to_have_text(
            ["the spot, upper left"]
        )  # the mask without words comes first
        facts = page.locator("#labels .facts").first
        expect(facts).to_have_text(re.compile(r"% · expected Dice 0\.\d\d$"))
        stroke(page, 0.5)  # between two rows of 32 pixels, with a brush of less than one
        expect(facts).to_have_text(re.compile(r"% · sure \d+ % · corrected$"))
        page.keyboard.press("Control+z")
        expect(facts).to_contain_text("expected Dice")
        page.fill(
            "#prompt", "not the spot, upper left"
        )  # of words that nobody taught it nothing is known
        expect(facts).to_have_text(re.compile(r"% · sure \d+ %$"))
        page.fill("#prompt", "the spot, upper left")
        expect(facts).to_contain_text("expected Dice")
        page.locator("#threshold").fill("0.3")
        expect(facts).to_have_text(re.compile(r"% · sure \d+ %$"))
        assert trouble == []
        page.close()


def test_the_chosen_words_stay_chosen_when_a_line_above_them_comes_or_goes(
    browser: Any, address: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page = opened(browser, address)[0]
    (tmp_path / "black.png").write_bytes(blank_png(64, 64))
    page.set_input_files("#open", tmp_path / "black.png")
    pressed = page.locator("#labels .choose[aria-pressed=true] .words")
    page.fill("#prompt", "the spot, upper left\nthe spot, lower right")
    expect(page.locator("#labels .words")).to_have_count(2)
    page.locator("#labels .choose").nth(1).click()
    for lines in (
        ["the spot, middle", "the spot, upper left", "the spot, lower right"],
        ["the spot, lower right"],
    ):
        page.fill("#prompt", "\n".join(lines))
        expect(page.locator("#labels .words")).to_have_text(lines)
        expect(pressed).to_have_text(["the spot, lower right"])
    page.fill("#prompt", "the spot, upper left")
    expect(pressed).to_have_text(["the spot, upper left"])  # the chosen line itself was typed anew
    page.close()


def test_a_stroke_stays_with_the_words_it_began_on(
    browser: Any, address: str, tmp_path: Path
) -> None:
    """An answer that comes under the brush brings another mask.

    A stroke that went on in it would have no beginning there, and could not be undone.
    """
    from playwright.sync_api import expect

    page, _ = opened(browser, address)
    held: list[Any] = []
    (tmp_path / "black.png").write_bytes(blank_png(64, 64))
    page.set_input_files("#open", tmp_path / "black.png")
    expect(page.locator("#labels .words")).to_have_text(["(empty prompt)"])
    page.route("**/v1/segment", lambda route: held.append(route))
    page.fill("#prompt", "the spot, middle")
    box = page.locator("#picture").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for _ in range(1500):
        if held:
            break
        page.wait_for_timeout(20)
    held.pop().continue_()
    expect(page.locator("#labels .words")).to_have_text(["the spot, middle"])
    page.mouse.move(x, y + box["height"] / 4, steps=4)
    page.mouse.up()
    assert "corrected" not in page.locator("#labels .facts").inner_text()
    expect(page.locator("#undo")).to_be_disabled()
    page.unroute("**/v1/segment")
    page.mouse.down()
    page.mouse.move(x, y, steps=2)
    page.keyboard.press("Control+z")  # in the middle of it
    page.mouse.move(x, y - box["height"] / 4, steps=2)
    page.mouse.up()
    assert "corrected" not in page.locator("#labels .facts").inner_text()
    page.fill("#prompt", "")
    expect(page.locator("#labels .facts")).to_contain_text(
        "corrected"
    )  # the stroke is where it began
    expect(page.locator("#undo")).to_be_enabled()
    page.close()


def test_two_tabs_keep_and_a_server_that_is_killed_loses_nothing(
    browser: Any, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    with serving(trained, "--store", tmp_path / "kept", folder=tmp_path) as (process, url):
        for tab, prompt in enumerate(("the spot, upper left", "the spot, lower left"), 1):
            page, _ = opened(browser, url)
            page.set_input_files("#open", pictures(manifest, 2)[tab - 1])
            page.fill("#prompt", prompt)
            expect(page.locator("#labels .words")).to_have_text([prompt])
            page.click("#keep")
            expect(page.locator("#kept")).to_have_text(
                f"{tab} kept so far"
            )  # the first tab is still open
        process.kill()
        process.wait(30)
    with serving(trained, "--store", tmp_path / "kept", folder=tmp_path) as (_, url):
        page, _ = opened(browser, url)
        expect(page.locator("#kept")).to_have_text("2 kept so far")
        page.set_input_files("#open", pictures(manifest, 1))
        expect(page.locator("#labels .words")).to_have_text(["the spot, upper left"])
        page.fill("#threshold", "0.9")
        expect(page.locator("#threshold-value")).to_have_text("0.90")
        expect(page.locator("#labels .facts")).to_contain_text(
            "kept"
        )  # no threshold changes what was kept
    assert [row.prompts["prompt"] for row in read_manifest(tmp_path / "kept").rows] == [
        ("the spot, upper left",),
        ("the spot, lower left",),
    ]


def test_a_sentence_taken_over_goes_into_its_own_line(browser: Any, address: str) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, address)
    page.fill("#prompt", "the first label\n")
    page.fill("#suggestion", "the spot, lower left")
    page.locator("#suggestion").dispatch_event("change")
    expect(page.locator("#prompt")).to_have_value("the first label\nthe spot, lower left")
    page.close()


def test_single_keys_and_sliders(
    browser: Any, address: str, manifest: Path, tmp_path: Path
) -> None:
    """And a TIFF, which only the server can read."""
    from playwright.sync_api import expect

    first, second = pictures(manifest)
    scan = tmp_path / "a.tiff"
    Image.open(first).save(scan)
    page, trouble = opened(browser, address)
    page.set_input_files("#open", [scan, second])
    page.fill("#prompt", "a spot somewhere")
    expect(page.locator("#labels .words")).to_have_text(["a spot somewhere"])
    page.locator("#picture").focus()
    for key, name, pressed in (("e", "#eraser", "true"), ("b", "#eraser", "false")):
        page.keyboard.press(key)
        expect(page.locator(name)).to_have_attribute("aria-pressed", pressed)
    page.keyboard.press("c")
    expect(page.locator("#contour")).to_be_checked()
    page.keyboard.press("]")
    expect(page.locator("#size")).to_have_value("15")
    page.keyboard.press("n")
    expect(page.locator("#place")).to_contain_text("2 of 2")
    page.keyboard.press("p")
    expect(page.locator("#place")).to_contain_text("1 of 2")
    shares = []
    for threshold in ("0.05", "0.95"):
        page.fill("#threshold", threshold)
        expect(page.locator("#threshold-value")).to_have_text(threshold)
        shares.append(float(page.locator("#labels .facts").inner_text().split(" %")[0]))
    assert shares[0] >= shares[1]
    assert trouble == []
    page.close()


def test_files_may_be_dropped_on_the_page(browser: Any, address: str, manifest: Path) -> None:
    from playwright.sync_api import expect

    page, trouble = opened(browser, address)
    dragged = page.evaluate_handle(
        """files => {
            const carried = new DataTransfer();
            for (const [name, bytes] of files)
                carried.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
            return carried;
        }""",
        [[path.name, list(path.read_bytes())] for path in pictures(manifest)],
    )
    page.fill("#prompt", "the spot, upper left")
    page.dispatch_event("#drop", "dragover", {"dataTransfer": dragged})
    expect(page.locator("#drop")).to_have_class(re.compile(r"\bover\b"))
    page.dispatch_event("#drop", "drop", {"dataTransfer": dragged})
    expect(page.locator("#drop")).not_to_have_class(re.compile(r"\bover\b"))
    expect(page.locator("#place")).to_contain_text("1 of 2")
    expect(page.locator("#labels .words")).to_have_text(["the spot, upper left"])
    assert trouble == []
    page.close()


def test_the_mask_follows_the_words_of_a_model_that_comes_along(
    browser: Any, tmp_path: Path
) -> None:
    """`polyp`, right after an install: another prompt, another mask.

    What the prompt did is shown for the prompt that is there.
    """
    from playwright.sync_api import expect

    light = np.full((96, 96, 3), (150, 70, 60), np.uint8)
    for place, radius in ((24, 16), (70, 11)):  # not alike: each has an area of its own
        light[np.hypot(*(np.mgrid[:96, :96] - place)) < radius] = (225, 150, 130)
    Image.fromarray(light).save(tmp_path / "two.png")
    with serving(Path("polyp"), "--store", tmp_path / "kept", folder=tmp_path) as (_, url):
        page, trouble = opened(browser, url)
        page.set_input_files("#open", tmp_path / "two.png")
        masks = {}
        for words in ("one small polyp, upper left", "one small polyp, lower right"):
            page.fill("#prompt", words)
            expect(page.locator("#labels .words")).to_have_text([words])
            masks[words] = (
                drawn(page, "#above"),
                drawn(page, "#pseudo"),
                page.locator("#labels .facts").inner_text(),
            )
        (first, first_pseudo, first_facts), (second, second_pseudo, second_facts) = masks.values()
        assert "" not in (first, second, first_pseudo, second_pseudo)
        assert first != second
        assert first_pseudo != second_pseudo
        assert first_facts != second_facts
        assert drawn(page, "#opposite") == drawn(page, "#empty") == ""
        page.click("#ask")
        expect(page.locator("#opposite-words")).to_have_text("“one small polyp, upper left”")
        before = drawn(page, "#opposite")
        assert "" not in (before, drawn(page, "#empty"))
        assert before != second
        page.fill("#threshold", "0.95")
        assert (
            drawn(page, "#opposite") != before
        )  # the evidence follows the threshold as the mask does
        page.fill("#prompt", "one small polyp, upper left")
        expect(page.locator("#opposite-words")).to_have_text("contradictory prompt")
        assert drawn(page, "#opposite") == drawn(page, "#empty") == ""  # it was of other words
        assert trouble == []
        page.close()


def test_what_of_a_folder_is_done_is_known_after_a_reload(
    browser: Any, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    with serving(trained, "--store", tmp_path / "kept", folder=tmp_path) as (_, url):
        for again in (False, True):
            page, _ = opened(browser, url)
            page.set_input_files("#open", pictures(manifest, 3))
            page.fill("#prompt", "the spot, upper left")
            expect(page.locator("#place")).to_have_text(
                "1 of 3, 1 kept" if again else "1 of 3"
            )  # though the second was never shown since the reload
            if not again:
                page.click("#next")
                expect(page.locator("#place")).to_have_text("2 of 3")
                expect(page.locator("#labels .words")).to_have_text(["the spot, upper left"])
                page.click("#keep")
                expect(page.locator("#place")).to_have_text("2 of 3, 1 kept")
            page.close()


def test_an_answer_that_is_a_proxys_is_one_clear_message(
    browser: Any, address: str, manifest: Path
) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, address)
    page.set_input_files("#open", pictures(manifest, 1))
    for status, body, message in (
        (502, "<html></html>", "answered 502 and no more: try again"),
        (504, '{"message": "x"}', "answered 504 and no more"),
        (401, '{"error": {}}', "open it by the address that"),
    ):
        page.route(
            "**/v1/segment",
            lambda route, *_, status=status, body=body: route.fulfill(status=status, body=body),
        )
        page.fill("#prompt", f"the spot, {status}")
        expect(page.locator("#notice")).to_contain_text(message)
        page.unroute("**/v1/segment")
    page.fill("#prompt", "the spot, upper left")
    expect(page.locator("#labels .words")).to_have_text(["the spot, upper left"])
    page.close()


def test_words_never_taught_are_marked(browser: Any, address: str, manifest: Path) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, address)
    page.set_input_files("#open", pictures(manifest, 1))
    page.fill("#prompt", "quarterly figures of a shipping company in Bremen")
    expect(page.locator("#notice")).to_contain_text("is unlike what this model was taught")
    page.fill("#prompt", "the spot, not upper left")
    expect(page.locator("#notice")).to_contain_text(
        "“the spot, not upper left” says what is not there: a model that was never taught"
    )
    page.fill("#prompt", "the spot, upper left")
    expect(page.locator("#notice")).to_be_hidden()
    page.close()


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No picture, one file and one picture over the limits."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "no.png").write_bytes(b"no picture")
    (folder / "file.png").write_bytes(bytes(33 * 1024 * 1024))
    (folder / "pixels.png").write_bytes(blank_png(5001, 8000))
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.png", "no image that can be read"),
        ("file.png", "This file has 33.0 MiB; at most 32.0 MiB are taken: make the image smaller."),
        (
            "pixels.png",
            "This picture has 8000 × 5001 pixels; at most 40,000,000 are taken: "
            "make the image smaller.",
        ),
    ],
)
def test_a_bad_file_is_one_clear_message(
    browser: Any, address: str, bad_files: Path, name: str, message: str
) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, address)
    page.set_input_files("#open", bad_files / name)
    expect(page.locator("#notice")).to_contain_text(message)
    page.close()


def test_too_many_words_are_one_clear_message_and_as_many_as_allowed_are_none(
    browser: Any, address: str, manifest: Path
) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, address)
    page.set_input_files("#open", pictures(manifest, 1))
    page.fill("#prompt", "left " * 1999 + "right")
    expect(page.locator("#labels .words")).to_have_count(1)
    page.fill("#prompt", "x" * 10_001)
    expect(page.locator("#notice")).to_have_text(
        "a prompt of 10,001 characters; at most 10,000: say it in a sentence"
    )
    page.fill("#prompt", "\n".join(f"spot number {number}" for number in range(17)))
    expect(page.locator("#notice")).to_have_text(
        "17 prompts; at most 16 in a call: send the others in a second call"
    )
    page.close()


def test_a_full_disk_at_keep_is_said_and_the_work_is_still_there(
    browser: Any, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    """A real limit on the server's files, as a quota is."""
    from playwright.sync_api import expect

    with serving(trained, "--store", tmp_path / "kept", folder=tmp_path) as (process, url):
        page, _ = opened(browser, url)
        page.set_input_files("#open", pictures(manifest, 1))
        page.fill("#prompt", "the spot, upper left")
        expect(page.locator("#labels .words")).to_have_text(["the spot, upper left"])
        stroke(page, 0.3)
        limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        page.click("#keep")
        expect(page.locator("#notice")).to_contain_text(
            "Not kept: cannot keep this (file too large): make room on the disk and keep it again"
        )
        expect(page.locator("#labels .facts")).to_contain_text("corrected")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        page.click("#keep")
        expect(page.locator("#kept")).to_have_text("1 kept so far")
        expect(page.locator("#notice")).to_be_hidden()
        page.close()


SIZES = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_stands_out_of_the_page_everything_has_a_name_and_axe_finds_nothing(
    browser: Any, address: str, manifest: Path, width: int, scheme: str
) -> None:
    from playwright.sync_api import expect

    page, trouble = opened(browser, address, width, scheme)
    assert barriers(page) == []
    page.set_input_files("#open", pictures(manifest, 1))
    page.fill("#prompt", "the spot, upper left\nquarterly figures of a shipping company in Bremen")
    expect(page.locator("#labels .words")).to_have_count(2)
    expect(page.locator("#notice")).to_be_visible()
    for closed in page.locator("details").all():
        closed.evaluate("element => { element.open = true; }")
    assert page.locator("html").evaluate("element => element.scrollWidth") <= width
    snapshot = page.locator("body").aria_snapshot()
    nameless = re.findall(
        r"- (?:button|textbox|slider|combobox|checkbox|img)(?:$|:|\n)", snapshot, re.MULTILINE
    )
    assert nameless == [], snapshot
    assert barriers(page) == []
    assert trouble == []
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_words_come_before_the_tools_on_a_small_screen_and_beside_the_picture_on_a_large_one(
    browser: Any, address: str, manifest: Path, width: int
) -> None:
    page, _ = opened(browser, address, width)
    page.set_input_files("#open", pictures(manifest, 1))
    prompt, picture, tools = (
        page.locator(name).bounding_box() for name in ("#prompt", "#picture", "#brush")
    )
    if width == 390:
        assert prompt["y"] + prompt["height"] <= picture["y"] < tools["y"]
        assert prompt["y"] < 400  # without a turn of the wheel
    else:
        assert prompt["x"] >= picture["x"] + picture["width"]
    page.close()


def test_a_barrier_is_found(browser: Any, address: str) -> None:
    page, _ = opened(browser, address)
    page.evaluate(
        "document.querySelector('label[for=prompt]').remove();"
        "document.querySelector('#prompt').placeholder = ''"
    )
    assert any('id="prompt"' in barrier for barrier in barriers(page))
    page.close()


def test_an_image_of_an_archive_is_fetched_and_kept(
    browser: Any, address: str, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pydicom")
    from playwright.sync_api import expect

    from dicom_file import file, ramp

    body = b"--xyz\r\nContent-Type: application/dicom\r\n\r\n" + file(ramp(900))
    without, _ = opened(browser, address)
    expect(without.locator("#kept")).to_contain_text("kept so far")
    expect(without.locator("#archive")).to_be_hidden()
    without.close()
    archived = archive(answering(200, KIND, body + b"\r\n--xyz--\r\n"))
    words = (trained, "--store", tmp_path / "kept", "--dicomweb", "127.0.0.1")
    with archived as at, serving(*words, folder=tmp_path) as (_, url):
        page, trouble = opened(browser, url, width=400)
        page.on("dialog", lambda dialog: dialog.accept())  # the mask without words is meant
        box = page.get_by_label("From the archive")
        box.fill(f"dicomweb://127.0.0.1:{at.port}/root/studies/1/series/2/instances/3")
        box.press("Enter")
        expect(page.locator("#place")).to_have_text("1 of 1")
        expect(page.locator("#labels .words")).to_have_text(["(empty prompt)"])
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        page.click("#keep")
        expect(page.locator("#kept")).to_have_text("1 kept so far")
        assert trouble == []
        box.fill("dicomweb://192.0.2.1/studies/1")
        box.press("Enter")
        expect(page.locator("#notice")).to_contain_text("not on this server's list")
        page.close()


def test_dicom_files_of_any_name_are_opened(browser: Any, address: str, tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from playwright.sync_api import expect

    from dicom_file import file, ramp

    names = ("IM0001", "film.dcm", "1.2.840.7")
    for name in names:
        (tmp_path / name).write_bytes(file(ramp(900)))
    (tmp_path / "README").write_text("no picture")
    page, trouble = opened(browser, address)
    page.set_input_files("#open", [tmp_path / name for name in (*names, "README")])
    expect(page.locator("#place")).to_have_text("1 of 3")
    expect(page.locator("#labels .words")).to_have_text(["(empty prompt)"])
    assert trouble == []
    page.close()
