"""`saywhere train`"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from console import Ended
from saywhere.config import Config, read
from small_run import rows_of, write_rows

Say = Callable[..., Ended]


def test_it_prints_the_run_alone_on_stdout_and_plain_lines_on_stderr(
    say: Say, toml: Path, tmp_path: Path
) -> None:
    ended = say("train", toml, "--out", tmp_path / "run", "--set", "train.epochs=1")
    assert (ended.code, ended.out) == (0, f"{tmp_path / 'run'}\n")
    lines = ended.err.splitlines()
    begun = next(
        number for number, line in enumerate(lines) if line.startswith(f"{tmp_path / 'run'}: ")
    )
    # Whose images these are comes first; then what takes long before the first step.
    assert lines[0].startswith("manifest: ")
    assert lines[1].startswith("checking and decoding the images")
    assert lines[begun + 1].startswith("epoch 1:")
    assert lines[-3].startswith("finished in ")
    assert lines[-2].startswith("where the time went: ")
    assert lines[-1] == f"next: saywhere evaluate {tmp_path / 'run'}"
    assert "\x1b" not in ended.err  # no colours in a log


def test_a_recipes_own_manifest_is_named_as_such(say: Say, toml: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    toml.write_text(f'[data]\nmanifest = "{missing}"\n')
    ended = say("train", toml)
    assert ended.err.splitlines()[0] == (
        f"manifest: {missing} (named in {toml}; yours: --set data.manifest=FILE)"
    )
    ended = say("train", toml, "--set", f"data.manifest={missing}x")
    assert ended.err.splitlines()[0] == f"manifest: {missing}x"
    assert "manifest: " not in say("train", toml, "-q").err.splitlines()[0]


def test_quiet_says_nothing_but_where(say: Say, toml: Path, tmp_path: Path) -> None:
    assert say("train", toml, "--out", tmp_path / "run", "--set", "train.epochs=1", "-q") == Ended(
        0, f"{tmp_path / 'run'}\n", ""
    )


def test_runs_are_named_for_their_configuration_numbered_and_resumed(
    say: Say, toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", toml, "-q", "--set", "train.epochs=1")
    assert [say(*words).out for _ in range(2)] == ["runs/small\n", "runs/small-2\n"]
    before = (tmp_path / "runs/small/metrics.jsonl").read_bytes()
    assert say(*words, "--resume").out == "runs/small-2\n"
    assert (tmp_path / "runs/small/metrics.jsonl").read_bytes() == before


def test_a_second_run_of_one_name_says_so(say: Say, toml: Path, tmp_path: Path) -> None:
    words = ("train", toml, "--out", tmp_path / "run", "--set", "train.epochs=1")
    assert "holds something already" not in say(*words).err
    ended = say(*words)
    assert ended.out == f"{tmp_path / 'run-2'}\n"
    assert (
        f"{tmp_path / 'run'} holds something already: this run is {tmp_path / 'run-2'}"
        in ended.err.replace("\n", " ")
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "data.size=225",
            "data.size is 225 in --set data.size=225; a size must be a multiple of 8 "
            "(the generator doubles three times): try 224 or 232",
        ),
        ("train.epoch=3", "unknown key train.epoch in --set train.epoch=3: did you mean 'epochs'"),
        ("trian.epochs=3", "unknown key trian in "),
        ("train.epochs", "--set 'train.epochs' "),
        ("train.batch_size=0", "train.batch_size is 0"),
        ("network.name=monai:Nothing", "Nothing"),
        ("network.name=unett", "no network is called 'unett': did you mean 'unet'"),
        (
            "text.encoder=minilmm",
            "no text encoder 'minilmm' in text.encoder: did you mean 'minilm'",
        ),
        ("text.train_prompts=tought", "no prompts named 'tought'"),
        ("data.train_split=training", "no rows of split 'training'"),
        ("data.manifest=none.jsonl", "no manifest none.jsonl"),
        ("text.encoder=cxr-bert", "cxr-bert needs its files, and text.path is not set"),
    ],
)
def test_a_wrong_configuration_is_exit_2_with_one_sentence(
    say: Say, toml: Path, tmp_path: Path, change: str, message: str
) -> None:
    ended = say("train", toml, "--out", tmp_path / "run", "--set", change)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert ended.err.splitlines()[-1].startswith("saywhere: ")
    assert message in ended.err.splitlines()[-1]
    assert not (tmp_path / "run").exists()  # or the corrected command would be run-2
    assert "Traceback" not in ended.err


def test_an_unknown_key_in_the_file_is_named_with_its_line(say: Say, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[train]\nepochs = 3\nlearning_rat = 1\n")
    ended = say("train", tmp_path / "c.toml")
    assert ended.code == 2
    assert "unknown key train.learning_rat in" in ended.err
    assert "c.toml, line 3" in ended.err


def test_over_the_budget_of_faults_it_is_exit_3_before_the_first_step(
    say: Say, toml: Path, manifest: Path, tmp_path: Path
) -> None:
    rows = [
        row | {"image": "images/none.png"} if i % 3 == 0 else row
        for i, row in enumerate(rows_of(manifest))
    ]
    bad = write_rows(manifest.with_name("third.jsonl"), rows)
    ended = say("train", toml, "--out", tmp_path / "run", "--set", f"data.manifest={bad}")
    assert (ended.code, ended.out) == (3, "")
    assert "rows are faulty, the first is row 1" in ended.err
    assert "epoch" not in ended.err
    assert not (tmp_path / "run").exists()


def test_a_few_faults_are_a_warning_on_stderr(
    say: Say, toml: Path, manifest: Path, tmp_path: Path
) -> None:
    rows = [
        row | {"image": "images/none.png"} if i == 0 else row
        for i, row in enumerate(rows_of(manifest))
    ]
    bad = write_rows(manifest.with_name("one.jsonl"), rows)
    ended = say(
        "train",
        toml,
        "--out",
        tmp_path / "run",
        "--set",
        f"data.manifest={bad}",
        "--set",
        "train.epochs=1",
    )
    assert ended.code == 0
    assert "warning: 1 faulty row was set aside, see quarantine.jsonl" in ended.err
    assert json.loads((tmp_path / "run/run.json").read_text())["data"]["quarantined"] == 1


def test_a_resumption_is_not_advised_to_take_another_manifest(say: Say, run_copy: Path) -> None:
    ended = say("train", "--resume", run_copy)
    assert ended.code == 0, ended.err
    first = ended.err.splitlines()[0]
    assert first.startswith("manifest: ")
    assert "yours" not in first


def test_one_line_serves_a_queue_that_kills_and_restarts(
    say: Say, toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--resume` begins where no run stands yet, and goes on where one does."""
    monkeypatch.chdir(tmp_path)
    line = ("train", toml, "--resume", "--out", "runs/queued", "--set", "train.epochs=1")
    for _ in range(2):
        ended = say(*line)
        assert (ended.code, ended.out.strip()) == (0, "runs/queued")
    assert [path.name for path in Path("runs").iterdir()] == ["queued"]
    assert len(rows_of(Path("runs/queued/metrics.jsonl"))) == 1


def test_a_run_alone_is_resumed_with_its_own_configuration(
    say: Say, toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--resume RUN` needs neither `--set` nor `--out`; the run may have any place."""
    monkeypatch.chdir(tmp_path)
    changes = ("--set", "train.epochs=1", "--set", "train.seed=5")
    say("train", toml, "--out", "elsewhere/one", *changes)
    say("train", toml, "--out", "elsewhere/one-2", *changes)
    shutil.rmtree("elsewhere/one/checkpoints/last")  # as if it was killed early
    (tmp_path / "elsewhere/one/metrics.jsonl").unlink()
    for form in (("--resume", "elsewhere/one"), ("elsewhere/one", "--resume", "-q")):
        ended = say("train", *form)
        assert (ended.code, ended.out) == (0, "elsewhere/one\n")
    assert read(Path("elsewhere/one/config.toml")).train.seed == 5
    one, other = (Path("elsewhere", name, "metrics.jsonl") for name in ("one", "one-2"))
    assert one.read_bytes() == other.read_bytes()


def test_a_run_killed_before_it_wrote_its_configuration_says_so(say: Say, tmp_path: Path) -> None:
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    ended = say("train", "--resume", tmp_path / "run")
    assert ended.code == 2
    assert "has no config.toml yet: it was ended before its first step" in ended.err
    assert f"CONFIG.toml --resume --out {tmp_path / 'run'}" in ended.err.replace("\n", " ")


def test_a_finished_run_is_not_extended_but_started_from(
    say: Say, toml: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    say("train", toml, "--out", run, "--set", "train.epochs=1")
    ended = say("train", "--resume", run, "--set", "train.epochs=3")
    assert ended.code == 2
    line = " ".join(ended.err.split())
    assert "train.epochs was 1 and is now 3; this run is finished" in line
    assert f"--from {run}" in line


@pytest.mark.parametrize(
    ("words", "precision"),
    [
        (["{run}", "--from", "{run}"], "auto"),
        (["{run}", "--from", "{run}", "--set", "train.precision=32-true"], "32-true"),
        (["{run}", "--resume"], "its own"),
        (["{toml}", "--from", "{run}"], "its own"),
    ],
)
def test_a_fine_tuning_of_a_models_own_recipe_chooses_the_precision_anew(
    say: Say, run_copy: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], precision: str
) -> None:
    """A precision that is fast on the maker's machine may be ten times slower on this one."""
    settings: list[Config] = []

    def note(config: Config, *rest: object, **more: object) -> Path:
        settings.append(config)
        return run_copy

    monkeypatch.setattr("saywhere.training.trainer.train", note)
    recipe = run_copy / "config.toml"
    own = read(recipe, []).train.precision
    assert own != "auto"
    say("train", *(word.format(run=run_copy, toml=recipe) for word in words))
    assert settings[0].train.precision == (own if precision == "its own" else precision)
