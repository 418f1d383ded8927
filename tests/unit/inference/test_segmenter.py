"""One picture, one prompt, one answer, whatever form the picture has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import saywhere
from saywhere.errors import BadCheckpoint, MissingFile, UnreadableFile, UsageError
from saywhere.inference.segmenter import Segmenter, load
from saywhere.text.bert import BertEncoder

PROMPT = "the bright lesion in the upper left"


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return load(trained)


@pytest.fixture(scope="module")
def picture(manifest: Path) -> Path:
    return manifest.parent / "images/test_0000.png"


def test_three_lines_of_python_do(trained: Path, picture: Path) -> None:
    result = saywhere.load(str(trained)).segment(str(picture), PROMPT)
    assert isinstance(result, saywhere.Result)
    assert (result.mask.dtype, result.mask.shape) == (np.bool_, (32, 32))
    assert (result.probability.dtype, result.probability.shape) == (np.float32, (32, 32))
    assert result.pseudo_image is not None
    assert (result.pseudo_image.dtype, result.pseudo_image.shape) == (np.float32, (32, 32, 3))
    for values in (result.probability, result.pseudo_image):
        assert 0 <= values.min() <= values.max() <= 1
    assert (result.mask == (result.probability > 0.5)).all()


def test_a_path_a_picture_and_arrays_give_one_answer(segmenter: Segmenter, picture: Path) -> None:
    opened = Image.open(picture)
    grey = np.asarray(opened)
    forms: list[Any] = [
        picture,
        str(picture),
        opened,
        opened.convert("RGB"),
        grey,
        grey[..., None],
        grey.astype(np.float32) / 255,
        torch.from_numpy(grey.copy()),
        torch.from_numpy(grey[..., None].copy()),
        torch.from_numpy(grey / 255),
    ]
    answers = [segmenter.segment(form, PROMPT) for form in forms]
    for answer in answers[1:]:
        assert np.array_equal(answer.probability, answers[0].probability)


def test_many_at_once_are_as_one_by_one(segmenter: Segmenter, manifest: Path) -> None:
    pictures = sorted((manifest.parent / "images").glob("test_*.png"))
    prompts = [
        f"the lesion in the {place}"
        for place in ("upper left", "lower left", "upper right", "lower right", "centre", "middle")
    ]
    together = segmenter.segment_many(pictures, prompts)
    for picture, prompt, answer in zip(pictures, prompts, together):
        alone = segmenter.segment(picture, prompt)
        assert np.abs(alone.probability - answer.probability).max() < 1e-5


def test_what_was_typed_long_ago_is_forgotten_and_answered_as_before(
    segmenter: Segmenter, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saywhere.inference.prompt_vectors.REMEMBERED", 3)
    prompts = [f"lesion number {i}" for i in range(5)]
    first = [segmenter.segment(picture, prompt).probability for prompt in prompts]
    assert segmenter.vectors.n_remembered <= 3
    encoded: list[str] = []
    monkeypatch.setattr(segmenter.encoder, "embed", encoded.extend)
    assert all(
        np.array_equal(segmenter.segment(picture, prompt).probability, answer)
        for prompt, answer in zip(prompts, first)
    )
    segmenter.embed(prompts)
    assert encoded == [], "they are on the disk"
    monkeypatch.setattr(segmenter.vectors.cache, "get", encoded.extend)
    assert segmenter.embeddings(prompts).shape == (5, 384), "more at once than are remembered"
    assert encoded == [], "what a call is about is in memory until the next"


@pytest.mark.parametrize("size", [(32, 32), (75, 41), (1, 1), (3, 200)])
def test_the_answer_has_the_pictures_own_size(segmenter: Segmenter, size: tuple[int, int]) -> None:
    result = segmenter.segment(np.full(size, 90, np.uint8), PROMPT)
    assert result.mask.shape == result.probability.shape == size
    assert result.pseudo_image is not None
    assert result.pseudo_image.shape == (*size, 3)


def test_a_pseudo_image_that_nobody_wants_is_left_out_and_changes_nothing_else(
    segmenter: Segmenter, picture: Path
) -> None:
    whole = segmenter.segment(picture, PROMPT)
    lean = segmenter.segment(picture, PROMPT, pseudo_images=False)
    assert whole.pseudo_image is not None
    assert lean.pseudo_image is None
    assert np.array_equal(lean.probability, whole.probability)


def test_the_words_make_the_picture_and_white_space_does_not(
    segmenter: Segmenter, picture: Path
) -> None:
    one, other, spaced = (
        segmenter.segment(picture, prompt)
        for prompt in ("upper left", "lower right", "  upper\n left ")
    )
    assert np.abs(one.pseudo_image - other.pseudo_image).mean() > 0.01  # type: ignore[operator]
    assert np.array_equal(one.pseudo_image, spaced.pseudo_image)  # type: ignore[arg-type]
    assert spaced.prompt == "upper left"


def test_strange_words_are_known_by_their_distance(segmenter: Segmenter, picture: Path) -> None:
    near, far = (
        segmenter.segment(picture, prompt).unfamiliarity
        for prompt in ("upper left", "quarterly revenue of the shipping company")
    )
    assert near <= 1.2 < far


def test_an_image_only_model_answers_every_prompt_alike_without_an_encoder(
    image_only: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        BertEncoder, "__init__", lambda *_, **__: pytest.fail("no words, no encoder")
    )
    model = load(image_only)
    one, other = model.segment(picture, "left"), model.segment(picture, "right")
    assert not model.hears_words
    assert np.array_equal(one.probability, other.probability)
    assert one.pseudo_image is None


def test_a_threshold_moves_the_mask_and_must_be_one(segmenter: Segmenter, picture: Path) -> None:
    low, high = (segmenter.segment(picture, PROMPT, threshold=t) for t in (0.01, 0.99))
    assert low.mask.sum() > high.mask.sum()
    for wrong in (0.0, 1.0, -1.0, 7.0, float("nan")):
        with pytest.raises(UsageError, match=r"threshold is .*; it lies between 0 and 1"):
            segmenter.segment(picture, PROMPT, threshold=wrong)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), r"an image of shape \(3, 8, 8\)"),
        (np.full((8, 8), np.nan), "64 NaN or infinite values"),
        (np.full((8, 8), -np.inf), "64 NaN or infinite values"),
        (np.zeros((0, 8), np.uint8), r"an image of shape \(0, 8\)"),
    ],
)
def test_what_is_no_picture_is_refused(segmenter: Segmenter, picture: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        segmenter.segment(picture, PROMPT)


def test_a_file_that_is_missing_or_broken_is_refused(segmenter: Segmenter, tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        segmenter.segment(tmp_path / "none.png", PROMPT)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    with pytest.raises(UnreadableFile):
        segmenter.segment(tmp_path / "bad.png", PROMPT)


@pytest.mark.parametrize("prompt", [None, 5, ["polyp"]])
def test_a_prompt_is_a_string(segmenter: Segmenter, picture: Path, prompt: Any) -> None:
    with pytest.raises(UsageError, match=r'a prompt is .*a string.*say "" for no words'):
        segmenter.segment(picture, prompt)


def test_as_many_prompts_as_pictures(segmenter: Segmenter, picture: Path) -> None:
    with pytest.raises(UsageError, match="1 images and 2 prompts; one prompt an image"):
        segmenter.segment_many([picture], ["a", "b"])


def test_the_best_checkpoint_is_opened_then_the_last_then_the_folder(run_copy: Path) -> None:
    import shutil

    assert load(run_copy).state["epoch"] == load(run_copy / "checkpoints/best").state["epoch"]
    shutil.rmtree(run_copy / "checkpoints/best")
    assert load(run_copy).state["epoch"] == 2
    shutil.rmtree(run_copy / "checkpoints/last")
    with pytest.raises(MissingFile, match=r"no checkpoint in .*; a run directory, a folder with"):
        load(run_copy)


@pytest.mark.usefixtures("another_encoder")
def test_another_encoder_is_refused_before_it_answers(trained: Path, picture: Path) -> None:
    with pytest.raises(BadCheckpoint, match="the model was trained with"):
        load(trained).segment(picture, PROMPT)


def test_it_says_what_it_is(segmenter: Segmenter) -> None:
    assert repr(segmenter).endswith("unet, 32 px, hears words)")
