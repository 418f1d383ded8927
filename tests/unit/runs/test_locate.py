"""A model's name serves where a run is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from saywhere.errors import MissingFile
from saywhere.runs import locate


def model(place: Path, name: str) -> Path:
    (place / name).mkdir(parents=True)
    (place / name / locate.BUNDLE).touch()
    return place / name


def test_the_first_place_that_has_a_name_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = model(tmp_path / "a", "spot"), model(tmp_path / "b", "spot")
    model(tmp_path / "b", "blob")
    monkeypatch.setenv("SAYWHERE_MODELS", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert locate.find(Path("spot")) == first
    assert locate.find(second) == second  # a path is itself
    assert set(locate.known()) >= {"spot", "blob"}


def test_a_folder_of_pictures_that_is_called_like_a_model_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = model(tmp_path / "models", "spot")
    monkeypatch.setenv("SAYWHERE_MODELS", str(tmp_path / "models"))
    (tmp_path / "work" / "spot").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    assert locate.find(Path("spot")) == place


def test_what_is_neither_says_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(tmp_path, "spot")
    monkeypatch.setenv("SAYWHERE_MODELS", str(tmp_path))
    with pytest.raises(
        MissingFile, match=r"no run and no model 'spott'.*did you mean 'spot'.*saywhere models list"
    ):
        locate.find(Path("spott"))
    with pytest.raises(MissingFile, match="no checkpoint in runs/nothing"):
        locate.find(Path("runs/nothing"))


def test_finding_a_run_loads_no_torch() -> None:
    """A mistyped name is told within a second; torch alone takes several."""
    code = "import sys, saywhere.runs.locate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_model_answers_to_the_names_of_those_that_it_took_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = model(tmp_path, "general")
    monkeypatch.setenv("SAYWHERE_MODELS", str(tmp_path))
    assert locate.find(Path("general")) == own
    for name, place in locate.taken_up().items():
        found = locate.find(Path(name))
        # One of that very name comes first; else ours, and never somebody's own "general".
        assert found == locate.known().get(name, place)
        assert found.parent == locate.ours()
        assert locate.weights_file(found) is not None
    own_polyp = model(tmp_path, "polyp")
    assert locate.find(Path("polyp")) == own_polyp
