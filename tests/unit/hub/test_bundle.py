"""A model's folder: everything that is needed elsewhere, in 16 bit, and nothing of the maker's machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import saywhere
from saywhere.errors import ConfigError
from saywhere.hub import bundle
from saywhere.hub.metadata import About, read_about
from small_run import rows_of

PROMPT = "the lesion in the upper left"


@pytest.fixture
def folder(evaluated: Path, tmp_path: Path) -> Path:
    bundle.write(
        evaluated,
        tmp_path / "spot",
        "spot",
        About(title="Spots", limits=["anything real"], suggestions=[PROMPT]),
    )
    return tmp_path / "spot"


def test_it_answers_almost_as_the_run_does(folder: Path, evaluated: Path, manifest: Path) -> None:
    image = manifest.parent / rows_of(manifest)[0]["image"]
    ours, theirs = (
        saywhere.load(place).segment(image, PROMPT).probability for place in (folder, evaluated)
    )
    np.testing.assert_allclose(ours, theirs, atol=5e-3)
    assert np.abs(ours - theirs).max() > 0  # rounded indeed


def test_matrices_are_16_bit_and_what_is_small_stays_whole(folder: Path, evaluated: Path) -> None:
    narrow, whole = (
        load_file(folder / "model.safetensors"),
        load_file(evaluated / "checkpoints/best/checkpoint.safetensors"),
    )
    assert set(narrow) == {name for name in whole if name.startswith("model.")}
    for name, value in narrow.items():
        is_matrix = (
            value.ndim > 1
            and not name.startswith("model.scale.")
            and whole[name].dtype == torch.float32
        )
        assert value.dtype == (torch.float16 if is_matrix else whole[name].dtype), name
        torch.testing.assert_close(value.float(), whole[name].float(), rtol=1e-3, atol=1e-6)


def test_the_digests_are_those_of_sha256sum(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == list(bundle.FILES)
    for line in lines:
        wanted, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == wanted


def test_nothing_of_the_makers_machine_goes_along(
    folder: Path, manifest: Path, evaluated: Path
) -> None:
    for path in folder.iterdir():
        content = path.read_bytes()
        assert str(manifest).encode() not in content, path.name
        assert str(evaluated).encode() not in content, path.name


def test_the_card_says_what_was_measured_and_what_was_not(folder: Path, evaluated: Path) -> None:
    card, summary = (
        (folder / "README.md").read_text(),
        json.loads((evaluated / "evaluation/summary.json").read_text()),
    )
    right = summary["words"]["right"]
    assert (
        f"{right['dice_mean']['mean']:.3f} [{right['dice_mean']['low']:.3f}, {right['dice_mean']['high']:.3f}] | {right['dice_pooled']:.3f}"
        in card
    )
    assert f"Verdict: **{summary['verdict']}**" in card
    for part in (
        "Research use only. Not a medical device.",
        "- anything real",
        "Terms: Not stated.",
        f'saywhere predict spot image.png --prompt "{PROMPT}"',
    ):
        assert part in card


def test_of_an_unmeasured_model_the_card_says_so(trained: Path, tmp_path: Path) -> None:
    facts = bundle.write(trained, tmp_path / "raw", "raw", About())
    assert facts["evidence"] == {}
    assert "nothing is known of how well it works" in (tmp_path / "raw/README.md").read_text()


def test_a_model_can_be_made_a_model_again(folder: Path, tmp_path: Path) -> None:
    bundle.write(folder, tmp_path / "again", "again", About())
    assert (tmp_path / "again/model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()
    assert (
        bundle.read_facts(tmp_path / "again")["evidence"] == bundle.read_facts(folder)["evidence"]
    )


def test_a_slip_in_a_description_is_told_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "about.toml"
    path.write_text('title = "Spots"\nterm = "none"\n')
    with pytest.raises(
        ConfigError, match=r"unknown key term in .*about\.toml: did you mean 'terms'"
    ):
        read_about(path)
    path.write_text('title = "Spots"\nlimits = "none"\n')
    with pytest.raises(ConfigError, match=r"limits is 'none' in .*line 2"):
        read_about(path)


@pytest.mark.parametrize(
    "path", sorted(Path("configs/models/about").glob("*.toml")), ids=lambda path: path.stem
)
def test_our_models_are_described_and_each_has_its_recipe(path: Path) -> None:
    about = read_about(path)
    assert all(
        (
            about.title,
            about.task,
            about.data,
            about.terms,
            about.made,
            about.limits,
            about.suggestions,
        )
    )
    assert Path("configs/models", path.name).is_file()
