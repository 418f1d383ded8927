"""What a cell keeps of an evaluation."""

from __future__ import annotations

from pathlib import Path

from saywhere.evaluation.cases import Case, write_cases
from saywhere.experiments.measured import COLUMNS, _reduced, cases_of


def test_cases_that_are_called_by_numbers_keep_their_names() -> None:
    numbers = dict.fromkeys(COLUMNS, "0.1234567")
    cases = [{**numbers, "id": name, "words": "right"} for name in ("001", "1", "1e3", "nan")]
    reduced = _reduced(cases)
    assert [case["id"] for case in reduced] == ["001", "1", "1e3", "nan"]
    assert reduced[0]["words"] == "right"
    assert {case["dice"] for case in reduced} == {0.12346}


def test_ids_that_look_like_formulas_are_read_back_and_are_none_in_the_file(
    tmp_path: Path,
) -> None:
    names = ["=1+1", "-7", "-x", "'=y", "@a", "\tb", "plain"]
    (tmp_path / "evaluation").mkdir()
    write_cases(tmp_path / "evaluation/cases.csv", [_case(name) for name in names])
    text = (tmp_path / "evaluation/cases.csv").read_text()
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == [
        "'=1+1",
        "-7",
        "'-x",
        "''=y",
        "'@a",
        "'\tb",
        "plain",
    ]
    assert [case["id"] for case in cases_of(tmp_path)] == names


def _case(name: str) -> Case:
    fields = dict.fromkeys(Case.__dataclass_fields__, 0.5)
    return Case(**{**fields, "id": name, "words": "right"})  # type: ignore[arg-type]
