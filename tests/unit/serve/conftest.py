"""The small run, served in this process."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from saywhere.serve.app import build_app
from saywhere.serve.models import Models, open_models
from saywhere.serve.store import Store
from small_run import *  # noqa: F403


@pytest.fixture
def models(trained: Path) -> Models:
    return open_models([trained])


@pytest.fixture
def client_of_two(trained: Path, image_only: Path) -> Iterator[TestClient]:
    with TestClient(
        build_app(open_models([trained, image_only])), base_url="http://localhost"
    ) as client:
        yield client


@pytest.fixture
def client(models: Models, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(
        build_app(models, Store(tmp_path / "kept")),
        base_url="http://localhost",
        raise_server_exceptions=False,
    ) as client:
        yield client


@pytest.fixture
def picture() -> np.ndarray:
    """uint8 (50, 70, 3)"""
    return np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    written = BytesIO()
    Image.fromarray(pixels).save(written, format="PNG")
    return written.getvalue()


def blank_png(height: int, width: int) -> bytes:
    """Black, of any size, in no more memory than its file takes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    packer = zlib.compressobj(1)
    line = bytes(width + 1)
    content = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", content)
        + chunk(b"IEND", b"")
    )
