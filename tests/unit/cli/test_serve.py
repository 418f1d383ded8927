"""`saywhere serve`"""

from __future__ import annotations

import json
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import Ended
from saywhere.runs import locate
from saywhere.serve.models import open_models
from saywhere.serve.store import Store
from unit.serve.served import serving

Say = Callable[..., Ended]


def test_it_serves_until_it_is_told_to_stop_and_ends_well(trained: Path, tmp_path: Path) -> None:
    with serving(trained, folder=tmp_path) as (process, address):
        with urllib.request.urlopen(f"{address}v1/models") as answer:
            assert json.load(answer)["models"][0]["name"] == "run"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("option", "out"),
    [
        ("--json", '{"address": "http://127.0.0.1:7/", "models": ["run"], "store": "kept"}\n'),
        ("--quiet", ""),
        (None, ""),
    ],
)
def test_it_says_where_it_is(
    say: Say, trained: Path, monkeypatch: pytest.MonkeyPatch, option: str | None, out: str
) -> None:
    monkeypatch.setattr(
        "saywhere.serve.run.run_server",
        lambda runs, **asked: asked["say"]("http://127.0.0.1:7/", ["run"]),
    )
    ended = say("serve", trained, *([option] if option else []))
    assert (ended.code, ended.out) == (0, out)
    assert ("http://127.0.0.1:7/ (run); kept work goes to kept" in ended.err) == (option is None)


def test_a_drawn_token_is_in_the_line_for_programs_and_a_given_one_is_not(
    say: Say, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "saywhere.serve.run.run_server",
        lambda runs, **asked: asked["say"]("http://0.0.0.0:7/", ["run"]),
    )
    ended = say("serve", trained, "--host", "0.0.0.0", "--json")
    assert f"a token is asked for: {json.loads(ended.out)['token']}" in ended.err
    assert "token" not in json.loads(
        say("serve", trained, "--host", "0.0.0.0", "--token", "mine", "--json").out
    )


def test_a_port_in_use_is_known_before_anything_is_loaded(say: Say, trained: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ended = say("serve", trained, "--port", other.getsockname()[1])
    assert (ended.code, ended.out) == (2, "")
    assert "address already in use" in ended.err
    assert "choose another --port" in ended.err


def test_a_second_server_on_one_store_is_refused(say: Say, trained: Path, tmp_path: Path) -> None:
    held = Store(tmp_path / "kept")
    ended = say("serve", trained, "--port", 0, "--store", tmp_path / "kept")
    held.close()
    assert (ended.code, ended.out) == (2, "")
    assert "another server keeps its work in" in ended.err
    assert "choose another --store" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("--public-name", "saywhere.example.org"),
        ("--host", "0.0.0.0"),
        ("--host", "0.0.0.0", "--token", ""),
    ],
)
def test_what_can_be_reached_from_outside_gets_a_token(
    say: Say, trained: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("saywhere.serve.run.run_server", lambda runs, **named: asked.update(named))
    ended = say("serve", trained, *words)
    assert len(asked["token"]) >= 32
    assert f"a token is asked for: {asked['token']}" in ended.err
    assert say("serve", trained, *words[:2], "--token", "mine").code == 0
    assert asked["token"] == "mine"


def test_without_a_run_every_model_that_is_here_is_served(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[Path]] = []
    monkeypatch.setattr("saywhere.serve.run.run_server", lambda runs, **named: asked.append(runs))
    assert say("serve").code == 0
    assert asked == [[]]
    names = [served.name for served in open_models(asked[0])]
    assert names == list(locate.known())
    assert "general" in names


def test_without_run_or_model_it_says_how_to_make_one(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "known", dict)
    ended = say("serve", "--port", "0")
    assert ended.code == 2
    assert "no model to serve" in ended.err
    assert "make demo" in ended.err


def test_without_the_extra_it_says_what_to_install(
    say: Say, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    ended = say("serve", trained)
    assert ended.code == 2
    assert "pip install 'saywhere[serve]'" in ended.err


def test_a_folder_of_images_that_is_not_there_is_refused_at_once(say: Say, tmp_path: Path) -> None:
    ended = say("serve", "polyp", "--images", tmp_path / "films")
    assert (ended.code, ended.out) == (2, "")
    assert f"no folder {tmp_path / 'films'} in --images: make it" in ended.err
