"""A model as a MONAI bundle: MONAI's own functions verify, load and run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, run, verify_net_in_out

from saywhere.errors import UsageError
from saywhere.hub import monai_bundle
from saywhere.inference.segmenter import load
from saywhere.io import images


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monai") / "lesions"
    measured = monai_bundle.export(trained, folder, n_inputs=10)
    assert measured.n == 10
    assert measured.probability <= 1e-4
    return folder


def paths(folder: Path) -> dict[str, str]:
    return {
        "meta_file": str(folder / monai_bundle.METADATA),
        "config_file": str(folder / monai_bundle.INFERENCE),
    }


def test_monai_verifies_the_network(exported: Path) -> None:
    verify_net_in_out("network_def", **paths(exported), any=40, bundle_root=str(exported))


def test_the_network_that_monai_makes_answers_the_prompt(exported: Path) -> None:
    parser = ConfigParser()
    parser.read_config(str(exported / monai_bundle.INFERENCE))
    parser["bundle_root"] = str(exported)
    parser["prompt"] = "upper left"
    network = parser.get_parsed_content("network_def").eval()
    pixels = np.random.default_rng(3).integers(0, 256, (32, 32, 1), dtype=np.uint8)
    image = torch.from_numpy(pixels.transpose(2, 0, 1))[None].float() / 255
    with torch.inference_mode():
        answers = network(image.repeat(2, 1, 1, 1))
    assert answers.shape == (2, 1, 32, 32)
    segmenter = load(exported / monai_bundle.MODEL)
    expected = segmenter.segment(pixels, "upper left").probability
    np.testing.assert_allclose(answers[1, 0].numpy(), expected, atol=1e-5)
    assert np.abs(expected - segmenter.segment(pixels, "lower right").probability).max() > 1e-3


def test_monai_runs_it_on_a_folder(exported: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    overrides = {
        "bundle_root": str(exported),
        "dataset_dir": str(pictures / "two"),
        "output_dir": str(out),
        "prompt": "upper left",
    }
    run("run", **paths(exported), **overrides)
    assert {file.name for file in out.iterdir()} == {"a-mask.png"}
    result = load(exported / monai_bundle.MODEL).segment(pictures / "two/a.png", "upper left")
    assert (images.read_mask(out / "a-mask.png") == result.mask).mean() >= 0.999


def test_two_pictures_of_one_name_are_refused(
    exported: Path, pictures: Path, tmp_path: Path
) -> None:
    network = monai_bundle.PromptedNetwork(str(exported / monai_bundle.MODEL))
    with pytest.raises(UsageError, match=r"several pictures of one name: a\.bmp, a\.png"):
        monai_bundle.predict(network, str(pictures / "one"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_metadata_name_what_it_needs(exported: Path) -> None:
    about = json.loads((exported / monai_bundle.METADATA).read_text())
    assert about["network_data_format"]["inputs"]["image"]["num_channels"] == 1
    assert "saywhere" in about["required_packages_version"]
    assert "not a medical device" in about["description"]
    assert (exported / "docs/README.md").is_file()


@pytest.mark.slow
def test_a_stranger_runs_it_from_monais_command_line(
    exported: Path, pictures: Path, tmp_path: Path
) -> None:
    pytest.importorskip("fire")
    words = ["run", "run", "--bundle_root", str(exported), "--dataset_dir", str(pictures / "two")]
    words += ["--output_dir", str(tmp_path / "out")]
    words += [f"--{name}={value}" for name, value in paths(exported).items()]
    subprocess.run([sys.executable, "-m", "monai.bundle", *words], check=True, env=os.environ)
    assert (tmp_path / "out/a-mask.png").is_file()
