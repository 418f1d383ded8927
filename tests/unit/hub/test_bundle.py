"""A model's folder: all that is needed elsewhere, in 16 bit, and nothing of the maker's machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import saywhere
from saywhere.errors import BadCheckpoint, ConfigError
from saywhere.hub import bundle
from saywhere.hub.card import card
from saywhere.hub.facts import FILES, FORMAT, ModelFacts, read_facts, refuse_newer
from saywhere.hub.metadata import About, read_about
from saywhere.metrics.statistics import with_span
from saywhere.prompt_policies import POLICIES
from saywhere.runs import checkpoint
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
    assert [line.split("  ")[1] for line in lines] == list(FILES)
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
    text = (folder / "README.md").read_text()
    summary = json.loads((evaluated / "evaluation/summary.json").read_text())
    right = summary["words"]["right"]
    assert f"{with_span(**right['dice_mean'])} | {right['dice_pooled']:.3f}" in text
    assert f"Verdict: **{summary['verdict']}**" in text
    for part in (
        "Research use only. Not a medical device.",
        "- anything real",
        "Terms: Not stated.",
        "intervals from 200 resamples",
        f'saywhere predict spot image.png --prompt "{PROMPT}"',
    ):
        assert part in text


def test_the_card_tells_images_without_a_target_apart(trained: Path, evaluated: Path) -> None:
    facts = bundle.write(evaluated, evaluated.parent / "apart", "spot", About())
    assert "without a target" not in card(facts)
    right = facts["evidence"]["evaluation"]["words"]["right"]
    right["negatives"] = {"n": 40, "left_empty": 30}
    right["positives"] = {"n": 60, "dice_mean": {"mean": 0.512, "low": 0.44, "high": 0.58}}
    assert (
        "- right prompt: cases without a target: 40, of which left empty: 30 (75%); "
        "with a target: 60, mean Dice of these 0.512 [0.440, 0.580]." in card(facts)
    )


def test_the_card_says_in_words_whose_left_is_meant_and_what_became_of_the_prompts(
    trained: Path, evaluated: Path, tmp_path: Path
) -> None:
    facts = bundle.write(trained, tmp_path / "spot", "spot", About())
    assert facts["about"]["frame"] == "image"  # as the phantoms' manifest says
    text = (tmp_path / "spot/README.md").read_text()
    assert "Left and right are those of the image as it is shown, not the patient's." in text
    assert "the pseudo-image is transformed together with the image and the mask" in text
    assert "`fuse-first`" in text
    patient = card(facts | {"about": facts["about"] | {"frame": "patient"}})
    assert "Left and right are the patient's own." in patient
    unknown = card(facts | {"about": facts["about"] | {"frame": ""}})
    assert "It is not stated whether left and right" in unknown


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_card_has_words_for_every_prompt_policy(trained: Path, policy: str) -> None:
    config = checkpoint.load(trained).config.replace(**{"fusion.arm": policy})
    facts: ModelFacts = {
        "name": "spot",
        "about": About().model_dump(),
        "config": config.model_dump(mode="json"),
        "run": {},
        "evidence": {},
        "n_parameters": 1,
    }
    assert f"(prompt policy `{policy}`)" in card(facts)


def test_the_format_is_stamped_and_a_newer_one_is_refused_in_words(
    folder: Path, tmp_path: Path
) -> None:
    facts = read_facts(folder)
    assert facts["format"] == FORMAT
    newer = json.dumps(facts | {"format": FORMAT + 1, "saywhere": "9.1"})
    (folder / "config.json").write_text(newer)
    said = rf"format {FORMAT + 1} \(made by Saywhere 9\.1\) in .*spot; .* up to {FORMAT}: update"
    with pytest.raises(BadCheckpoint, match=said):
        bundle.write(folder, tmp_path / "again", "again", About())


@pytest.mark.parametrize("number", [0, -1, None, "1", 1.5, True])
def test_a_format_that_is_no_number_of_ours_is_refused(number: object, tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="a model of format"):
        refuse_newer({"format": number}, tmp_path)  # type: ignore[typeddict-item]


def test_a_model_from_before_there_were_formats_still_opens(tmp_path: Path) -> None:
    refuse_newer({"name": "spot"}, tmp_path)
    refuse_newer({}, tmp_path)


def test_of_an_unmeasured_model_the_card_says_so(trained: Path, tmp_path: Path) -> None:
    facts = bundle.write(trained, tmp_path / "raw", "raw", About())
    assert facts["evidence"] == {}
    assert "nothing is known of how well it works" in (tmp_path / "raw/README.md").read_text()


def test_a_model_can_be_made_a_model_again(folder: Path, tmp_path: Path) -> None:
    bundle.write(folder, tmp_path / "again", "again", About())
    assert (tmp_path / "again/model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()
    assert read_facts(tmp_path / "again")["evidence"] == read_facts(folder)["evidence"]


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
