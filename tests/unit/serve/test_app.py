"""The service as a program meets it.

Long because one service, which takes seconds to start, answers all of it.
"""

from __future__ import annotations

import asyncio
import base64
import resource
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pycocotools import mask as coco

import saywhere
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.serve.app import build_app
from saywhere.serve.models import Models
from saywhere.serve.routes import MAX_PROMPTS
from unit.serve.conftest import blank_png, png

Client = TestClient


def asked(
    client: Client,
    content: bytes,
    *prompts: str,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> Any:
    return client.post(
        "/v1/segment",
        files={"image": ("patient name.png", content)},
        data={"prompt": list(prompts), **fields},
        headers=headers or {},
    )


def is_an_error(response: Any, status: int, code: str) -> bool:
    error = response.json()["error"]
    return (
        response.status_code == status
        and error["code"] == code
        and set(error) == {"code", "message", "remedy"}
    )


def test_a_mask_a_prompt_as_the_library_gives_it(
    client: Client, trained: Path, picture: np.ndarray
) -> None:
    prompts = ["the spot, upper left", "the spot, lower right"]
    answer = asked(client, png(picture), *prompts).json()
    assert answer["model"] == "run"
    assert answer["size"] == [50, 70]
    for prompt, found in zip(prompts, answer["results"]):
        expected = saywhere.load(trained).segment(picture, prompt)
        assert found["prompt"] == prompt
        assert np.array_equal(coco.decode(found["mask"]), expected.mask)
        assert found["area_px"] == expected.mask.sum()
        assert found["presence"] == pytest.approx(float(expected.probability.max()), abs=1e-4)
        assert found["unfamiliarity"] == pytest.approx(expected.unfamiliarity, abs=1e-3)
        assert found["denies"] is False
    assert asked(client, png(picture), "no spot").json()["results"][0]["denies"] is True


def test_one_mask_as_a_picture(client: Client, trained: Path, picture: np.ndarray) -> None:
    response = asked(client, png(picture), "the spot, upper left", headers={"Accept": "image/png"})
    assert response.headers["content-type"] == "image/png"
    mask = np.asarray(Image.open(BytesIO(response.content)))
    assert set(np.unique(mask)) <= {0, 255}
    assert np.array_equal(
        mask > 0, saywhere.load(trained).segment(picture, "the spot, upper left").mask
    )


def test_probability_pseudo_image_and_the_picture_itself_on_demand(
    client: Client, trained: Path, picture: np.ndarray
) -> None:
    answer = asked(
        client, png(picture), "upper left", include=["probability", "pseudo_image", "image"]
    ).json()
    expected = saywhere.load(trained).segment(picture, "upper left")
    (found,) = answer["results"]
    probability, pseudo = (
        np.asarray(Image.open(BytesIO(base64.b64decode(found[name]))))
        for name in ("probability_png", "pseudo_image_png")
    )
    assert np.abs(probability / 255 - expected.probability).max() < 0.005
    assert expected.pseudo_image is not None
    assert np.abs(pseudo / 255 - expected.pseudo_image).max() < 0.005

    assert Image.open(BytesIO(base64.b64decode(answer["image_png"]))).size == (70, 50)
    assert "probability_png" not in asked(client, png(picture), "upper left").json()["results"][0]


def test_a_pseudo_image_to_look_at_is_small_and_keeps_its_form(client: Client) -> None:
    (found,) = asked(client, blank_png(300, 900), "upper left", include=["pseudo_image"]).json()[
        "results"
    ]
    assert np.asarray(Image.open(BytesIO(base64.b64decode(found["pseudo_image_png"])))).shape == (
        85,
        256,
        3,
    )


def test_the_threshold_and_the_model_are_the_callers(client: Client, picture: np.ndarray) -> None:
    areas = [
        asked(client, png(picture), "upper left", threshold=value).json()["results"][0]["area_px"]
        for value in (0.001, 0.5, 0.999)
    ]
    assert areas[0] >= areas[1] >= areas[2]
    assert areas[0] > areas[2]


def test_of_several_models_one_is_named(client_of_two: Client, picture: np.ndarray) -> None:
    content = png(picture)
    assert asked(client_of_two, content, "", model="image_only").json()["model"] == "image_only"
    nobodys = asked(client_of_two, content, "upper left")
    assert is_an_error(nobodys, 422, "usage")
    assert "2 are served: run, image_only" in nobodys.json()["error"]["message"]


def test_what_there_is(client_of_two: Client) -> None:
    answer = client_of_two.get("/v1/models").json()
    assert [model["name"] for model in answer["models"]] == ["run", "image_only"]
    assert [model["hears_words"] for model in answer["models"]] == [True, False]
    assert answer["models"][0]["suggestions"]
    assert answer["models"][1]["suggestions"] == []


def test_the_opposite_of_a_prompt(client: Client) -> None:
    assert client.post("/v1/opposite", data={"prompt": "one polyp, upper left"}).json() == {
        "prompt": "one polyp, lower right"
    }
    assert client.post("/v1/opposite", data={"prompt": "one polyp"}).json() == {"prompt": None}


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n" + b"\0" * 40]
)
def test_what_is_no_image_is_415_and_its_name_is_not_told(client: Client, content: bytes) -> None:
    response = asked(client, content, "upper left")
    assert is_an_error(response, 415, "unreadable_file")
    assert "patient" not in response.text


def test_bad_calls_are_422_in_the_one_form(client: Client, picture: np.ndarray) -> None:
    content = png(picture)
    assert is_an_error(client.post("/v1/segment", data={"prompt": "x"}), 422, "usage")
    assert is_an_error(asked(client, content, "x" * 10_001), 422, "usage")
    assert is_an_error(asked(client, content, *["x"] * (MAX_PROMPTS + 1)), 422, "usage")
    assert is_an_error(asked(client, content, "x", threshold=1.5), 422, "usage")
    assert is_an_error(asked(client, content, "x", include="everything"), 422, "usage")
    wrong = asked(client, content, "x", model="rum")
    assert is_an_error(wrong, 422, "usage")
    assert "did you mean 'run'" in wrong.json()["error"]["remedy"]


def test_a_name_that_a_call_does_not_know_is_refused_with_what_is_meant(
    client: Client, picture: np.ndarray
) -> None:
    wrong = client.post(
        "/v1/segment", files={"image": ("x.png", png(picture))}, data={"prompts": "patient Smith"}
    )
    assert is_an_error(wrong, 422, "usage")
    assert wrong.json()["error"]["message"] == (
        "a field that this call does not know; "
        "image, reference, prompt, model, threshold, orientation, slice, include"
    )
    assert wrong.json()["error"]["remedy"] == "did you mean 'prompt'?"
    for body in ({"": "1", "prompts": "x"}, {"": "1"}):
        assert is_an_error(client.post("/v1/opposite", data=body), 422, "usage")
    no_form = client.post("/v1/opposite", json={"prompt": "left"})
    assert is_an_error(no_form, 422, "usage")
    assert "a body that is no form" in no_form.text
    assert is_an_error(client.get("/v1/models?x=1"), 422, "usage")
    assert is_an_error(
        client.post("/v1/segment?threshold=0.9", files={"image": ("x.png", png(picture))}),
        422,
        "usage",
    )
    unknown = client.get("/v1/kept", params={"patient_smith": "1"})
    assert is_an_error(unknown, 422, "usage")
    assert "smith" not in unknown.text.lower()


def test_pixels_times_prompts_are_bounded(
    client: Client, monkeypatch: pytest.MonkeyPatch, picture: np.ndarray
) -> None:
    monkeypatch.setattr("saywhere.serve.segment_route.MAX_PIXELS", 50 * 70 * 2)
    assert asked(client, png(picture), "left", "right").status_code == 200
    assert is_an_error(asked(client, png(picture), "left", "right", "upper"), 422, "usage")


def test_blank_is_no_words_here_too(client: Client, trained: Path, picture: np.ndarray) -> None:
    for response in (
        asked(client, png(picture), ""),
        client.post("/v1/segment", files={"image": png(picture)}),
    ):
        (found,) = response.json()["results"]
        assert found["prompt"] == ""
        assert np.array_equal(
            coco.decode(found["mask"]), saywhere.load(trained).segment(picture, "").mask
        )
    assert client.post("/v1/opposite", data={"prompt": ""}).json() == {"prompt": None}


def test_ten_thousand_characters_are_taken(client: Client, picture: np.ndarray) -> None:
    assert asked(client, png(picture), "left " * 2000).status_code == 200


def test_unknown_addresses_methods_and_hosts(client: Client) -> None:
    assert is_an_error(client.get("/v1/nothing"), 404, "no_such_address")
    assert is_an_error(client.delete("/v1/models"), 405, "method_not_allowed")
    assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/%2e%2e/app.py",
        "/..%2f..%2fserve/app.py",
        "/page.css/../../app.py",
        "//etc/passwd",
    ],
)
def test_no_file_but_the_pages_is_given(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code in (400, 404)
    assert "import" not in response.text


def test_a_token_is_asked_for_where_there_is_one(models: Models, picture: np.ndarray) -> None:
    with TestClient(build_app(models, token="secret"), base_url="http://localhost") as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert is_an_error(client.get("/v1/models", headers=headers), 401, "not_allowed")
            assert is_an_error(
                asked(client, png(picture), "x", headers=headers), 401, "not_allowed"
            )
        assert (
            client.get("/v1/models", headers={"Authorization": "Bearer secret"}).status_code == 200
        )
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:9999", "http://localhost.evil.example"],
)
def test_another_sites_page_may_call_nothing(
    client: Client, picture: np.ndarray, origin: str
) -> None:
    assert is_an_error(
        asked(client, png(picture), "x", headers={"Origin": origin}), 401, "not_allowed"
    )
    assert (
        asked(client, png(picture), "x", headers={"Origin": "http://localhost"}).status_code == 200
    )


def test_health_readiness_metrics_and_ids(client: Client, picture: np.ndarray) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").json() == {"status": "ready"}
    ids = {asked(client, png(picture), "upper left").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    text = client.get("/metrics").text
    assert 'saywhere_requests_total{route="/v1/segment",status="200"} 3.0' in text
    assert 'saywhere_masks_total{model="run"} 3.0' in text
    assert "saywhere_requests_taken 0.0" in text


def test_the_log_has_no_words_and_no_names(
    client: Client, picture: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        asked(client, png(picture), "canary polyp of Mr Miller")
        asked(client, b"no image", "canary polyp of Mr Miller")
        client.get("/v1/canary-Miller?name=canary")
    logged = " ".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("httpx")
    )  # the test's own client
    assert '"route": "/v1/segment", "status": 200' in logged
    assert "canary" not in logged
    assert "patient" not in logged


def test_a_failure_inside_is_500_without_a_word_of_it(
    client: Client, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch, models: Models
) -> None:
    def fails(*inputs: Any, **named: Any) -> Any:
        raise ArithmeticError("secret inside")

    monkeypatch.setattr(next(iter(models)).segmenter, "segment_many", fails)
    response = asked(client, png(picture), "upper left")
    assert is_an_error(response, 500, "failed")
    assert "secret" not in response.text
    assert len(response.headers["x-request-id"]) == 32
    monkeypatch.undo()
    assert asked(client, png(picture), "upper left").status_code == 200


def test_the_page_is_there_and_may_call_no_one_else(client: Client) -> None:
    response = client.get("/")
    assert "<title>Saywhere" in response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    for name in ("page.js", "service.js", "label.js", "evidence.js", "page.css", "icon.svg"):
        assert client.get(f"/{name}").status_code == 200


def test_what_is_kept_is_a_manifest_and_one_key_is_one_row(
    client: Client, picture: np.ndarray, tmp_path: Path
) -> None:
    mask = np.zeros((50, 70), np.uint8)
    mask[5:20, 10:30] = 255
    fields = {"prompt": "one polyp, upper left", "key": "0" * 32, "who": "A."}
    files = {"image": png(picture), "mask": png(mask), "suggested": png(mask * 0)}
    for _ in range(2):
        assert client.post("/v1/keep", files=files, data=fields).json()["n_kept"] == 1
    assert (
        client.post("/v1/keep", files=files, data=fields | {"key": "1" * 32, "prompt": ""}).json()[
            "n_kept"
        ]
        == 2
    )
    assert client.get("/v1/kept").json()["n_kept"] == 2
    source = client.post("/v1/segment", files={"image": files["image"]}).json()["image_sha256"]
    of_image = client.get("/v1/kept", params={"image": source}).json()["rows"]
    assert [row["prompt"] for row in of_image] == [fields["prompt"], ""]
    assert (
        base64.b64decode(of_image[0]["mask_png"])
        == (tmp_path / "kept" / "masks" / f"{fields['key']}.png").read_bytes()
    )
    assert client.get("/v1/kept", params={"image": "0" * 64}).json() == {
        "n_kept": 2,
        "rows": [],
        "images": [],
    }
    assert client.get("/v1/kept").json()["images"] == [source]
    assert client.get("/v1/kept", params={"image": "../../x"}).status_code == 422
    assert is_an_error(
        client.post("/v1/keep", files=files | {"mask": png(mask * 0)}, data=fields), 422, "usage"
    )  # other work under the same key
    first = saywhere.data.manifest.read_manifest(tmp_path / "kept").rows[0]
    assert first.prompts == {"prompt": ("one polyp, upper left",)}
    assert first.mask is not None
    assert np.array_equal(np.asarray(Image.open(first.mask)), mask)
    assert np.array_equal(np.asarray(Image.open(first.image)), picture)
    assert first.extra["who"] == "A."
    wrong = client.post(
        "/v1/keep", files=files | {"mask": png(mask[:10])}, data=fields | {"key": "2" * 32}
    )
    assert is_an_error(wrong, 422, "usage")
    assert is_an_error(
        client.post("/v1/keep", files=files, data=fields | {"key": "../../etc"}), 422, "usage"
    )


def test_a_label_map_is_not_kept_as_a_mask(client: Client, picture: np.ndarray) -> None:
    labels = np.zeros((50, 70), np.uint8)
    labels[5:20, 10:30] = 1
    labels[30:40, 10:30] = 2
    files = {"image": png(picture), "mask": png(labels), "suggested": png(labels * 0)}
    response = client.post("/v1/keep", files=files, data={"prompt": "polyp", "key": "0" * 32})
    assert is_an_error(response, 415, "unreadable_file")
    assert "3 values (0: 3,000 px, 1: 300 px, 2: 200 px)" in response.text
    assert client.get("/v1/kept").json()["n_kept"] == 0


def test_without_a_store_nothing_is_kept(models: Models, picture: np.ndarray) -> None:
    with TestClient(build_app(models), base_url="http://localhost") as client:
        files = {
            "image": png(picture),
            "mask": png(picture[..., 0]),
            "suggested": png(picture[..., 0]),
        }
        assert is_an_error(
            client.post("/v1/keep", files=files, data={"prompt": "x", "key": "0" * 32}),
            422,
            "usage",
        )


def test_what_a_caller_who_left_still_waited_for_takes_no_models_time(
    models: Models, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is in work when the others leave; then only the one that stayed is segmented."""
    begun, go_on = threading.Event(), threading.Event()
    said: list[Any] = []
    segmenter = next(iter(models)).segmenter
    real = segmenter.segment_many

    def slow(images: Any, prompts: list[str], **named: Any) -> Any:
        said.extend(prompts)
        begun.set()
        assert go_on.wait(20)
        return real(images, prompts, **named)

    async def asked_by(client: httpx.AsyncClient, prompt: str) -> int:
        return (
            await client.post("/v1/segment", files={"image": png(picture)}, data={"prompt": prompt})
        ).status_code

    async def leave() -> list[int]:
        app = build_app(models)
        async with httpx.AsyncClient(
            transport=_Leaving(app=app), base_url="http://localhost"
        ) as client:
            first = asyncio.ensure_future(asked_by(client, "first"))
            await asyncio.to_thread(begun.wait, 20)
            left, stayed = (
                asyncio.ensure_future(asked_by(client, "leaves")),
                asyncio.ensure_future(asked_by(client, "stays")),
            )
            assert await left == 499
            go_on.set()
            statuses = [await first, await stayed]
        await asyncio.to_thread(app.state.queue.close)
        return statuses

    monkeypatch.setattr(segmenter, "segment_many", slow)
    assert asyncio.run(leave()) == [200, 200]
    assert said == ["first", "stays"]


class _Leaving(httpx.ASGITransport):
    """A connection that its caller closes a moment after the prompt `leaves` was sent."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        status = 0
        ended = asyncio.Event()
        sent = False

        async def receive() -> Any:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body}
            await (asyncio.sleep(0.1) if b"leaves" in body else ended.wait())
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        headers = [(name.lower(), value) for name, value in request.headers.raw]
        await self.app(
            {
                "type": "http",
                "method": "POST",
                "path": "/v1/segment",
                "query_string": b"",
                "headers": headers,
            },
            receive,
            send,
        )
        ended.set()
        return httpx.Response(status)


@pytest.mark.parametrize(
    "charset", ["undefined", "raw_unicode_escape", "idna", "utf-16", "no such"]
)
def test_a_strange_charset_is_no_failure(client: Client, picture: np.ndarray, charset: str) -> None:
    parts = [
        b'name="image"; filename="a.png"\r\n\r\n' + png(picture),
        b'name="prompt"\r\n\r\nleft \\ud800 \xff.\x80',
    ]
    body = (
        b"".join(b"--b\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
        + b"--b--\r\n"
    )
    response = client.post(
        "/v1/segment",
        content=body,
        headers={"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"},
    )
    assert is_an_error(response, 422, "usage")


def test_what_it_answers_is_documented(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert sorted(paths) == [
        "/healthz",
        "/metrics",
        "/readyz",
        "/v1/agreement",
        "/v1/dicom-seg",
        "/v1/export",
        "/v1/keep",
        "/v1/kept",
        "/v1/mask",
        "/v1/models",
        "/v1/opposite",
        "/v1/picture",
        "/v1/review",
        "/v1/reviews",
        "/v1/segment",
        "/v1/take-back",
    ]
    assert "422" in paths["/v1/models"]["get"]["responses"]
    forms = {
        name: form
        for name, form in client.get("/openapi.json").json()["components"]["schemas"].items()
        if name.startswith("Body_")
    }
    assert len(forms) == 8
    assert all(form["additionalProperties"] is False for form in forms.values())
    answers = paths["/v1/segment"]["post"]["responses"]
    refused = ["400", "401", "406", "408", "413", "415", "422", "500", "502", "503", "507"]
    assert sorted(answers) == ["200", *refused]
    kinds = {"application/json", "image/png", "application/dicom", "application/x-nifti"}
    assert set(answers["200"]["content"]) == kinds
    assert {
        answers[status]["content"]["application/json"]["schema"]["$ref"]
        for status in sorted(answers)[1:]
    } == {"#/components/schemas/Refusal"}
    assert "Retry-After" in answers["503"]["headers"]


@pytest.mark.parametrize("path", ["/%00", "/" + "a" * 5000, "/%ff%fe", "/😀"])
def test_a_strange_address_is_404_in_the_one_form(client: Client, path: str) -> None:
    assert is_an_error(client.get(path), 404, "no_such_address")


def test_a_bomb_is_415_before_it_goes_off(client: Client) -> None:
    response = asked(client, blank_png(5001, 8000), "x")
    assert is_an_error(response, 415, "unreadable_file")
    assert "at most 40,000,000 pixels" in response.json()["error"]["message"]


def test_a_file_over_the_limit_is_415_and_a_body_over_it_413(client: Client) -> None:
    found = [asked(client, bytes(MAX_FILE_BYTES + n_more), "x") for n_more in (1, 1024 * 1024)]
    assert is_an_error(found[0], 415, "unreadable_file")
    assert is_an_error(found[1], 413, "too_large")
    assert all("make the image smaller" in response.json()["error"]["remedy"] for response in found)


def test_a_full_disk_at_keep_is_507_without_the_servers_folders(
    client: Client, picture: np.ndarray, tmp_path: Path
) -> None:
    files = {
        "image": png(picture),
        "mask": png(picture[..., 0] * 0),
        "suggested": png(picture[..., 0] * 0),
    }
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        response = client.post("/v1/keep", files=files, data={"key": "0" * 32})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert is_an_error(response, 507, "not_writable")
    assert response.json()["error"]["message"] == "cannot keep this (file too large)"
    assert "keep it again" in response.json()["error"]["remedy"]
    assert str(tmp_path) not in response.text
    assert [path.name for path in (tmp_path / "kept").rglob("*.png")] == []
    assert client.post("/v1/keep", files=files, data={"key": "0" * 32}).json()["n_kept"] == 1


def as_it_stands(client: Client, path: str) -> tuple[int, str]:
    """GET by the application itself, status and text: every client tidies `/../` away."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "query_string": b"",
        "path": path,
        "raw_path": path.encode(),
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    asyncio.run(client.app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def test_no_file_escapes_whatever_is_asked_for(
    client: Client, picture: np.ndarray, tmp_path: Path
) -> None:
    """R17: 500 spellings of the way out, in addresses, file names, prompts, models and headers."""
    (tmp_path / "canary.png").write_bytes(b"a canary's song")
    dots = ["..", "%2e%2e", ".%2e", "%252e%252e", "%u002e%u002e"]
    ups = [
        "/",
        "....//",
        "..;/",
        "..%c0%af",
        "%252e%252e%252f",
        *(dot + slash for dot in dots for slash in ("/", "%2f", "\\", "%5c")),
    ]
    ends = [
        "canary.png",
        "kept/manifest.jsonl",
        "etc/passwd",
        "store.py",
        "canary.png%00.css",
    ]  # store.py lies beside the folder that is served
    ways = {up * depth + end for up in ups for depth in (1, 2, 3, 9) for end in ends}
    assert len(ways) == 500
    for way in sorted(ways):
        found = client.get(
            f"http://localhost/{way}", headers={"X-Request-ID": way, "Accept-Language": way}
        )
        assert client.get("/v1/kept", params={"image": way}).status_code == 422
        assert found.status_code in (400, 404)
        status, raw = as_it_stands(client, f"/{way}")
        assert status in (400, 404)
        refused = client.post(
            "/v1/segment", files={"image": (way, b"no image")}, data={"prompt": way, "model": way}
        )
        assert is_an_error(refused, 422, "usage")
        assert not [
            text
            for text in (found.text, raw, refused.text)
            if "song" in text or "root:" in text or "class Store" in text
        ]
    for way in sorted(ways)[::25]:
        answer = client.post(
            "/v1/segment", files={"image": (way, png(picture))}, data={"prompt": way}
        )
        assert (
            answer.status_code == 200
        )  # a name is never a place, and a prompt is words, whatever they are
        mask = png(picture[..., 0] // 255 * 255)
        kept = client.post(
            "/v1/keep",
            files={name: (way, mask) for name in ("image", "mask", "suggested")},
            data={"key": f"{hash(way) % 2**64:032x}", "prompt": way, "who": way},
        )
        assert kept.status_code == 200
    assert (
        client.post(
            "/v1/keep",
            files={name: png(picture) for name in ("image", "mask", "suggested")},
            data={"key": "../canary"},
        ).status_code
        == 422
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary.png", "kept"]


def test_a_thousand_and_one_parts_are_400(client: Client) -> None:
    response = client.post("/v1/segment", files=[("image", b"x")] * 1001)
    assert is_an_error(response, 400, "bad_request")


def test_a_prompt_of_the_patients_frame_needs_an_orientation(
    client: Client, picture: np.ndarray
) -> None:
    model = client.get("/v1/models").json()["models"][0]
    assert (model["frame"], model["left"]) == ("image", "left of the image")
    prompt = "spot on the patient's left"
    assert is_an_error(asked(client, png(picture), prompt), 422, "unknown_side")
    [answer] = asked(client, png(picture), prompt, orientation="L\\F").json()["results"]
    assert (answer["prompt"], answer["read_as"]) == (prompt, "spot on the right")
    assert any("was read as" in warning for warning in answer["warnings"])
    [plain] = asked(client, png(picture), "spot on the right").json()["results"]
    assert plain["mask"] == answer["mask"]
    assert (plain["read_as"], plain["frame"]) == (None, "image")


@pytest.mark.parametrize(
    ("orientation", "code"), [("A\\F", "unknown_side"), ("upright", "usage"), ("L" * 21, None)]
)
def test_an_orientation_without_left_and_right_is_refused(
    client: Client, picture: np.ndarray, orientation: str, code: str | None
) -> None:
    answer = asked(client, png(picture), "the patient's left", orientation=orientation)
    assert answer.status_code in (400, 422)
    assert code in (None, answer.json()["error"]["code"])
