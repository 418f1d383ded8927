"""`saywhere evaluate`"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from console import Ended
from small_run import with_a_faulty_row

Say = Callable[..., Ended]


def test_json_is_the_summary_and_nothing_else(say: Say, run_copy: Path) -> None:
    ended = say("evaluate", run_copy, "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == json.loads((run_copy / "evaluation/summary.json").read_text())


def test_a_table_says_what_was_measured(say: Say, run_copy: Path) -> None:
    ended = say("evaluate", run_copy, "--split", "val", "--words", "right, contradictory")
    assert ended.code == 0
    for word in ("val, ", "right", "contra", "Dice"):
        assert word in ended.out
    assert "shuffled" not in ended.out


def test_a_checkpoints_folder_is_evaluated_though_it_has_no_config_toml(
    say: Say, trained: Path, tmp_path: Path
) -> None:
    ended = say(
        "evaluate", trained / "checkpoints/best", "--words", "right", "--out", tmp_path / "out"
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "out/summary.json").is_file()


def test_quiet_prints_no_table(say: Say, run_copy: Path) -> None:
    assert say("evaluate", run_copy, "--quiet", "--words", "right").out == ""


def test_deaf_words_are_a_warning_on_stderr(say: Say, run_copy: Path) -> None:
    """The small run is trained for two epochs: it hears nothing yet."""
    ended = say("evaluate", run_copy, "--json")
    assert json.loads(ended.out)["verdict"] == "not heard"
    assert ended.err.startswith("saywhere: the prompt is not heard")


def test_other_data_with_a_faulty_row_is_exit_3(say: Say, run_copy: Path, manifest: Path) -> None:
    ended = say(
        "evaluate",
        run_copy,
        "--data",
        with_a_faulty_row(manifest, "test"),
        "--json",
        "--words",
        "right",
    )
    assert ended.code == 3
    assert json.loads(ended.out)["quarantined"] == 1
    assert "set aside: 1 faulty row" in ended.err


def test_words_that_do_not_exist_are_exit_2_before_anything_is_measured(
    say: Say, run_copy: Path
) -> None:
    ended = say("evaluate", run_copy, "--words", "right,shufled")
    assert (ended.code, ended.out) == (2, "")
    manifest, error = ended.err.splitlines()
    assert manifest.startswith("manifest: ")
    assert manifest.endswith("manifest.jsonl (the run's own; another: --data FILE)")
    assert (
        error
        == "saywhere: no prompt condition 'shufled' in evaluate.words: did you mean 'shuffled'?"
    )
    assert not (run_copy / "evaluation").exists()


def test_a_damaged_checkpoint_is_exit_2(say: Say, run_copy: Path) -> None:
    path = run_copy / "checkpoints/best/checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    ended = say("evaluate", run_copy, "-q")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "not a Saywhere checkpoint" in ended.err


def test_mirroring_is_asked_for_and_said_in_the_summary(
    say: Say, run_copy: Path, tmp_path: Path
) -> None:
    summaries = [
        json.loads(
            say(
                "evaluate", run_copy, "--json", "--words", "right", "--out", tmp_path / "out", *more
            ).out
        )
        for more in ([], ["--mirror"])
    ]
    assert [summary["mirror"] for summary in summaries] == [False, True]
