"""Two finished runs: a paired comparison per case, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from saywhere.config import Config
from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.experiments.compare import doubt, table
from saywhere.experiments.compare_runs import compare_runs
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.metrics.statistics import PairedDifference, paired_difference

N = 40
DICE = np.linspace(0.3, 0.7, N)


def run(folder: Path, dice: np.ndarray, wrong: np.ndarray | None = None, **changes: object) -> Path:
    """A run directory with an evaluation of these cases."""
    (folder / "evaluation").mkdir(parents=True)
    (folder / "config.toml").write_text(Config().replace(**changes).to_toml())
    kinds = {"right": dice} if wrong is None else {"right": dice, "contradictory": wrong}
    with (folder / "evaluation/cases.csv").open("w", newline="") as sheet:
        writer = csv.writer(sheet)
        writer.writerow(
            [
                "id",
                "words",
                "prompt",
                "dice",
                "iou",
                "true_positive",
                "false_positive",
                "false_negative",
            ]
        )
        for kind, values in kinds.items():
            writer.writerows(
                [f"case-{i}", kind, "p", v, v / 2, 1, 2, 3] for i, v in enumerate(values)
            )
    measured = {"dice_pooled": 0.5, "iou_pooled": 0.4, "iou_mean": {"mean": 0.3}}
    summary = {
        "n": len(dice),
        "split": "test",
        "words": dict.fromkeys(kinds, measured),
        "listening": {kind: {} for kind in kinds if kind != "right"},
    }
    (folder / "evaluation/summary.json").write_text(json.dumps(summary))
    return folder


def test_a_training_that_had_not_ended_is_named(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, DICE) for name in "ab"]
    assert "the training was" not in compare_runs(runs).note
    path = runs[1] / "evaluation/summary.json"
    early = {"status": "killed", "epoch": 3, "epochs": 9, "epochs_done": 4, "step": 40}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"unfinished": early}))
    note = compare_runs(runs).note
    assert f"Of `{runs[1]}`, the training was killed: its process is gone" in note
    assert f"measured are the weights of epoch 3 of 9; `saywhere train --resume {runs[1]}`" in note
    assert f"Of `{runs[0]}`" not in note


def test_each_run_is_compared_with_the_first_over_the_same_cases(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    dice = [DICE, DICE + random.normal(0.1, 0.05, N), DICE + random.normal(0, 0.05, N)]
    runs = [run(tmp_path / name, values) for name, values in zip("abc", dice)]
    comparison = compare_runs(runs)
    assert comparison.reference == str(runs[0])
    assert [line.label for line in comparison.lines] == [str(place) for place in runs]
    first, better, alike = comparison.lines
    assert first.is_reference
    assert first.difference is None
    wanted = paired_difference(np.round(dice[1], 5), np.round(dice[0], 5), 4000, 0)
    assert better.difference is not None
    assert better.difference.difference == pytest.approx(wanted.difference)
    assert better.difference.low == pytest.approx(wanted.low, abs=0.005)
    assert better.difference.p == pytest.approx(wanted.p)
    assert doubt(better.difference) == ""
    assert alike.difference is not None
    assert doubt(alike.difference) == "holds 0"


def test_the_note_names_cases_and_what_else_differs(tmp_path: Path) -> None:
    one = run(tmp_path / "a", DICE)
    other = run(tmp_path / "b", DICE, DICE - 0.2, **{"train.epochs": 7, "train.threads": 3})
    note = compare_runs([one, other]).note
    assert "40 cases of split 'test', at their original size, the same for all" in note
    epochs = Config().train.epochs
    assert f"`{other}` differs from `{one}` in `train.epochs` ({epochs} → 7)." in note
    assert "one seed: what another would give is not in them" in note
    again = run(tmp_path / "c", DICE)
    assert f"`{again}` differs from `{one}` in no setting." in compare_runs([one, again]).note


@pytest.mark.parametrize(
    ("n", "says"), [(5, True), (FEWEST_CASES - 1, True), (FEWEST_CASES, False)]
)
def test_of_few_cases_nothing_is_said(tmp_path: Path, n: int, says: bool) -> None:
    runs = [run(tmp_path / str(gain), DICE[:n] + gain) for gain in (0.0, 0.2)]
    comparison = compare_runs(runs)
    row = table(comparison).splitlines()[5]
    assert ("+0.200 [+0.200, +0.200] too few cases to tell" in row) == says
    assert (f"Fewer than {FEWEST_CASES} cases are too few to tell" in comparison.note) == says


def test_few_contradictory_prompts_are_too_few_as_well(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, DICE, DICE[:4] - 0.1) for name in "ab"]
    assert "+0.100 [+0.100, +0.100] too few cases to tell" in table(compare_runs(runs))


def test_a_doubt_is_said_in_the_order_of_its_weight() -> None:
    sure = {"difference": 0.1, "low": 0.05, "high": 0.2, "p": 0.001}
    assert doubt(PairedDifference(**sure, n=FEWEST_CASES)) == ""
    assert doubt(PairedDifference(**sure, n=FEWEST_CASES - 1)) == "too few cases to tell"
    assert doubt(PairedDifference(**sure, n=40, other_seeds=(-0.1, 0.4))) == "seeds differ"


def test_other_cases_are_refused(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(n), DICE[:n]) for n in (N, N - 2)]
    with pytest.raises(
        UsageError,
        match=r"38 cases of split 'test', and 40 of split 'test', 38 of them the same.*"
        r"differences are of the same cases: evaluate both alike: `saywhere evaluate RUN --data",
    ):
        compare_runs(runs)


def test_what_is_no_finished_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    one = run(tmp_path / "a", DICE)
    with pytest.raises(UsageError, match="a run is named twice"):
        compare_runs([one, one])
    with pytest.raises(UsageError, match=r"one run.*name two runs or more, or a table"):
        compare_runs([one])
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(
        MissingFile, match=r"no evaluation in .*bare: run `saywhere evaluate .*bare`"
    ):
        compare_runs([one, bare])
    half = run(tmp_path / "half", DICE)
    (half / "evaluation/cases.csv").write_text("id,words\n")
    with pytest.raises(UnreadableFile, match="no case with the right prompt"):
        compare_runs([one, half])
    for damaged in ("{", "[" * 100_000):
        (half / "evaluation/summary.json").write_text(damaged)
        with pytest.raises(
            UnreadableFile, match=r"the evaluation is not whole.*evaluate .*half` again"
        ):
            compare_runs([one, half])
    (tmp_path / "t").mkdir()
    (tmp_path / "t/table.json").write_text("{}")
    with pytest.raises(UsageError, match=r"a table among runs.*one table, or two runs or more"):
        compare_runs([one, tmp_path / "t"])
