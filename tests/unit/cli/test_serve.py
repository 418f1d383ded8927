"""`saywhere serve`"""

from __future__ import annotations

import json
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from console import Ended
from unit.serve.served import serving

Say = Callable[..., Ended]


def test_it_serves_until_it_is_told_to_stop_and_ends_well(trained: Path, tmp_path: Path) -> None:
    with serving(trained, folder=tmp_path) as (process, address):
        with urllib.request.urlopen(f"{address}v1/models") as answer:
            assert json.load(answer)["models"][0]["name"] == "run"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_port_in_use_is_known_before_anything_is_loaded(say: Say, trained: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ended = say("serve", trained, "--port", other.getsockname()[1])
    assert (ended.code, ended.out) == (2, "")
    assert "address already in use" in ended.err
    assert "choose another --port" in ended.err


def test_without_a_run_it_says_how_to_make_one(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = say("serve", "--port", "0")
    assert ended.code == 2
    assert "no run to serve" in ended.err
    assert "make demo" in ended.err


def test_without_the_extra_it_says_what_to_install(say: Say, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    ended = say("serve", trained)
    assert ended.code == 2
    assert "pip install 'saywhere[serve]'" in ended.err
