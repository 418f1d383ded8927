"""`saywhere serve --mcp`, by the SDK's own client, over stdio and over loopback HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from saywhere.io.images import png_bytes
from saywhere.serve.models import Models
from saywhere.serve.pixel_budget import PixelBudget
from saywhere.serve.queue import SegmentQueue

mcp = pytest.importorskip("mcp", reason="mcp is not installed (saywhere[mcp])")

from mcp.client import Client  # noqa: E402
from mcp.client.stdio import StdioServerParameters  # noqa: E402

WORDS = "the small bright spot, upper left"


def started(run: Path, *words: Any) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "saywhere", "serve", str(run), "--mcp", *map(str, words)],
        env=dict(os.environ) | {"OMP_NUM_THREADS": "1"},
    )


def used(server: Any, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The tools' names, then the answer to each call."""

    async def use() -> list[Any]:
        async with Client(server) as client:
            tools = (await client.list_tools()).tools
            answers = [await client.call_tool(name, given) for name, given in calls]
            return [{tool.name for tool in tools}, *answers]

    return asyncio.run(use())


@pytest.fixture
def folder(tmp_path: Path, picture: np.ndarray) -> Path:
    (tmp_path / "films").mkdir()
    for name in ("films/a.png", "secret.png"):
        (tmp_path / name).write_bytes(png_bytes(picture))
    return tmp_path / "films"


def test_an_agent_lists_segments_and_looks(
    trained: Path, folder: Path, picture: np.ndarray
) -> None:
    by_name = {"words": WORDS, "path": "a.png"}
    whole = base64.b64encode(png_bytes(picture))
    tools, listed, named, sent, drawn, *refused = used(
        started(trained, "--images", folder),
        ("list_models", {}),
        ("segment", by_name),
        ("segment", {"words": WORDS, "image_base64": whole.decode()}),
        ("overlay", by_name),
        ("segment", {"words": WORDS, "path": "../secret.png"}),
        ("segment", {"words": WORDS, "path": str(folder.parent / "secret.png")}),
        ("segment", {"words": WORDS}),
        ("segment", {**by_name, "model": "ruin"}),
        ("segment", {"words": WORDS, "image_base64": "AAAA"}),
    )
    assert tools == {"list_models", "segment", "overlay"}
    assert [model["name"] for model in listed.structured_content["models"]] == ["run"]
    assert not named.is_error
    found = named.structured_content
    assert found == sent.structured_content
    assert found["size"] == [50, 70]
    marked = coco.decode(found["mask"])
    assert marked.sum() == found["area_px"]
    if found["area_px"]:
        rows, columns = np.nonzero(marked)
        box = found["box"]
        assert (box["left"], box["bottom"]) == (columns.min(), rows.max() + 1)
    (image,) = drawn.content
    shown = Image.open(io.BytesIO(base64.b64decode(image.data)))
    assert (image.mime_type, shown.size) == ("image/png", (70, 50))
    texts = [answer.content[0].text for answer in refused]
    assert all(answer.is_error for answer in refused)
    assert "outside of the allowed folder" in texts[0]
    assert "outside of the allowed folder" in texts[1]
    assert "no image, or two" in texts[2]
    assert "did you mean 'run'" in texts[3]
    assert str(folder) not in " ".join(texts)


def test_no_file_is_read_without_a_folder(trained: Path, folder: Path) -> None:
    _, answer = used(started(trained), ("segment", {"words": WORDS, "path": str(folder / "a.png")}))
    assert answer.is_error
    assert "--images" in answer.content[0].text


def test_an_agent_has_no_more_places_and_pixels_than_a_caller_of_the_service(
    models: Models, folder: Path
) -> None:
    from mcp.server.mcpserver.exceptions import ToolError

    from saywhere.serve.mcp_server import Desk

    desk = Desk(models, folder)
    # The picture has 50 × 70 pixels.
    desk.queue.close()
    desk.queue = SegmentQueue(places=2, pixels=PixelBudget(4_000, patience_s=0.05, small=10))

    async def asked() -> tuple[int, int]:
        sizes = (WORDS, None, "a.png", None, None, lambda result, _: result.mask.shape)
        return await desk.answer(*sizes)

    async def held() -> None:
        async with desk.queue.pixels.reserve(4_000):
            with pytest.raises(ToolError, match="works on 4,000 pixels at once"):
                await asked()
        all_taken = pytest.raises(ToolError, match="takes 2 requests at once")
        with desk.queue.place(), desk.queue.place(), all_taken:
            await asked()
        assert await asked() == (50, 70)
        assert (desk.queue.n_taken, desk.queue.pixels.n_taken) == (0, 0)

    asyncio.run(held())
    desk.queue.close()


@contextmanager
def listening(run: Path, *words: Any) -> Iterator[str]:
    command = [sys.executable, "-m", "saywhere", "serve", str(run), "--mcp", "--http"]
    process = subprocess.Popen(
        [*command, "--port", "0", *map(str, words)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        told = ""
        while not (found := re.search(r"http://\S+", told)):
            line = process.stderr.readline()
            assert line, told
            told += line
        stderr = process.stderr
        threading.Thread(target=lambda: [None for _ in stderr], daemon=True).start()
        yield found.group()
    finally:
        process.kill()
        process.wait()


def test_over_http_too_and_only_with_the_token(trained: Path, folder: Path) -> None:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    call = ("segment", {"words": WORDS, "path": "a.png"})
    with listening(trained, "--images", folder, "--token", "secret") as address:
        refused = httpx2.post(address, json={})
        assert refused.status_code == 401
        foreign = httpx2.get(address, headers={"Host": "evil.example.org"})
        assert foreign.status_code == 400
        with_token = httpx2.AsyncClient(headers={"Authorization": "Bearer secret"}, timeout=60)
        _, answer = used(streamable_http_client(address, http_client=with_token), call)
        assert answer.structured_content["size"] == [50, 70]


def test_http_listens_on_loopback_alone(trained: Path) -> None:
    words = ["serve", str(trained), "--mcp", "--http", "--host", "0.0.0.0"]
    ended = subprocess.run(
        [sys.executable, "-m", "saywhere", *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "loopback" in ended.stderr


def test_without_the_sdk_it_says_what_to_install(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saywhere.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    monkeypatch.delitem(sys.modules, "saywhere.serve.mcp_server", raising=False)
    with pytest.raises(MissingExtra, match=r"saywhere\[mcp\]"):
        __import__("saywhere.serve.mcp_server")
