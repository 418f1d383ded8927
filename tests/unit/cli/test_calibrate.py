"""`saywhere calibrate`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from console import Ended
from saywhere.config import Config
from saywhere.training.trainer import train
from small_run import rows_of, with_a_faulty_row, write_rows

Say = Callable[..., Ended]


def test_it_says_what_it_learned_from_and_what_to_do_next(say: Say, run_copy: Path) -> None:
    ended = say("calibrate", run_copy, "--split", "train")
    assert ended.code == 0
    assert "answers of split 'train' (mean Dice 0." in ended.out
    assert (
        f"kept in {run_copy / 'expected.json'}; how good it is: saywhere evaluate {run_copy}"
        in ended.out
    )
    judged = say("evaluate", run_copy, "--words", "right")
    assert "its expected Dice is 0." in " ".join(judged.out.split())


def test_before_it_an_evaluation_names_it(say: Say, run_copy: Path) -> None:
    assert "`saywhere calibrate` teaches it which Dice to expect" in " ".join(
        say("evaluate", run_copy, "--words", "right").out.split()
    )


def test_too_few_cases_are_exit_2_in_one_line(say: Say, run_copy: Path) -> None:
    ended = say("calibrate", run_copy)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert (
        "answers that mark anything; 20 or more, of cases whose truth is known: take a larger split"
        in ended.err
    )
    assert not (run_copy / "expected.json").exists()


def test_faulty_rows_are_set_aside_and_exit_3(say: Say, run_copy: Path, manifest: Path) -> None:
    ended = say(
        "calibrate",
        run_copy,
        "--data",
        with_a_faulty_row(manifest, "train"),
        "--split",
        "train",
        "--json",
    )
    assert ended.code == 3
    assert json.loads(ended.out)["quarantined"] == 1
    assert "set aside: 1 faulty row" in ended.err


def test_other_data_is_named_again_in_what_to_do_next(
    say: Say, run_copy: Path, manifest: Path
) -> None:
    rows = [row | {"split": "test"} for row in rows_of(manifest)]
    ended = say(
        "calibrate",
        run_copy,
        "--data",
        write_rows(manifest.with_name("all_test.jsonl"), rows),
        "--split",
        "test",
        "--prompts",
        "plain",
    )
    assert ended.code == 0
    other = manifest.with_name("all_test.jsonl")
    assert f"saywhere evaluate {run_copy} --data {other} --prompts plain" in ended.out


def test_what_was_learned_from_the_test_split_is_said_to_be(
    say: Say, run_copy: Path, config: Config, tmp_path: Path
) -> None:
    assert "test split" not in say("calibrate", run_copy, "--split", "train").err
    run = train(
        config.replace(
            **{"data.test_split": "train", "train.epochs": 1, "train.steps_per_epoch": 1}
        ),
        tmp_path / "own",
    )
    ended = say("calibrate", run, "--split", "train")
    assert ended.code == 0
    assert (
        "learned from the test split: what an evaluation says of it there "
        "is said of the cases that it was learned from" in " ".join(ended.err.split())
    )


def test_mirrored_answers_are_not_told_to_calibrate_what_is_calibrated(
    say: Say, run_copy: Path
) -> None:
    say("calibrate", run_copy, "--split", "train")
    shown = " ".join(say("evaluate", run_copy, "--words", "right", "--mirror").out.split())
    assert "expected Dice" not in shown
    assert "saywhere calibrate" not in shown
