"""Which model a call names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from saywhere.errors import UsageError
from saywhere.inference.segmenter import Segmenter
from saywhere.runs import locate
from saywhere.serve.models import Models, Served, open_models


@dataclass
class Folder:
    folder: Path
    rest: dict[str, Any] = field(default_factory=dict)


def served(name: str, folder: Path) -> Served:
    return Served(name, cast(Segmenter, Folder(folder)), ())


def test_a_model_is_found_by_a_name_that_it_took_up() -> None:
    name, place = next(iter(locate.taken_up().items()))
    ours, own = served("general", place), served("general", Path("mine/general"))
    assert Models([ours]).named(name) is ours
    with pytest.raises(UsageError, match=f"no model '{name}'"):
        Models([own]).named(name)  # somebody's own is called as ours is
    hidden = served(name, Path("mine") / name)
    assert Models([ours, hidden]).named(name) is hidden


def test_it_is_served_by_the_name_that_it_was_asked_for_by() -> None:
    name = next(name for name in locate.taken_up() if name not in locate.known())
    (model,) = open_models([Path(name)])
    assert model.name == name
    assert model.segmenter.folder == locate.taken_up()[name]
