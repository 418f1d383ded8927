"""Pictures of any shape: what a model answers lies in the picture's own frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saywhere.config import Config
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.framing import Framing
from saywhere.io.images import read_image
from saywhere.runs.older_values import without_older
from saywhere.training.trainer import train

PROMPT = "the bright lesion in the upper left"
SHAPES = [(20, 60), (60, 20), (31, 97), (32, 32)]


@pytest.fixture(scope="module")
def padding(trained: Path) -> Segmenter:
    segmenter = load(trained)
    segmenter.config = segmenter.config.replace(**{"data.fit": "pad"})
    return segmenter


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bars_are_cut_off_before_the_answer_is_enlarged(
    padding: Segmenter, shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 1), dtype=np.uint8)
    result = padding.segment(image, PROMPT)
    framing = Framing(32, "pad")
    square = torch.from_numpy(framing.image(image).transpose(2, 0, 1)[None].copy()).float() / 255
    with torch.inference_mode():
        logits = padding.model(square, padding.embeddings([PROMPT])).logits
    box = framing.box(*shape)
    cut = logits.sigmoid()[..., box.top : box.top + box.height, box.left : box.left + box.width]
    expected = torch.nn.functional.interpolate(cut, shape, mode="bilinear")[0, 0].numpy()
    assert result.mask.shape == result.probability.shape == shape
    assert result.pseudo_image is not None
    assert result.pseudo_image.shape == (*shape, 3)
    np.testing.assert_allclose(result.probability, expected, atol=1e-6)


def test_a_square_picture_is_answered_alike_either_way(padding: Segmenter, trained: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 1), dtype=np.uint8)
    padded = padding.segment(image, PROMPT)
    squashed = load(trained).segment(image, PROMPT)
    np.testing.assert_array_equal(padded.probability, squashed.probability)


def test_a_model_keeps_how_it_was_trained(config: Config, tmp_path: Path) -> None:
    manifest = _wide(Path(str(config.data.manifest)), tmp_path)
    wide = {"data.manifest": str(manifest), "data.fit": "pad", "train.epochs": 1}
    run = train(config.replace(**wide), tmp_path / "run")
    segmenter = load(run)
    assert segmenter.config.data.fit == "pad"
    result = segmenter.segment(manifest.parent / "images/test_0000.png", PROMPT)
    assert result.mask.shape == (32, 96)


def test_a_model_reads_deep_pictures_by_the_rule_that_it_was_trained_by(
    trained: Path, tmp_path: Path
) -> None:
    film = np.random.default_rng(0).integers(1000, 3000, (32, 32)).astype(np.uint16)
    film[0, 0] = 65_535
    Image.fromarray(film).save(tmp_path / "film.png")
    segmenter = load(trained)
    assert segmenter.config.data.grey == "percentile"
    means = {}
    for rule in ("percentile", "maximum"):
        segmenter.config = segmenter.config.replace(**{"data.grey": rule})
        prepared = segmenter.prepare(tmp_path / "film.png")
        # As a training of this rule reads it.
        of_training = read_image(tmp_path / "film.png", 1, rule)
        np.testing.assert_array_equal(prepared.pixels, of_training)
        means[rule] = float(prepared.pixels.mean())
    # One hot pixel darkens the whole film by the older rule alone.
    assert means["maximum"] < 15 < 100 < means["percentile"]


def test_an_older_model_keeps_its_digest(trained: Path) -> None:
    config = load(trained).config.replace(**{"data.mask_resize": "nearest"})
    document = without_older(config.model_dump(mode="json"))
    assert not {"fit", "mask_resize"} & set(document["data"])
    assert "fit" in without_older(config.replace(**{"data.fit": "pad"}).model_dump())["data"]


def _wide(manifest: Path, folder: Path) -> Path:
    """The phantoms, three times as wide as high."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
        for path in (manifest.parent / kind).iterdir():
            Image.open(path).resize((96, 32), Image.Resampling.NEAREST).save(
                folder / kind / path.name
            )
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    place = folder / "manifest.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return place
