"""pictures.safetensors comes back as it was written, or is passed over with a word."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from saywhere.metrics.picture_domain import KnownPictures, fit
from saywhere.runs import picture_file

STATE: Any = {"step": 7, "best": 0.5}


@pytest.fixture
def domain() -> KnownPictures:
    random = np.random.default_rng(0)
    return KnownPictures((fit(random.normal(size=(80, 9)), random.normal(size=(60, 9))),))


@pytest.fixture
def several(domain: KnownPictures) -> KnownPictures:
    random = np.random.default_rng(2)
    far = fit(random.normal(size=(70, 9)) + 9, random.normal(size=(60, 9)) + 9)
    return KnownPictures((*domain.kinds, far))


def test_what_was_written_tells_pictures_apart_as_before(
    domain: KnownPictures, tmp_path: Path
) -> None:
    path = picture_file.write(domain, tmp_path, STATE)
    assert path.name == picture_file.FILE
    again = picture_file.read(tmp_path, STATE)
    assert again is not None
    assert again.n == 80
    others = np.random.default_rng(1).normal(size=(5, 9)) * 3
    np.testing.assert_allclose(again.unfamiliarity(others), domain.unfamiliarity(others), rtol=1e-5)
    assert picture_file.pack(domain, STATE) == path.read_bytes()


def test_a_model_may_have_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert picture_file.read(tmp_path, STATE) is None
    assert not caplog.records


def test_what_was_learned_of_other_weights_is_passed_over(
    domain: KnownPictures, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture_file.write(domain, tmp_path, STATE)
    with caplog.at_level(logging.WARNING):
        assert picture_file.read(tmp_path, {**STATE, "step": 8}) is None
    assert "of other weights" in caplog.text


def changed(path: Path, **numbers: Any) -> None:
    """Other numbers under the same header."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        header = file.metadata()
    save_file({**load_file(path), **numbers}, path, metadata=header)


@pytest.mark.parametrize(
    "numbers",
    [
        {"limit": np.float32(2)},  # a right kind of number, and not what was written
        {"limit": np.float32(np.nan)},
        {"limit": np.zeros((), np.float32)},
        {"variances": np.ones(3, np.float32)},
        {"mean": np.zeros(9, np.float64)},
        {"another": np.zeros(1, np.float32)},
    ],
)
def test_damage_is_passed_over_and_said(
    domain: KnownPictures,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    numbers: dict[str, Any],
) -> None:
    path = picture_file.write(domain, tmp_path, STATE)
    changed(path, **{name: np.asarray(value) for name, value in numbers.items()})
    with caplog.at_level(logging.WARNING):
        assert picture_file.read(tmp_path, STATE) is None
    assert "damaged" in caplog.text


@pytest.mark.parametrize("content", [b"", b"no such file", b"\xff" * 64])
def test_bytes_of_another_kind_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / picture_file.FILE).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert picture_file.read(tmp_path, STATE) is None
    assert "damaged" in caplog.text


def test_several_kinds_are_kept_each_for_itself(
    several: KnownPictures, domain: KnownPictures, tmp_path: Path
) -> None:
    path = picture_file.write(several, tmp_path, STATE)
    again = picture_file.read(tmp_path, STATE)
    assert again is not None
    assert [kind.n for kind in again.kinds] == [80, 70]
    pictures = np.random.default_rng(3).normal([[0], [9], [4], [30], [-9]], 1, (5, 9))
    np.testing.assert_allclose(
        again.unfamiliarity(pictures), several.unfamiliarity(pictures), rtol=1e-5
    )
    assert picture_file.pack(again, STATE) == path.read_bytes()
    assert picture_file.identity(several) != picture_file.identity(domain)


@pytest.mark.parametrize(
    "numbers",
    [{"1.limit": np.float32(2)}, {"1.mean": np.zeros(8, np.float32)}, {"mean": np.zeros(9)}],
)
def test_damage_of_one_kind_is_damage(
    several: KnownPictures, tmp_path: Path, numbers: dict[str, Any]
) -> None:
    path = picture_file.write(several, tmp_path, STATE)
    changed(path, **{name: np.asarray(value) for name, value in numbers.items()})
    assert picture_file.read(tmp_path, STATE) is None
