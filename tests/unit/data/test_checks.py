from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.data import file_checks
from saywhere.data.checks import REMEDIES, check
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.errors import UsageError

DATA = Path("../shared/data")
SIZE = (24, 24)
KINDS = list(REMEDIES)
GENERATOR = np.random.default_rng(0)


class Set:
    """A manifest in the making: clean rows, each with an image and a mask of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        (folder / "images").mkdir()
        (folder / "masks").mkdir()

    def add(self, n: int = 1) -> None:
        for _ in range(n):
            number = len(self.rows)
            row = {
                "id": f"case {number}",
                "image": f"images/{number}.png",
                "mask": f"masks/{number}.png",
                "split": ("train", "val", "test")[number % 3],
            }
            self.rows.append(
                row | {"prompts": {"p0": "", "p6": f"one polyp, upper left, number {number}"}}
            )
            Image.fromarray(GENERATOR.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(
                self.folder / row["image"]
            )
            self.draw(number, disc().astype(np.uint8) * 255)

    def image(self, number: int) -> Path:
        return self.folder / self.rows[number]["image"]

    def draw(self, number: int, values: np.ndarray, **options: Any) -> None:
        Image.fromarray(values).save(self.folder / self.rows[number]["mask"], **options)

    def read(self) -> Manifest:
        path = self.folder / "manifest.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        return read_manifest(path)


def disc(side: int = SIZE[0]) -> np.ndarray:
    return np.hypot(*np.mgrid[-side // 2 : side // 2, -side // 2 : side // 2]) < side / 3


@pytest.fixture
def cases(tmp_path: Path) -> Set:
    return Set(tmp_path)


def labels(*levels: int) -> np.ndarray:
    """Background and a stripe of each further level, 6 px wide."""
    values = np.zeros(SIZE, np.uint8)
    for i, level in enumerate(levels):
        values[:, 6 * i + 6 : 6 * i + 12] = level
    return values


def nan_image(cases: Set, number: int) -> None:
    values = np.zeros(SIZE, np.float32)
    values[0, 0] = np.nan
    Image.fromarray(values).save(cases.image(number), format="TIFF")


def nan_mask(cases: Set, number: int) -> None:
    values = disc().astype(np.float32)
    values[0, 0] = np.inf
    cases.draw(number, values, format="TIFF")


def truncate(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def save_as(mode: str, kind: str) -> Callable[[Set, int], None]:
    return lambda cases, number: (
        Image.open(cases.image(number)).convert(mode).save(cases.image(number), format=kind)
    )


def see_through(cases: Set, number: int) -> None:
    Image.fromarray(GENERATOR.integers(0, 255, (*SIZE, 4), dtype=np.uint8)).save(
        cases.image(number)
    )


def coloured_mask(cases: Set, number: int) -> None:
    """Red and green on black: nobody can know which of them is meant."""
    red, green = labels(255, 0), labels(0, 255)
    cases.draw(number, np.dstack([red, green, red * 0]))


def same_picture(cases: Set, number: int) -> None:
    """The picture of the next test row, saved anew: other bytes, equal pixels."""
    other = number // 3 * 3 + 5
    assert cases.rows[other]["split"] == "test"
    cases.rows[number]["split"] = "train"
    Image.open(cases.image(other)).save(cases.image(number), compress_level=1)


def same_group(cases: Set, number: int) -> None:
    other = number // 3 * 3 + 5
    cases.rows[number] |= {"split": "val", "group": f"patient {number}"}
    cases.rows[other]["group"] = f"patient {number}"


def prompts(**texts: Any) -> Callable[[Set, int], None]:
    return lambda cases, number: cases.rows[number].update(prompts={"p0": ""} | texts)


def column(name: str, value: Any) -> Callable[[Set, int], None]:
    return lambda cases, number: cases.rows[number].update({name: value})


FAULTS: dict[str, list[Callable[[Set, int], Any]]] = {
    "missing_file": [
        column("image", "images/absent.png"),
        column("mask", "masks/absent.png"),
        column("mask", None),
        column("image", "x" * 300),
        lambda cases, number: cases.image(number).unlink(),
    ],
    "truncated": [
        lambda cases, number, keep=keep: truncate(cases.image(number), keep)
        for keep in (0, 0.03, 0.5, 0.98)
    ]
    + [lambda cases, number: truncate(cases.folder / cases.rows[number]["mask"], 0.6)],
    "unreadable": [
        lambda cases, number, content=content: cases.image(number).write_bytes(content)
        for content in (b"\0" * 99, b"%PDF-1.7", b"<svg/>")
    ]
    + [
        column("image", "images"),
        lambda cases, number: (cases.folder / cases.rows[number]["mask"]).write_bytes(b"text"),
    ],
    "wrong_channels": [
        save_as("LAB", "TIFF"),
        see_through,
        see_through,
        coloured_mask,
        coloured_mask,
    ],
    "nan": [nan_image, nan_mask, nan_image, nan_mask, nan_image],
    "wrong_size": [
        lambda cases, number, side=side: cases.draw(number, disc(side).astype(np.uint8) * 255)
        for side in (12, 22, 26, 48, 100)
    ],
    "empty_mask": [
        lambda cases, number, level=level: cases.draw(number, np.full(SIZE, level, np.uint8))
        for level in (0, 2, 60, 100, 127)
    ],
    "three_value_mask": [
        lambda cases, number, levels=levels: cases.draw(number, labels(*levels))
        for levels in ((1, 2), (127, 255), (128, 255), (1, 2, 3))
    ]
    + [lambda cases, number: cases.draw(number, labels(128, 255), format="JPEG", quality=80)],
    "duplicate_id": [
        lambda cases, number: cases.rows[number].update(id=cases.rows[number - 6]["id"])
    ]
    * 5,
    "leak": [same_picture, same_picture, same_picture, same_group, same_group],
    "blank_prompt": [
        prompts(p6=""),
        prompts(p6=" \t\n"),
        prompts(p6="\u200b"),
        prompts(p6=["one", ""]),
        column("prompts", {}),
    ],
    "long_prompt": [
        prompts(p6="x" * 10_001),
        prompts(p6=["short", "y " * 6000]),
        *[prompts(p6="word " * 40)] * 3,
    ],
}


def test_sixty_faults_among_a_thousand_rows_are_found_and_no_other(cases: Set) -> None:
    cases.add(1000)
    planted = {}
    for i, kind in enumerate(KINDS):
        for j, fault in enumerate(FAULTS[kind]):
            number = 9 + 15 * (5 * i + j)  # well apart, in training
            fault(cases, number)
            planted[number + 1, f"{cases.rows[number]['id']}"] = kind
    assert len(planted) == 60
    report = check(
        cases.read(),
        levels=["p0", "p6"],
        count_tokens=lambda text: len(text.split()),
        max_tokens=32,
    )
    assert {(fault.row, fault.id): fault.kind for fault in report.faults} == planted
    assert len(report.faults) == 60
    assert len(report.manifest.rows) == 940
    report.write_quarantine(cases.folder / "quarantine.jsonl")
    written = [
        json.loads(line)
        for line in (cases.folder / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert {(line["row"], line["id"]): line["kind"] for line in written} == planted
    assert all(
        line.keys() == {"row", "id", "kind", "reason", "remedy"}
        and line["reason"]
        and line["remedy"]
        for line in written
    )


def test_odd_but_sound_rows_are_no_faults(cases: Set) -> None:
    cases.add(15)
    soft = np.hypot(*np.mgrid[-12:12, -12:12])
    cases.draw(0, disc().astype(np.uint8))
    cases.draw(1, disc())
    cases.draw(2, disc().astype(np.uint16) * 65535)
    cases.draw(3, disc().astype(np.uint8) * 255, format="JPEG", quality=40)
    cases.draw(5, labels(60))
    cases.draw(6, np.dstack([labels(255), labels(0), labels(0)]))
    cases.draw(4, (np.clip(8.5 - soft, 0, 1) * 255).astype(np.uint8))  # an antialiased edge
    cases.draw(5, np.full(SIZE, 255, np.uint8))
    cases.rows[9] |= {"image": cases.rows[6]["image"]}  # two lesions of one image, in one split
    cases.rows[7] |= {"group": "patient"}
    cases.rows[10] |= {"group": "patient"}
    cases.image(8).rename(cases.folder / "elsewhere.png")
    cases.image(8).symlink_to(cases.folder / "elsewhere.png")
    cases.rows[11]["prompts"]["p6"] = "息肉 🫁"
    cases.rows[12] |= {"image": f"../{cases.folder.name}/images/12.png", "further": [1, 2]}
    Image.open(cases.image(13)).convert("RGBA").save(cases.image(13))
    assert check(cases.read()).faults == []


def test_a_leak_takes_the_training_side_so_that_the_test_set_stays_as_published(cases: Set) -> None:
    cases.add(6)  # train, val, test, train, val, test
    for number in (0, 3, 4):
        cases.image(number).write_bytes(cases.image(2).read_bytes())
    report = check(cases.read())
    assert [(fault.row, fault.kind) for fault in report.faults] == [
        (1, "leak"),
        (4, "leak"),
        (5, "leak"),
    ]
    assert "split 'test' too (row 3)" in report.faults[0].reason


def test_a_row_that_is_out_anyway_leaks_nothing(cases: Set) -> None:
    cases.add(3)
    cases.image(0).write_bytes(cases.image(2).read_bytes())
    cases.draw(2, np.zeros(SIZE, np.uint8))
    assert [(fault.row, fault.kind) for fault in check(cases.read()).faults] == [(3, "empty_mask")]


def test_an_empty_mask_and_no_words_are_no_faults_where_they_are_meant(cases: Set) -> None:
    cases.add(3)
    for number in (0, 1):
        cases.draw(number, np.zeros(SIZE, np.uint8))
        cases.rows[number]["prompts"]["p6"] = " "
    cases.rows[0]["meant"] = "empty_mask, blank_prompt"
    assert [(fault.row, fault.kind) for fault in check(cases.read()).faults] == [
        (2, "empty_mask"),
        (2, "blank_prompt"),
    ]


def test_an_absent_target_needs_no_mask(cases: Set) -> None:
    cases.add(4)
    for number in (0, 1):
        del cases.rows[number]["mask"]
    cases.draw(2, np.zeros(SIZE, np.uint8))
    for number in (0, 2):
        cases.rows[number]["meant"] = "absent"
    assert [(fault.row, fault.kind) for fault in check(cases.read()).faults] == [
        (2, "missing_file")
    ]


def test_each_distinct_file_is_decoded_once(cases: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    cases.add(6)
    for number in range(3, 6):
        cases.rows[number]["image"] = cases.rows[number - 3]["image"]
    decoded: list[Path] = []
    real = file_checks.decode
    real_mask = file_checks.mask_values
    monkeypatch.setattr(file_checks, "decode", lambda path: (decoded.append(path), real(path))[1])
    monkeypatch.setattr(
        file_checks, "mask_values", lambda path: (decoded.append(path), real_mask(path))[1]
    )
    seen: list[tuple[int, int]] = []
    check(cases.read(), progress=lambda done, total: seen.append((done, total)))
    assert len(decoded) == len(set(decoded)) == 9
    assert seen == [(done, 9) for done in range(1, 10)]


def test_a_level_is_asked_for_in_every_row_only_when_it_is_named(cases: Set) -> None:
    cases.add(3)
    del cases.rows[1]["prompts"]["p6"]
    assert check(cases.read()).faults == []
    assert [(fault.row, fault.kind) for fault in check(cases.read(), levels=["p6"]).faults] == [
        (2, "blank_prompt")
    ]
    assert check(cases.read(), levels=["p0"]).faults == []
    with pytest.raises(UsageError, match=r"no prompts named 'p5'.*did you mean 'p6'"):
        check(cases.read(), levels=["p5"])


def test_a_manifest_for_prediction_needs_no_masks(cases: Set) -> None:
    cases.add(2)
    for row in cases.rows:
        del row["mask"]
    assert check(cases.read()).faults == []


def _turn_photograph(cases: Set) -> None:
    """Store 20 × 30 pixels that EXIF says to show as 30 × 20."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(cases.image(0), exif=exif)


def test_a_mask_drawn_on_a_turned_photograph_as_shown_fits(cases: Set) -> None:
    cases.add(1)
    _turn_photograph(cases)
    cases.draw(0, disc(30)[:, :20].astype(np.uint8) * 255)
    assert check(cases.read()).faults == []


def test_a_mask_drawn_on_a_turned_photograph_as_stored_is_explained(cases: Set) -> None:
    cases.add(1)
    _turn_photograph(cases)
    cases.draw(0, disc(30)[:20].astype(np.uint8) * 255)
    (fault,) = check(cases.read()).faults
    assert fault.kind == "wrong_size"
    assert fault.reason.endswith(
        "image is 30 × 20, mask is 20 × 30 (height × width); the image's EXIF orientation is 6, "
        "so it is read turned: the mask was drawn on the pixels as stored, so turn the mask as well"
    )


def test_rows_made_in_memory_are_told_apart_without_numbers(cases: Set) -> None:
    cases.add(2)
    rows = Rows([Row("a", cases.image(0)), Row("b", cases.folder / "absent.png")])
    report = check(Manifest(cases.folder / "none.jsonl", rows, ""))
    assert report.manifest.rows == rows[:1]


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_jpeg_noise_is_no_third_value_but_a_third_area_is(quality: int, tmp_path: Path) -> None:
    for values, expected in (
        (disc(120) * 255, False),
        (disc(120) * 255 - (disc(120) & (np.arange(120) < 50)) * 120, True),
    ):
        Image.fromarray(values.astype(np.uint8)).save(tmp_path / "mask.jpg", quality=quality)
        assert (
            file_checks.mask_facts(tmp_path / "mask.jpg").kind == "three_value_mask"
        ) is expected


@pytest.mark.parametrize("name", ["kvasir", "monuseg"])
def test_the_shared_sets_are_clean(name: str) -> None:
    path = DATA / name / "annotations.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    assert check(read_manifest(path)).faults == []
