"""The report's pictures: where they are, what is drawn on them, and none from elsewhere."""

from __future__ import annotations

import base64
import re
import shutil
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from unit.report.parsed import Page, page


def test_every_picture_says_what_it_shows_and_has_its_size(run: Path) -> None:
    built = page(run)
    pictures = built.of("img")
    assert len(pictures) == 3 * 3 + 1 + 3 * 2
    for picture in pictures:
        pixels = Image.open(BytesIO(base64.b64decode(picture["src"].partition(",")[2])))
        assert pixels.size == (int(picture["width"]), int(picture["height"])) == (400, 300)
    alts = {picture["alt"] for picture in pictures}
    assert "Predicted mask over image phantom-017 for “one bright round lesion, centre”" in alts
    assert "Predicted and true mask over image phantom-002, Dice 0.800" in alts
    assert all(figure.get("aria-label") or figure.get("aria-hidden") for figure in built.of("svg"))


def pixels_of(built: Page, alt: str) -> np.ndarray:
    picture = next(picture for picture in built.of("img") if picture["alt"] == alt)
    content = base64.b64decode(picture["src"].partition(",")[2])
    return np.asarray(Image.open(BytesIO(content))).astype(int)


def middle(mask: np.ndarray) -> tuple[float, float]:
    """(height, width), as shares of the picture's."""
    rows, columns = np.nonzero(mask)
    return float(rows.mean() / mask.shape[0]), float(columns.mean() / mask.shape[1])


def test_prediction_and_truth_are_drawn_where_they_are_in_one_picture(run: Path) -> None:
    pixels = pixels_of(page(run), "Predicted and true mask over image phantom-002, Dice 0.800")
    cyan = (pixels[..., 0] < 90) & (pixels[..., 1] > 180) & (pixels[..., 2] > 200)
    white = pixels.min(axis=2) > 225
    for line in (cyan, white):
        assert middle(line) == pytest.approx((0.75, 0.72), abs=0.02)
    assert cyan.sum() > 300
    assert white.sum() > 300


def test_equal_masks_show_both_lines(run: Path) -> None:
    folder = run / "evaluation/pictures"
    shutil.copy(folder / "truth2.png", folder / "prediction2.png")
    pixels = pixels_of(page(run), "Predicted and true mask over image phantom-002, Dice 0.800")
    cyan = (pixels[..., 0] < 90) & (pixels[..., 1] > 180) & (pixels[..., 2] > 200)
    assert cyan.sum() > 300
    assert (pixels.min(axis=2) > 225).sum() > 300


@pytest.mark.parametrize(
    ("ranks", "shown"),
    [
        (
            "best:a best:b median:c median:d worst:e worst:f",
            "best:a best:b median:c median:d worst:e worst:f",
        ),
        ("best:a best:b median:b median:c worst:c worst:b", "best:a median:b worst:c"),
        ("best:a best:b median:a median:b worst:b worst:a", "best:a worst:b"),
        ("best:a median:a worst:a", "best:a"),
        ("best:a best:b median:c median:b worst:d worst:c", "best:a median:c worst:d"),
    ],
)
def test_a_case_is_shown_once_however_few_there_are(
    run: Path, fake: SimpleNamespace, ranks: str, shown: str
) -> None:
    pairs = [pair.split(":") for pair in ranks.split()]
    cases = [{"rank": rank, "id": f"case-{name}", "dice": 0.5} for rank, name in pairs]
    fake.write(run / "evaluation/pictures.json", {"cases": cases})
    found = re.findall(r"(best|median|worst) · Dice 0.500 case-(\w)", page(run).text)
    assert " ".join(f"{rank}:{name}" for rank, name in found) == shown


@pytest.mark.parametrize(
    "name", ["../../../secret.png", "secret-link.png", "/etc/hostname", ".", "pseudo0.png\x00"]
)
def test_a_picture_from_elsewhere_is_never_put_in_the_page(
    run: Path, fake: SimpleNamespace, tmp_path: Path, name: str
) -> None:
    Image.new("RGB", (8, 8), (255, 0, 255)).save(tmp_path / "secret.png")
    (run / "evaluation/pictures/secret-link.png").symlink_to(tmp_path / "secret.png")
    pictures = {
        "cases": [
            {
                "rank": "best",
                "id": "a",
                "prompt": "p",
                "dice": 0.5,
                "image": name,
                "prediction": "prediction0.png",
                "truth": name,
            }
        ]
    }
    fake.write(run / "evaluation/pictures.json", pictures)
    built = page(run)
    assert [picture["alt"] for picture in built.of("img")] == [
        "Predicted mask over image a, Dice 0.500"
    ]
    assert "is left out" in built.text
