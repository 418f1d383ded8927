"""What leaves the page as a file, and what is written beside a mask: DICOM SEG, the group."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.serve.users import add_user
from unit.serve.browsing import browser, opened
from unit.serve.served import serving

__all__ = ["browser"]
LUNGS = ["left lung", "right lung"]
SIDE = 96


@pytest.fixture(scope="module")
def served(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("served")
    with serving(trained, "--store", folder / "kept", folder=folder) as (_, address):
        yield address, folder / "kept"


@pytest.fixture
def page(browser: Any, served: tuple[str, Path]) -> Iterator[Any]:
    page, trouble = opened(browser, served[0])
    yield page
    # Refusals are meant by the tests, and the browser tells of them.
    assert [text for text in trouble if "the server responded with a status of 4" not in text] == []
    page.close()


def half(place: slice) -> np.ndarray:
    """A mask that no model makes: half of the picture."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[place] = True
    return mask


def bring(page: Any, number: int, mask: np.ndarray, file: Path) -> None:
    """Import a mask in the place of a label's."""
    from playwright.sync_api import expect

    Image.fromarray(mask.astype(np.uint8) * 255).save(file)
    page.locator("#labels .words").nth(number).click()
    page.set_input_files("#import", file)
    expect(page.locator("#labels .facts").nth(number)).to_contain_text("50.0 %")


def test_corrected_masks_of_a_dicom_image_are_written_as_dicom_seg(
    page: Any, tmp_path: Path
) -> None:
    pydicom = pytest.importorskip("pydicom")
    highdicom = pytest.importorskip("highdicom")
    from playwright.sync_api import expect

    import dicom_file

    content = dicom_file.file(np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE))
    film = pydicom.dcmread(io.BytesIO(content))
    (tmp_path / "film.dcm").write_bytes(content)
    page.set_input_files("#open", tmp_path / "film.dcm")
    page.fill("#prompt", "\n".join(LUNGS))
    expect(page.locator("#labels .words")).to_have_text(LUNGS)
    page.get_by_text("Export and import").click()
    masks = [half(np.s_[:48]), half(np.s_[48:])]
    for number, mask in enumerate(masks):
        bring(page, number, mask, tmp_path / f"{number}.png")
    with page.expect_download() as download:
        page.click("#dicom-seg")
    assert download.value.suggested_filename == "saywhere-seg.dcm"
    download.value.save_as(tmp_path / "seg.dcm")
    written = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert written.StudyInstanceUID == film.StudyInstanceUID
    assert written.PatientID == film.PatientID
    described = [written.get_segment_description(number) for number in (1, 2)]
    assert [segment.segment_label for segment in described] == LUNGS
    assert {segment.algorithm_type.value for segment in described} == {"SEMIAUTOMATIC"}
    frames = written.get_pixels_by_source_instance([film.SOPInstanceUID])
    for number, mask in enumerate(masks):
        assert np.array_equal(frames[0, ..., number] > 0, mask)


def test_of_a_picture_that_is_no_dicom_the_button_says_what_is_missing(
    page: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    Image.new("L", (SIDE, SIDE), 90).save(tmp_path / "a.png")
    expect(page.locator("#dicom-seg")).to_be_disabled()
    page.set_input_files("#open", tmp_path / "a.png")
    page.fill("#prompt", LUNGS[0])
    expect(page.locator("#labels .words")).to_have_text(LUNGS[:1])
    page.get_by_text("Export and import").click()
    page.click("#dicom-seg")
    expect(page.locator("#notice")).to_contain_text("Not written")
    expect(page.locator("#notice")).to_contain_text("DICOM")


def test_a_group_is_kept_with_the_mask_and_offered_for_the_next_picture(
    page: Any, served: tuple[str, Path], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    for number in range(2):
        Image.new("L", (SIDE, SIDE), 90 + number).save(tmp_path / f"{number}.png")
    page.set_input_files("#open", [tmp_path / f"{number}.png" for number in range(2)])
    page.fill("#prompt", LUNGS[0])
    expect(page.locator("#labels .words")).to_have_text(LUNGS[:1])
    page.fill("#group", "patient 7")
    page.locator("#group").blur()
    page.keyboard.press("Control+s")
    expect(page.locator("#labels .facts").first).to_contain_text("· kept")
    rows = [json.loads(line) for line in (served[1] / "manifest.jsonl").read_text().splitlines()]
    assert rows[-1]["group"] == "patient 7"
    # Kept in a group it stays there: else one patient's pictures came into two splits.
    expect(page.locator("#group")).to_be_disabled()
    page.click("#next")
    expect(page.locator("#group")).to_have_value("")
    expect(page.locator("#group")).to_be_enabled()
    assert page.locator("#groups option").evaluate_all("all => all.map((o) => o.value)") == [
        "patient 7"
    ]
    # A page that is opened anew learns it of the store.
    page.reload()
    page.set_input_files("#open", tmp_path / "0.png")
    expect(page.locator("#group")).to_have_value("patient 7")
    expect(page.locator("#group")).to_be_disabled()


def test_the_page_signs_with_the_name_behind_its_token(
    browser: Any, trained: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    token = add_user(tmp_path / "users.toml", "Béla Ős")
    Image.new("L", (SIDE, SIDE), 90).save(tmp_path / "a.png")
    words = ("--users", tmp_path / "users.toml", "--store", tmp_path / "kept")
    with serving(trained, *words, folder=tmp_path) as (_, address):
        page, _ = opened(browser, address)
        expect(page.locator("#notice")).to_contain_text("no token")
        page.close()
        page, trouble = opened(browser, f"{address}#token={token}")
        expect(page.locator("#who")).to_have_value("Béla Ős")
        expect(page.locator("#who")).not_to_be_editable()
        page.set_input_files("#open", tmp_path / "a.png")
        page.fill("#prompt", LUNGS[0])
        expect(page.locator("#labels .words")).to_have_text(LUNGS[:1])
        page.keyboard.press("Control+s")
        expect(page.locator("#labels .facts").first).to_contain_text("· kept")
        assert [text for text in trouble if not text.startswith(address)] == []
        page.close()
    (line,) = (tmp_path / "kept" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["who"] == "Béla Ős"
