"""`saywhere serve --users`: a name behind each token, which stands for who keeps and reviews."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from console import invoke
from saywhere.errors import MissingFile, SaywhereError, UsageError
from saywhere.serve.app import build_app
from saywhere.serve.models import Models
from saywhere.serve.store import Store
from saywhere.serve.users import add_user, read_users
from unit.serve.conftest import png

KEY = "0" * 32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.toml"


@pytest.fixture
def tokens(file: Path) -> dict[str, str]:
    return {name: add_user(file, name) for name in ("Anna", "Béla Ős")}


@pytest.fixture
def client(
    models: Models, tmp_path: Path, file: Path, tokens: dict[str, str]
) -> Iterator[TestClient]:
    app = build_app(models, Store(tmp_path / "kept"), users=read_users(file))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_file_holds_no_token_and_a_new_one_ends_the_old(
    file: Path, tokens: dict[str, str]
) -> None:
    text = file.read_text(encoding="utf-8")
    assert not any(token in text for token in tokens.values())
    users = read_users(file)
    assert {name: users.named(token) for name, token in tokens.items()} == {
        name: name for name in tokens
    }
    assert users.named("") is None
    assert users.named(tokens["Anna"][:-1]) is None
    # A hash that leaks opens nothing.
    assert users.named(text.split('"')[1]) is None
    again = add_user(file, "Anna")
    assert read_users(file).named(tokens["Anna"]) is None
    assert read_users(file).named(again) == "Anna"
    assert read_users(file).named(tokens["Béla Ős"]) == "Béla Ős"


def test_only_users_call_and_the_page_learns_the_name(
    client: TestClient, tokens: dict[str, str]
) -> None:
    assert client.get("/").status_code == 200
    for headers in ({}, by("wrong"), by(""), {"Authorization": "Basic Og=="}):
        assert client.get("/v1/models", headers=headers).status_code == 401
    for name, token in tokens.items():
        assert client.get("/v1/models", headers=by(token)).json()["user"] == name


def test_what_is_kept_reviewed_and_taken_back_bears_the_name_behind_the_token(
    client: TestClient, tokens: dict[str, str], picture: np.ndarray
) -> None:
    mask = png(np.zeros(picture.shape[:2], np.uint8))
    sent = {"image": png(picture), "mask": mask, "suggested": mask}
    anna, bela = (by(token) for token in tokens.values())

    def keep(headers: dict[str, str], **fields: str) -> int:
        data = {"key": KEY, "prompt": "left", **fields}
        return client.post("/v1/keep", files=sent, data=data, headers=headers).status_code

    assert keep(anna, who="Béla Ős") == 422
    assert keep(anna) == 200
    (row,) = client.get("/v1/kept", headers=bela).json()["rows"]
    assert row["who"] == "Anna"
    verdict = {"key": KEY, "verdict": "accepted"}
    refused = client.post("/v1/review", data=verdict | {"who": "Anna"}, headers=bela)
    assert refused.status_code == 422
    assert "Béla" not in refused.text
    review = client.post("/v1/review", data=verdict, headers=bela).json()
    assert review["who"] == "Béla Ős"
    taken = {"key": KEY, "who": "Anna"}
    assert client.post("/v1/take-back", data=taken, headers=bela).status_code == 422
    assert client.post("/v1/take-back", data=taken, headers=anna).status_code == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no table"),
        ("[users]", "nobody is named"),
        ('[users]\nA = "secret"', "'A' has no sha256"),
        (f'[users]\nA = "{"1" * 64}"\nB = "{"1" * 64}"', "two names have one token"),
        (f'[users]\nA = "{"1" * 64}"\n[more]\nB = 1', "another beside it"),
        ("[users", "not valid TOML"),
    ],
)
def test_another_file_is_refused_by_its_fault(file: Path, text: str, words: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SaywhereError, match=words) as refused:
        read_users(file)
    assert "secret" not in str(refused.value)


def test_names_that_cannot_be_read_are_refused(file: Path) -> None:
    for name in ("", "  ", "a\nb", "a" * 201):
        with pytest.raises(UsageError, match="the name"):
            add_user(file, name)
    with pytest.raises(MissingFile, match="--add-user"):
        read_users(file)


def test_the_command_line_draws_a_token_and_refuses_two_ways(
    file: Path,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    added = invoke(monkeypatch, capsys, "serve", "--users", file, "--add-user", "Anna")
    assert added.code == 0, added.err
    assert read_users(file).named(added.out.strip()) == "Anna"
    beside = invoke(monkeypatch, capsys, "serve", trained, "--users", file, "--token", "x")
    assert (beside.code, "--users beside --token" in beside.err) == (2, True)
    tools = invoke(monkeypatch, capsys, "serve", trained, "--users", file, "--mcp")
    assert (tools.code, "--users beside --mcp" in tools.err) == (2, True)
    alone = invoke(monkeypatch, capsys, "serve", "--add-user", "Anna")
    assert (alone.code, "--add-user without --users" in alone.err) == (2, True)
