from __future__ import annotations

import copy
import pickle

import pytest

from saywhere import errors
from saywhere.errors import ConfigError, SaywhereError, counted, duration, nearest

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, SaywhereError)
]


def test_an_error_is_a_sentence_of_what_where_allowed_and_remedy() -> None:
    error = ConfigError(
        "data.size is 97", where="a.toml, line 4", allowed="a multiple of 8", remedy="try 96 or 104"
    )
    assert str(error) == "data.size is 97 in a.toml, line 4; a multiple of 8: try 96 or 104"
    assert (error.found, error.where, error.allowed, error.remedy) == (
        "data.size is 97",
        "a.toml, line 4",
        "a multiple of 8",
        "try 96 or 104",
    )


def test_parts_that_are_not_given_leave_no_trace() -> None:
    assert str(ConfigError("no")) == "no"
    assert str(ConfigError("no", remedy="yes")) == "no: yes"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_code_and_an_exit_code_of_the_contract(kind: type[SaywhereError]) -> None:
    assert kind.code.replace("_", "").isalpha()
    assert kind.exit_code in (1, 2, 3)
    assert 400 <= kind.http_status < 600
    assert issubclass(kind, errors.UsageError) == (kind.exit_code == 2)


def test_codes_are_distinct() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    "twin", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"]
)
def test_an_error_survives_the_way_out_of_another_process(twin: object) -> None:
    error = ConfigError("found", where="here", allowed="rule", remedy="advice")
    other = twin(error)  # type: ignore[operator]
    assert type(other) is ConfigError
    assert str(other) == str(error)
    assert vars(other) == vars(error)


@pytest.mark.parametrize(
    ("name", "known", "advice"),
    [
        ("epoch", ["epochs", "seed"], "did you mean 'epochs'?"),
        ("zzz", ["epochs", "seed"], "choose one of epochs, seed"),
        ("dta", {"data": 1, "date": 2}, "did you mean 'data' or 'date'?"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_known_ones(
    name: str, known: list[str], advice: str
) -> None:
    assert nearest(name, known) == advice


@pytest.mark.parametrize(
    ("number", "plural", "written"),
    [
        (0, None, "0 rows"),
        (1, None, "1 row"),
        (1234, None, "1,234 rows"),
        (1, "rows are", "1 row"),
        (2, "rows are", "2 rows are"),
    ],
)
def test_a_number_stands_with_the_right_form_of_its_noun(
    number: int, plural: str | None, written: str
) -> None:
    assert counted(number, "row", plural) == written


def test_a_span_of_time_has_its_unit() -> None:
    spans = [duration(seconds) for seconds in (0, 59, 60, 725, 89 * 60, 5400, 40_000)]
    assert spans == ["0 s", "59 s", "1 min", "12 min", "89 min", "1.5 h", "11.1 h"]
