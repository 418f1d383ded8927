"""`saywhere probe`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from console import Ended

Say = Callable[..., Ended]


def test_generator_of_a_run_writes_into_it_and_of_a_configuration_beside_it(
    say: Say, run_copy: Path, toml: Path
) -> None:
    ended = say("probe", "generator", run_copy, "--steps", "2", "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == json.loads((run_copy / "probe/generator.json").read_text())
    assert list(json.loads(ended.out)["pseudo_image"]) == ["before", "alone", "jointly trained"]
    ended = say("probe", "generator", toml, "--steps", "2", "--set", "loss.roi=paper")
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == str(toml.parent / "probe/generator.png")
    assert json.loads((toml.parent / "probe/generator.json").read_text())["roi"] == "paper"


def test_invariance_compares_the_ways(
    say: Say, run_copy: Path, image_only: Path, tmp_path: Path
) -> None:
    ended = say(
        "probe",
        "invariance",
        run_copy,
        "--cases",
        "3",
        "--image-only",
        image_only,
        "--out",
        tmp_path / "out",
        "--json",
    )
    assert ended.code == 0
    found = json.loads(ended.out)
    assert "image only" in found["agreement"]["90°"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "invariance.json",
        "invariance.png",
        "invariance_chart.png",
    }


def test_an_image_only_run_is_exit_2(say: Say, image_only: Path, tmp_path: Path) -> None:
    for what, message in {
        "generator": "a model with fusion 'none' has no generator",
        "invariance": "this run is image only",
    }.items():
        ended = say("probe", what, image_only, "--out", tmp_path)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert message in ended.err
