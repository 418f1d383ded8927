"""What is said of prompts on the screen names the pictures that it is of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from saywhere.cli.predict_summary import _of_prompts


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
