"""What an annotator of a folder relies on: nothing is lost or replaced without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unit.serve.browsing import browser, opened, stroke
from unit.serve.served import serving

__all__ = ["browser"]
WORDS = "one small polyp, upper left"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Two models, and a store."""
    folder = tmp_path_factory.mktemp("served")
    words = (Path("polyp"), Path("lung-infection"), "--store", folder / "kept")
    with serving(*words, folder=folder) as (_, address):
        yield address, folder / "kept"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures that no other test has, and a file that is none."""
    draw = np.random.default_rng(abs(hash(str(tmp_path))) % 2**32)
    for name in "abcd":
        pixels = draw.integers(60, 200, (6, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture
def page(browser: Any, served: tuple[str, Path]) -> Iterator[Any]:
    page, trouble = opened(browser, served[0])
    page.dialogs = []
    page.says_yes = True

    def answer(dialog: Any) -> None:
        page.dialogs.append(dialog.message)
        dialog.accept() if page.says_yes else dialog.dismiss()

    page.on("dialog", answer)
    yield page
    # Refusals are meant by the tests, and the browser tells of them.
    assert [text for text in trouble if "the server responded with a status of 4" not in text] == []
    page.close()


def begin(page: Any, *files: Path, words: str = WORDS) -> None:
    from playwright.sync_api import expect

    page.set_input_files("#open", files)
    if page.locator("#model").input_value() == "":
        page.select_option("#model", "polyp")
    page.fill("#prompt", words)
    expect(page.locator("#labels .words")).to_have_text(words.split("\n"))


def facts(page: Any) -> Any:
    return page.locator("#labels .facts").first


def rows(store: Path) -> list[dict[str, Any]]:
    text = (store / "manifest.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_of_several_models_one_is_chosen_and_remembered(
    browser: Any, served: tuple[str, Path], folder: Path
) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, served[0])
    page.set_input_files("#open", folder / "a.png")
    expect(page.locator("#notice")).to_contain_text("Choose a model first")
    expect(page.locator("#keep")).to_be_disabled()
    page.keyboard.press("Control+s")
    page.select_option("#model", "polyp")
    expect(page.locator("#labels .words")).to_have_count(1)
    page.reload()
    expect(page.locator("#model option")).to_have_count(3)
    page.set_input_files("#open", folder / "b.png")
    expect(page.locator("#labels .words")).to_have_count(1)
    expect(page.locator("#model")).to_have_value("polyp")
    page.close()


def test_painting_stays_when_a_slip_is_mended_and_is_never_lost_without_a_word(
    page: Any, folder: Path
) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", words="one smal polyp, upper left")
    stroke(page, 0.5)
    expect(facts(page)).to_contain_text("corrected")
    page.fill("#prompt", WORDS)
    expect(page.locator("#labels .words")).to_have_text([WORDS])
    expect(facts(page)).to_contain_text("corrected")
    page.fill("#prompt", "something else altogether, in the middle")
    expect(page.locator("#labels .left-words")).to_have_text(
        f"Painted for “{WORDS}”, whose words are gone"
    )
    page.locator("#labels").get_by_role("button", name="Put back").click()
    expect(page.locator("#labels .words")).to_have_count(2)
    expect(page.locator("#labels .facts").nth(1)).to_contain_text("corrected")
    page.keyboard.press("Control+s")
    expect(page.locator("#labels .facts").nth(1)).to_contain_text("· kept")
    page.set_input_files("#open", folder / "b.png")  # nothing is at risk any more
    expect(page.locator("#labels .words")).to_have_count(2)
    assert page.dialogs == []


def test_a_kept_mask_is_renamed_and_taken_back(
    page: Any, served: tuple[str, Path], folder: Path
) -> None:
    from playwright.sync_api import expect

    store = served[1]
    begin(page, folder / "a.png", words="one smal polyp, upper left")
    page.keyboard.press("Control+s")
    expect(facts(page)).to_contain_text("· kept")
    first = rows(store)[-1]
    page.get_by_role("button", name="Rename").click()
    page.keyboard.type("a wholly different name")
    expect(page.locator("#labels .words")).to_have_text(["a wholly different name"])
    expect(facts(page)).to_contain_text("changed since it was kept")
    page.keyboard.press("Control+s")
    expect(facts(page)).to_contain_text("· kept")
    second = rows(store)[-1]
    assert (second["prompt"], second["replaces"]) == ("a wholly different name", first["id"])
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#labels .words")).to_have_text(["(empty prompt)"])
    assert "Take back what was kept" in page.dialogs[-1]
    assert {first["key"], second["key"]} & {row["key"] for row in rows(store)} == set()
    history = (store / "history.jsonl").read_text(encoding="utf-8")
    assert first["key"] in history
    assert second["key"] in history


def test_an_unreadable_picture_shows_nothing_of_the_one_before(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", folder / "broken.png")
    page.click("#next")
    expect(page.locator("#notice")).to_contain_text("no image")
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#labels li")).to_have_count(0)
    expect(page.locator("#keep")).to_be_disabled()
    expect(page.locator(".picture-entry .facts").nth(1)).to_have_text("unreadable")
    assert page.locator("#picture").get_attribute("aria-label") == "No picture yet"


def test_keep_asks_before_it_keeps_a_mask_without_words_and_waits_for_those_just_typed(
    page: Any, served: tuple[str, Path], folder: Path
) -> None:
    from playwright.sync_api import expect

    store = served[1]
    page.says_yes = False
    begin(page, folder / "a.png")
    page.fill("#prompt", "")
    expect(page.locator("#labels .words")).to_have_text(["(empty prompt)"])
    n = len(rows(store)) if (store / "manifest.jsonl").is_file() else 0
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('#keep').disabled")
    assert "without words" in page.dialogs[-1]
    page.locator("#prompt").press_sequentially("a polyp")
    page.keyboard.press("Control+s")  # at once
    expect(facts(page)).to_contain_text("· kept")
    assert [row["prompt"] for row in rows(store)[n:]] == ["a polyp"]


def test_a_change_after_keeping_is_told_of(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", folder / "b.png")
    page.keyboard.press("Control+s")
    expect(facts(page)).to_contain_text("· kept")
    page.fill("#threshold", "0.3")
    expect(facts(page)).to_contain_text("changed since it was kept")
    page.says_yes = False
    page.click("#next")
    assert "will be lost" in page.dialogs[-1]
    expect(page.locator("#place")).to_contain_text("1 of 2")


def test_words_of_the_picture_before_are_marked_as_such(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", folder / "b.png")
    expect(page.locator("#carried")).to_be_hidden()
    page.click("#next")
    expect(page.locator("#carried")).to_be_visible()
    expect(page.locator("#prompt")).to_have_value(WORDS)
    page.click("#clear-words")
    expect(page.locator("#carried")).to_be_hidden()
    expect(page.locator("#labels .words")).to_have_text(["(empty prompt)"])
    page.click("#previous")
    expect(page.locator("#prompt")).to_have_value(WORDS)  # each picture has its own again
    expect(page.locator("#carried")).to_be_hidden()


def test_keys_work_from_inside_the_words(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, *(folder / f"{name}.png" for name in "abc"))
    page.locator("#prompt").focus()
    page.keyboard.press("Control+Enter")  # keep, and on
    expect(page.locator("#place")).to_have_text("2 of 3, 1 kept")
    page.locator("#prompt").focus()
    page.keyboard.press("Alt+n")
    expect(page.locator("#place")).to_have_text("3 of 3, 1 kept")
    page.locator("#prompt").focus()
    page.keyboard.press("n")
    expect(page.locator("#prompt")).to_have_value(f"{WORDS}n")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.locator("#place")).to_have_text("2 of 3, 1 kept")
    page.keyboard.press("p")
    expect(page.locator("#place")).to_have_text("1 of 3, 1 kept")
    page.keyboard.press("m")  # the next new one
    expect(page.locator("#place")).to_have_text("2 of 3, 1 kept")


def test_two_people_are_told_of_each_other_and_a_blind_reading_hides_the_first(
    browser: Any, served: tuple[str, Path], page: Any, folder: Path
) -> None:
    from playwright.sync_api import expect

    other, _ = opened(browser, served[0])
    begin(page, folder / "a.png")
    begin(other, folder / "a.png")
    other.fill("#who", "B.")
    other.keyboard.press("Control+s")
    expect(facts(other)).to_contain_text("· kept")
    page.fill("#who", "A.")
    stroke(page, 0.5)
    page.says_yes = False
    page.keyboard.press("Control+s")
    expect(page.locator("#notice")).to_contain_text("another person's mask is there")
    assert page.dialogs[-1].startswith("B. kept another mask")
    page.says_yes = True
    page.keyboard.press("Control+s")
    expect(facts(page)).to_contain_text("· kept")
    assert [row["who"] for row in rows(served[1])[-2:]] == ["B.", "A."]
    other.close()
    blind, _ = opened(browser, served[0])
    blind.fill("#who", "C.")
    blind.check("#blind")
    begin(blind, folder / "a.png")
    expect(facts(blind)).not_to_contain_text("kept")
    expect(facts(blind)).not_to_contain_text("also by")
    blind.keyboard.press("Control+s")
    expect(facts(blind)).to_contain_text("· kept")
    blind.close()


def test_the_list_shows_each_picture_and_sorts_the_least_certain_first(
    page: Any, folder: Path
) -> None:
    from playwright.sync_api import expect

    begin(page, *(folder / f"{name}.png" for name in "abcd"), folder / "broken.png")
    names = page.locator(".picture-entry .name")
    expect(names).to_have_text(["a.png", "b.png", "broken.png", "c.png", "d.png"])
    expect(page.locator(".picture-entry canvas")).to_have_count(2)  # this one and the next
    page.keyboard.press("Control+s")
    expect(page.locator(".picture-entry .facts").first).to_have_text("kept")
    page.click("#rank")
    expect(page.locator("#rank")).to_have_attribute("aria-pressed", "true", timeout=60_000)
    sure = page.locator(".picture-entry:not(.kept):not(.unreadable) .facts").all_inner_texts()
    values = [float(text.split("· ")[1]) for text in sure]
    assert values == sorted(values)
    page.select_option("#filter", "unreadable")
    expect(names).to_have_text(["broken.png"])


def test_the_next_picture_is_there_at_once_with_its_masks(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", folder / "b.png")
    expect(page.locator(".picture-entry canvas")).to_have_count(2)
    page.wait_for_timeout(300)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.wait_for_function(
        "() => document.querySelectorAll('.picture-entry .facts')[1].textContent.includes('·')"
    )
    page.click("#next")
    expect(page.locator("#place")).to_contain_text("2 of 2")
    expect(page.locator("#labels .words")).to_have_text([WORDS])
    assert not [url for url in sent if url.endswith("/segment")]


def test_labels_have_their_own_colours_are_hidden_and_the_box_grows(
    page: Any, folder: Path
) -> None:
    from playwright.sync_api import expect

    words = "\n".join(f"one polyp, place {number}" for number in range(12))
    begin(page, folder / "a.png", words=words)
    colours = page.locator("#labels .swatch").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).backgroundColor)"
    )
    assert len(set(colours)) == 12
    assert page.locator("#prompt").get_attribute("rows") == "12"
    page.get_by_role("button", name="Hide: one polyp, place 0").click()
    expect(page.get_by_role("button", name="Show: one polyp, place 0")).to_be_visible()
    page.keyboard.press("v")
    expect(page.locator("#labels li.hidden")).to_have_count(0)


def test_words_of_before_are_offered_again(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", words="a polyp of no list")
    page.keyboard.press("Control+s")
    expect(facts(page)).to_contain_text("· kept")
    first = page.locator("#suggestions option").first
    assert first.evaluate("option => option.value") == "a polyp of no list"


def test_unlike_words_show_no_expected_dice_and_why(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    begin(page, folder / "a.png", words="asdf qwer")
    expect(page.locator("#notice")).to_contain_text("No expected Dice is given")
    expect(facts(page)).not_to_contain_text("expected Dice 0")


def test_whose_left_is_said_and_a_film_gets_its_sides(page: Any, folder: Path) -> None:
    from playwright.sync_api import expect

    page.set_input_files("#open", folder / "a.png")
    page.select_option("#model", "lung-infection")
    page.fill("#prompt", "the patient's left lung")
    expect(page.locator("#whose")).to_have_text("Left means the left of the image.")
    expect(page.locator("#notice")).to_contain_text("orientation is not known")
    expect(page.locator("#side-left")).to_have_text("")
    page.select_option("#orientation", "L\\F")
    expect(page.locator("#side-left")).to_have_text("R")
    expect(page.locator("#side-right")).to_have_text("L")
    expect(page.locator("#read-as-words")).to_have_text("“the right lung”")
    page.click("#write-read-as")
    expect(page.locator("#prompt")).to_have_value("the right lung")
    expect(page.locator("#labels .words")).to_have_text(["the right lung"])


def test_a_mask_is_reviewed_taken_over_and_exported(
    page: Any, folder: Path, tmp_path: Path
) -> None:
    import zipfile

    from playwright.sync_api import expect

    begin(page, folder / "a.png")
    mask = np.zeros((96, 96), np.uint8)
    mask[:48] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    page.get_by_text("Export and import").click()
    page.set_input_files("#import", tmp_path / "mask.png")
    expect(facts(page)).to_contain_text("50.0 %")
    page.fill("#who", "A.")
    page.keyboard.press("Control+s")
    expect(facts(page)).to_contain_text("· kept")
    page.get_by_text("Review", exact=True).click()
    page.fill("#comment", "well done")
    page.fill("#who", "B.")
    page.click("#accepted")
    expect(page.locator("#verdict")).to_contain_text("Kept by A.; accepted by B.")
    expect(page.locator("#verdict")).to_contain_text("well done")
    page.click("#agree")
    expect(page.locator("#agreement tr").first).to_be_visible()
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert {"manifest.jsonl", "coco.json"} <= set(archive.namelist())
