"""A real Label Studio connects to the service, asks it, and reads the brush labels itself.

It needs Label Studio in an environment of its own (58 packages, other versions than ours):
`python3 -m venv DIR && DIR/bin/pip install label-studio`, then SAYWHERE_LABEL_STUDIO=DIR pytest -m
slow. It starts one with a database of its own.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.io.images import png_bytes
from unit.serve.served import serving

requests = pytest.importorskip("requests")

HOME = os.environ.get("SAYWHERE_LABEL_STUDIO", "")
KEY = "0123456789abcdef0123456789abcdef01234567"
START_S = 600
CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image"><Label value="Spot" prompt="upper left"/></BrushLabels>
<TextArea name="prompt" toName="image" value=""/></View>"""
DECODE = """import json, sys
import numpy as np
from label_studio_sdk.converter.brush import decode_rle
region = json.load(sys.stdin)
shape = region["original_height"], region["original_width"], 4
mask = np.reshape(decode_rle(region["value"]["rle"]), shape)[..., 3] > 0
print(json.dumps(mask.astype(int).tolist()))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOME, reason="no Label Studio here (SAYWHERE_LABEL_STUDIO=DIR)"),
]


@contextmanager
def label_studio(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [f"{HOME}/bin/label-studio", "start", "--no-browser", "--data-dir", str(folder)]
    command += ["--username", "a@example.org", "--password", "a-long-secret"]
    command += ["--user-token", KEY, "--enable-legacy-api-token"]
    command += ["--internal-host", "127.0.0.1", "--port", str(port)]
    settings = {"USE_DEFAULT_BANNED_SUBNETS": "false", "COLLECT_ANALYTICS": "false"}
    process = subprocess.Popen(
        command,
        env=os.environ | settings,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ends = time.monotonic() + START_S
        while time.monotonic() < ends and process.poll() is None:
            try:
                if requests.get(f"{address}/health", timeout=5).ok:
                    break
            except requests.RequestException:
                time.sleep(1)
        assert process.poll() is None
        yield address
    finally:
        process.kill()
        process.wait()


def call(address: str, method: str, path: str, **named: Any) -> Any:
    headers = {"Authorization": f"Token {KEY}"}
    answer = requests.request(
        method, f"{address}/api/{path}", headers=headers, timeout=300, **named
    )
    assert answer.ok, answer.text
    return answer.json()


def decoded(region: dict[str, Any]) -> np.ndarray:
    """By Label Studio's own converter."""
    ended = subprocess.run(
        [f"{HOME}/bin/python", "-c", DECODE],
        input=json.dumps(region),
        capture_output=True,
        text=True,
        check=True,
    )
    return np.asarray(json.loads(ended.stdout), bool)


def test_label_studio_takes_the_masks(trained: Path, tmp_path: Path, picture: np.ndarray) -> None:
    (tmp_path / "studio").mkdir()
    with label_studio(tmp_path / "studio") as studio:
        options = ["--label-studio", studio, "--label-studio-token", KEY, "--token", "secret"]
        with serving(trained, *options, folder=tmp_path) as (_, saywhere):
            project = call(
                studio, "POST", "projects", json={"title": "Saywhere", "label_config": CONFIG}
            )
            sent = {"file": ("a.png", io.BytesIO(png_bytes(picture)), "image/png")}
            call(studio, "POST", f"projects/{project['id']}/import", files=sent)
            backend = connected(studio, saywhere, project["id"])
            (task,) = call(studio, "GET", f"tasks?project={project['id']}")["tasks"]
            call(
                studio,
                "POST",
                f"dm/actions?id=retrieve_tasks_predictions&project={project['id']}",
                json={"selectedItems": {"all": True, "excluded": []}},
            )
            (prediction,) = call(studio, "GET", f"predictions?task={task['id']}")
            held(prediction, saywhere, "upper left", picture)
            typed = {"from_name": "prompt", "type": "textarea", "value": {"text": ["lower right"]}}
            asked = {"task": task["id"], "context": {"result": [typed]}}
            answer = call(studio, "POST", f"ml/{backend}/interactive-annotating", json=asked)
            held(answer["data"], saywhere, "lower right", picture)


def connected(studio: str, saywhere: str, project: int) -> int:
    """Its number; Label Studio asks for health and setup before it takes it."""
    backend = {
        "project": project,
        "title": "Saywhere",
        "url": f"{saywhere}label-studio/run",
        "is_interactive": True,
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": "any",
        "basic_auth_pass": "secret",
    }
    made = call(studio, "POST", "ml", json=backend)
    (seen,) = call(studio, "GET", f"ml?project={project}")
    assert seen["readable_state"] == "Connected"
    assert seen["model_version"].startswith("run ")
    return int(made["id"])


def held(prediction: dict[str, Any], saywhere: str, prompt: str, picture: np.ndarray) -> None:
    """What Label Studio holds is what the service's own call answers."""
    from pycocotools import mask as coco

    answer = requests.post(
        f"{saywhere}v1/segment",
        files={"image": png_bytes(picture)},
        data={"prompt": prompt},
        headers={"Authorization": "Bearer secret"},
        timeout=300,
    ).json()["results"][0]
    expected = coco.decode(answer["mask"]) > 0
    regions = prediction["result"]
    assert len(regions) == int(expected.any())
    assert expected.any(), "a model that marks nothing shows nothing here"
    assert (decoded(regions[0]) == expected).all()
    assert 0 <= prediction["score"] <= 1
