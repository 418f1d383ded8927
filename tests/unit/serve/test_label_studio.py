"""Label Studio's requests, as it sends them, and the brush labels that it is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from archive_server import answering, archive
from saywhere.errors import UsageError
from saywhere.io.images import png_bytes
from saywhere.serve import brush_labels, labeling_config
from saywhere.serve.app import build_app
from saywhere.serve.models import Models
from saywhere.serve.task_images import TaskImages

CONFIG = """<View><!-- as its own template -->
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="tag" toName="image">
    <Label value="Spot" prompt="one small bright spot"/><Label value="upper left"/>
  </BrushLabels>
</View>"""
ONE = CONFIG.replace('<Label value="upper left"/>', "")
WORDS = '<TextArea name="prompt" toName="image" value="$words"/></View>'
STUDIO = "http://127.0.0.1:9"


def decoded(rle: list[int]) -> np.ndarray:
    """The bytes that Label Studio reads, after its own description of the form."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    place = 0

    def read(n: int) -> int:
        nonlocal place
        place += n
        return int(bits[place - n : place], 2)

    n_values = read(32)
    word = read(5) + 1
    widths = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < n_values:
        is_run = read(1)
        length = read(widths[read(2)]) + 1
        if is_run:
            values += [read(word)] * length
        else:
            values += [read(word) for _ in range(length)]
    assert len(bits) - place < 8
    return np.asarray(values, np.uint8)


@settings(deadline=None, max_examples=50)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_a_mask_comes_back_from_label_studios_run_lengths(mask: np.ndarray) -> None:
    values = decoded(brush_labels.encode(mask)).reshape(*mask.shape, 4)
    assert (values == np.where(mask, 255, 0)[..., None]).all()


def test_a_run_longer_than_any_is_written_as_several() -> None:
    mask = np.zeros((300, 400), bool)
    mask[100:250] = True
    assert (decoded(brush_labels.encode(mask)).reshape(300, 400, 4)[..., 3] > 0).tolist() == (
        mask.tolist()
    )


def data_address(picture: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(png_bytes(picture)).decode()}"


@pytest.fixture
def served(models: Models, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """POST to the backend of the one model; folder and token as a test wants them."""
    open_clients = []

    def post(call: str, body: Any, *, studio: str = STUDIO, **named: Any) -> Any:
        images = TaskImages.of(studio, named.pop("key", ""), [], named.pop("folder", None))
        app = build_app(models, task_images=images, token=named.pop("token", None))
        client = TestClient(app, base_url="http://localhost")
        open_clients.append(client.__enter__())
        return client.post(f"/label-studio/run/{call}", json=body, **named)

    yield post
    for client in open_clients:
        client.__exit__(None, None, None)


def predict(*images: Any, config: str = CONFIG, context: Any = None, **data: str) -> Any:
    """The body, with all that Label Studio sends beside."""
    return {
        "tasks": [
            {"id": n, "data": {"image": image, **data}, "meta": {}, "project": 1}
            for n, image in enumerate(images, 1)
        ],
        "project": "1.1700000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }


def test_a_task_gets_a_brush_label_for_each_prompt(
    served: Callable[..., Any], client: TestClient, picture: np.ndarray
) -> None:
    answer = served("predict", predict(data_address(picture)))
    assert answer.status_code == 200
    (prediction,) = answer.json()["results"]
    sent = {"image": png_bytes(picture)}
    prompts = ["one small bright spot", "upper left"]
    own = client.post("/v1/segment", files=sent, data={"prompt": prompts}).json()["results"]
    marked = [result for result in own if result["area_px"]]
    assert [region["meta"]["text"][0] for region in prediction["result"]] == [
        result["prompt"] for result in marked
    ]
    for region, result in zip(prediction["result"], marked):
        value = region["value"]
        assert (region["from_name"], region["to_name"]) == ("tag", "image")
        assert (region["type"], value["format"]) == ("brushlabels", "rle")
        assert (region["original_width"], region["original_height"]) == (70, 50)
        assert (decoded(value["rle"])[3::4] > 0).sum() == result["area_px"]
        assert value["brushlabels"] == [{prompts[0]: "Spot"}.get(result["prompt"], "upper left")]
    assert prediction["score"] == min(
        [region["score"] for region in prediction["result"]] + [prediction["score"]]
    )
    assert 0 <= prediction["score"] <= 1


def test_health_setup_and_versions_name_the_weights(served: Callable[..., Any]) -> None:
    version = served("setup", {"project": "1.1", "schema": CONFIG, "access_token": "x"}).json()
    assert version["model_version"].startswith("run ")
    refused = served("setup", {"schema": '<View><Text name="a" value="$a"/></View>'})
    assert refused.status_code == 422
    assert "BrushLabels" in refused.json()["error"]["message"]


def test_get_calls(models: Models) -> None:
    images = TaskImages.of(STUDIO, "", [], None)
    with TestClient(build_app(models, task_images=images), base_url="http://localhost") as client:
        assert client.get("/label-studio/run/health").json() == {
            "status": "UP",
            "model_class": "run",
        }
        (version,) = client.get("/label-studio/run/versions?project=1.1").json()["versions"]
        assert version.startswith("run ")
        assert client.get("/label-studio/ruin/health").status_code == 422
    with TestClient(build_app(models), base_url="http://localhost") as client:
        assert client.get("/label-studio/run/health").status_code == 404


def test_a_training_is_refused_and_other_events_are_noted(served: Callable[..., Any]) -> None:
    assert served("webhook", {"action": "ANNOTATION_CREATED", "task": {}}).status_code == 200
    for call, body in (("webhook", {"action": "START_TRAINING"}), ("train", {"annotations": []})):
        answer = served(call, body)
        assert answer.status_code == 422
        assert "saywhere train" in answer.json()["error"]["remedy"]


def test_the_token_is_taken_as_a_password(served: Callable[..., Any], picture: np.ndarray) -> None:
    body = predict(data_address(picture))
    assert served("predict", body, token="secret").status_code == 401
    assert served("predict", body, token="secret", auth=("any", "wrong")).status_code == 401
    assert served("predict", body, token="secret", auth=("any", "secret")).status_code == 200


def test_a_spoilt_task_is_named_and_spoils_no_other(
    served: Callable[..., Any], picture: np.ndarray
) -> None:
    good = data_address(picture)
    bad = "data:image/png;base64,AAAA"
    first, second = served("predict", predict(good, bad)).json()["results"]
    assert first["model_version"].startswith("run ")
    # Label Studio takes what has no `result` for none, and logs it.
    assert set(second) == {"error"}
    assert second["error"]["code"] == "unreadable_file"
    assert served("predict", predict(bad)).status_code == 415


def typed(*lines: str) -> dict[str, Any]:
    return {"result": [{"from_name": "prompt", "type": "textarea", "value": {"text": [*lines]}}]}


@pytest.mark.parametrize(
    ("config", "data", "context", "expected"),
    [
        (CONFIG, {}, {}, [("Spot", "one small bright spot"), ("upper left", "upper left")]),
        (ONE, {}, typed("a line"), [("Spot", "one small bright spot")]),
        (ONE.replace("</View>", WORDS), {"words": "a\n\nb"}, {}, [("Spot", "a"), ("Spot", "b")]),
        (ONE.replace("</View>", WORDS), {"words": "a"}, typed("c"), [("Spot", "c")]),
        (ONE.replace("</View>", WORDS), {}, {}, [("Spot", "one small bright spot")]),
        (
            CONFIG.replace("</View>", WORDS.replace("$words", "SPOT: big&#10;the Upper Left one")),
            {},
            {},
            [("Spot", "big"), ("upper left", "the Upper Left one")],
        ),
    ],
)
def test_prompts_come_from_the_text_or_the_labels(
    config: str, data: Any, context: Any, expected: list[tuple[str, str]]
) -> None:
    assert labeling_config.parse(config).pairs(data, context) == expected


def test_a_line_of_no_label_is_refused_where_there_are_several() -> None:
    labeling = labeling_config.parse(CONFIG.replace("</View>", WORDS))
    with pytest.raises(UsageError, match="begin the line with its label"):
        labeling.pairs({"words": "left lung"}, {})


@pytest.mark.parametrize(
    "config",
    [
        "",
        "<View>",
        "<View/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>',
        CONFIG.replace('toName="image"', 'toName="other"'),
        CONFIG.replace("$image", "image.png"),
        '<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i"/></View>',
        f"<View>{'<a/>' * 30_000}</View>",
    ],
)
def test_another_configuration_is_refused_in_words(config: str) -> None:
    with pytest.raises(UsageError):
        labeling_config.parse(config)


def test_images_come_from_one_folder_alone(
    served: Callable[..., Any], picture: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "allowed"
    (folder / "deep").mkdir(parents=True)
    for place in ("allowed/deep/a.png", "secret.png"):
        (tmp_path / place).write_bytes(png_bytes(picture))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")

    def status(name: str, **named: Any) -> int:
        local = f"/data/local-files/?d={name}"
        return int(served("predict", predict(local), **named).status_code)

    assert status("deep/a.png", folder=folder) == 200
    assert status("/deep/a.png", folder=folder) == 200
    assert status("deep/b.png", folder=folder) == 404
    for name in ("../secret.png", "link.png", "deep/../../secret.png", "%2e%2e/secret.png"):
        answer = served("predict", predict(f"/data/local-files/?d={name}"), folder=folder)
        assert answer.status_code == 422
        assert str(tmp_path) not in answer.text
    assert status("deep/a.png") == 422


def test_what_was_uploaded_is_fetched_from_label_studio_with_its_token(
    served: Callable[..., Any], picture: np.ndarray
) -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append((request.path, request.headers.get("Authorization")))
        if request.path.endswith("/api/token/refresh"):
            answering(200, "application/json", json.dumps({"access": "short"}).encode())(request)
            return
        answering(200, "image/png", png_bytes(picture))(request)

    with archive(answer) as reference:
        studio = f"http://{reference.host}:{reference.port}"
        path = "/data/upload/1/a%20film.png"
        assert served("predict", predict(path), studio=studio, key="old").status_code == 200
        assert served("predict", predict(path), studio=studio, key="a.b.c").status_code == 200
        assert served("predict", predict(f"{studio}{path}"), studio=studio).status_code == 200
    assert asked == [
        (path, "Token old"),
        ("/api/token/refresh", None),
        (path, "Bearer short"),
        (path, None),
    ]


def test_no_other_host_is_asked_and_no_redirect_followed(
    served: Callable[..., Any], picture: np.ndarray
) -> None:
    asked: list[str | None] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers.get("Authorization"))
        answering(302, Location="http://127.0.0.1/secret")(request)

    with archive(elsewhere) as reference:
        address = f"http://{reference.host}:{reference.port}/a.png"
        answer = served("predict", predict(address), key="secret")
        assert answer.status_code == 422
        assert "--image-host" in answer.json()["error"]["message"]
        assert asked == []
        # The same host by another port is another place: the token is not sent there.
        images = TaskImages.of(STUDIO, "secret", [f"{reference.host}:{reference.port}"], None)
        with pytest.raises(Exception, match="redirects are not followed"):
            images.read(address)
        assert asked == [None]


@pytest.mark.parametrize(
    "value",
    [
        "s3://bucket/a.png",
        "file:///etc/passwd",
        "/../etc/passwd\x00",
        "//127.0.0.1/a.png",
        "a.png",
        "http://user:password@127.0.0.1:9/a.png",
        "http://[::1/a.png",
        "data:image/png,plain",
        "data:image/png;base64,%%%",
        {"a": 1},
        None,
    ],
)
def test_an_image_of_another_kind_is_refused(served: Callable[..., Any], value: Any) -> None:
    answer = served("predict", predict(value))
    assert answer.status_code in (422, 502)
    assert set(answer.json()["error"]) == {"code", "message", "remedy"}
