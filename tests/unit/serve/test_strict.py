"""What would be read otherwise than it was sent is refused, by every call."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from saywhere.serve.app import build_app
from saywhere.serve.models import Models
from unit.serve.conftest import png
from unit.serve.test_app import asked, is_an_error

KEY = "0" * 32
PICTURES = ("image", "mask", "suggested")
VALUES = {"key": KEY, "replaces": KEY, "verdict": "open", "beside": "1", "threshold": "0.5"}
"""Of fields that take no text as it comes."""


def forms(client: TestClient) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each call that takes a form, and the schemas of its fields."""
    document = client.get("/openapi.json").json()
    for path, calls in document["paths"].items():
        if "post" in calls:
            (content,) = calls["post"]["requestBody"]["content"].values()
            name = content["schema"]["$ref"].split("/")[-1]
            yield path, document["components"]["schemas"][name]["properties"]


def takes_many(field: dict[str, Any]) -> bool:
    return "array" in [kind.get("type") for kind in (field, *field.get("anyOf", ()))]


def part(name: str, value: bytes) -> bytes:
    file = b'; filename="x.png"' if name in PICTURES else b""
    head = b'--b\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + file
    return head + b"\r\n\r\n" + value + b"\r\n"


def sent(client: TestClient, path: str, *parts: bytes) -> Any:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    return client.post(path, content=b"".join(parts) + b"--b--\r\n", headers=kind)


def test_a_field_that_takes_one_value_is_refused_twice_by_every_call(
    client: TestClient, picture: np.ndarray
) -> None:
    n_fields = 0
    for path, fields in forms(client):
        for name, field in fields.items():
            value = png(picture) if name in PICTURES else VALUES.get(name, "x").encode()
            twice = sent(client, path, part(name, value), part(name, value))
            if not takes_many(field):
                assert is_an_error(twice, 422, "usage"), (path, name)
                told = twice.json()["error"]["message"]
                assert told == f"the field {name} 2 times; once in a call", (path, name)
                n_fields += 1
    assert n_fields > 20


def test_a_query_parameter_twice_is_refused(client: TestClient) -> None:
    twice = client.get(f"/v1/kept?image={'0' * 64}&image={'1' * 64}")
    assert is_an_error(twice, 422, "usage")
    assert "the query parameter image 2 times" in twice.text
    assert client.get(f"/v1/reviews?key={KEY}&key={KEY}").status_code == 200


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"caf\xe9", b"\xc3\xa9 \xed\xa0\x80"])
def test_text_that_is_no_utf8_is_refused_by_every_call(client: TestClient, bad: bytes) -> None:
    n_fields = 0
    for path, fields in forms(client):
        for name in set(fields) - set(PICTURES) - set(VALUES):
            answer = sent(client, path, part(name, bad))
            assert is_an_error(answer, 422, "usage"), (path, name)
            assert "a field that is no UTF-8" in answer.text, (path, name)
            n_fields += 1
    assert n_fields > 12
    quoted = "".join(f"%{byte:02x}" for byte in bad)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/v1/opposite", content=f"prompt={quoted}", headers=form)
    assert is_an_error(answer, 422, "usage")
    assert "a query parameter that is no UTF-8" in client.get(f"/v1/kept?image={quoted}").text


def test_text_in_utf8_is_read_as_it_is(client: TestClient, picture: np.ndarray) -> None:
    for prompt in ("links, größer", "左肺", "😀 left"):
        [found] = asked(client, png(picture), prompt).json()["results"]
        assert found["prompt"] == prompt
    assert client.post("/v1/opposite", data={"prompt": "links, größer"}).status_code == 200


def test_what_a_png_has_no_place_for_is_refused(client: TestClient, picture: np.ndarray) -> None:
    wants = {"Accept": "image/png"}
    two = asked(client, png(picture), "left", "right", headers=wants)
    assert is_an_error(two, 422, "usage")
    assert "2 prompts, and an answer as image/png" in two.text
    more = asked(client, png(picture), "left", headers=wants, include="probability")
    assert is_an_error(more, 422, "usage")
    one = asked(client, png(picture), "left", headers=wants)
    assert one.headers["content-type"] == "image/png"
    model = client.get("/v1/models").json()["models"][0]
    assert one.headers["x-model-digest"] == model["digest"]
    assert one.headers["x-model-frame"] == model["frame"]


def test_a_kind_of_answer_that_cannot_be_is_406_by_every_call(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    calls = [(path, method) for path in paths if path.startswith("/v1") for method in paths[path]]
    for path, method in calls:
        refused = client.request(method, path, headers={"Accept": "text/html"})
        assert is_an_error(refused, 406, "not_acceptable"), path
        taken = client.request(method, path, headers={"Accept": "text/html, */*;q=0.1"})
        assert taken.status_code != 406, path
    lines = [("Accept", "text/html"), ("Accept", "application/json")]
    assert client.get("/v1/models", headers=lines).status_code == 200


def test_another_method_is_405_with_those_that_are(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, calls in paths.items():
        known = {method.upper() for method in calls}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} - known:
            answer = client.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert answer.headers["allow"] == ", ".join(sorted(known)), (method, path)
    assert client.post("/").headers["allow"] == "GET, HEAD"


def test_the_model_is_named_by_its_digest_and_its_frame(
    client: TestClient, models: Models, picture: np.ndarray
) -> None:
    segmenter = next(iter(models)).segmenter
    answer = asked(client, png(picture), "upper left").json()
    named = (answer["model_digest"], answer["frame"])
    assert named == (segmenter.digest, segmenter.prompt_facts.frame)
    listed = client.get("/v1/models").json()["models"][0]
    assert (listed["digest"], listed["frame"]) == named


@pytest.mark.parametrize("token", [None, "secret"])
def test_openapi_says_whether_a_token_is_needed(models: Models, token: str | None) -> None:
    app = build_app(models, token=token)
    document = app.openapi()
    schemes = document["components"].get("securitySchemes", {})
    calls = [calls for path, calls in document["paths"].items() if path.startswith("/v1")]
    needed = [call.get("security") for each in calls for call in each.values()]
    if token is None:
        assert (schemes, set(map(str, needed))) == ({}, {"None"})
    else:
        assert [scheme["scheme"] for scheme in schemes.values()] == ["bearer"]
        assert needed == [[{name: []} for name in schemes]] * len(needed)
    app.state.queue.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file takes a byte, as on a full disk; sockets and pipes do."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_temporary_folder_is_507_without_its_name(
    client: TestClient, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    mask = png(picture[..., 0] * 0)
    files = {"image": png(picture), "mask": mask, "suggested": mask}
    assert client.post("/v1/keep", files=files, data={"key": KEY}).status_code == 200
    large = {name: bytes(3 << 20) for name in PICTURES}
    with full_disk():
        answers = [
            client.post("/v1/segment", files={"image": large["image"]}),
            client.post("/v1/keep", files=large, data={"key": "1" * 32}),
            client.post("/v1/mask", files={"mask": large["mask"]}),
            client.get("/v1/export?format=nifti&format=coco"),
            client.post("/v1/review", data={"key": KEY, "verdict": "accepted"}),
            client.post("/v1/take-back", data={"key": KEY}),
        ]
    for answer in answers:
        assert is_an_error(answer, 507, "not_writable"), answer.text
        assert str(tmp_path) not in answer.text
    assert list((tmp_path / "temporary").iterdir()) == []
    assert client.get("/v1/export").status_code == 200
    assert client.get("/v1/kept").json()["n_kept"] == 1
