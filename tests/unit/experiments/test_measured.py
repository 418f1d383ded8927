"""What a cell keeps of an evaluation."""

from __future__ import annotations

from saywhere.experiments.measured import COLUMNS, _reduced


def test_cases_that_are_called_by_numbers_keep_their_names() -> None:
    numbers = dict.fromkeys(COLUMNS, "0.1234567")
    cases = [{**numbers, "id": name, "words": "right"} for name in ("001", "1", "1e3", "nan")]
    reduced = _reduced(cases)
    assert [case["id"] for case in reduced] == ["001", "1", "1e3", "nan"]
    assert reduced[0]["words"] == "right"
    assert {case["dice"] for case in reduced} == {0.12346}
