"""What is said of prompts on the screen names the pictures that it is of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from saywhere.cli.predict_summary import _of_prompts, summary


def predictions(*warnings: list[str]) -> Any:
    return [
        SimpleNamespace(image=f"folder/{number}.dcm", warnings=of_it)
        for number, of_it in enumerate(warnings)
    ]


def test_a_warning_of_some_pictures_names_them() -> None:
    read_as = "'left lung' was read as 'right lung'"
    every = "a prompt in French"
    of_some = predictions([every], [every, read_as], [every])
    assert _of_prompts(of_some) == [every, f"{read_as} (the first: 1.dcm)"]


def test_a_warning_of_all_pictures_is_one_sentence() -> None:
    assert _of_prompts(predictions(["a"], ["a"], ["a"])) == ["a"]
    assert _of_prompts(predictions([], [])) == []


def test_of_a_common_table_the_predictions_are_named_and_an_address_is_as_it_was_typed() -> None:
    some = [
        SimpleNamespace(stem=f"p{number}", first_file="all.parquet", confidence=None)
        for number in range(5)
    ]
    outcome: Any = SimpleNamespace(predictions=some, n_skipped=0)
    line = summary(outcome, Path("s3://pictures/out"))
    assert line.startswith("5 predictions in s3://pictures/out; look at these first: p0 (nothing")
    assert "all.parquet" not in line
