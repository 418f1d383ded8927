"""Requests made from /openapi.json itself (schemathesis): no 5xx but 503, each answer as documented, each refusal in the one form.

A small budget in the suite; `make fuzz` takes 20,000 requests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saywhere.serve.app import build_app
from saywhere.serve.models import Models, open_models
from saywhere.serve.store import Store
from unit.serve.conftest import png

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

OPERATIONS = ["GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/models", "POST /v1/segment", "POST /v1/opposite", "POST /v1/keep", "GET /v1/kept"]
EXCLUDED = [schemathesis.checks.positive_data_acceptance]  # no schema says what a picture is, and which models there are
N_SMALL = 20
N_LARGE = int(os.environ.get("SAYWHERE_FUZZ", "20000")) // 3
GREY = np.arange(0, 240, 4, np.uint8).reshape(6, 10)
FILES = [png(GREY), png(np.stack([GREY] * 3, 2)), png((GREY > 99).astype(np.uint8) * 255), png(GREY)[:-20], b""]


@pytest.fixture(scope="module")
def schema(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    models: Models = open_models([trained])
    schemathesis.openapi.media_type("application/octet-stream", st.sampled_from(FILES) | st.binary(max_size=200))
    app = build_app(models, Store(tmp_path_factory.mktemp("kept")), hosts=("*",), places=4)

    async def unended(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"  # no lifespan: schemathesis would end it after each test
        await app(scope, receive, send)

    yield schemathesis.openapi.from_asgi("/openapi.json", unended)
    app.state.desk.close()


def hold(schema: Any, operation: str, n: int) -> None:
    """n requests of one operation."""
    method, path = operation.split()

    @settings(max_examples=n, deadline=None, database=None, derandomize=n <= N_SMALL, suppress_health_check=list(HealthCheck))
    @given(case=schema[path][method].as_strategy() | schema[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def each(case: Any) -> None:
        response = case.call()
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"code", "message", "remedy"}
            assert response.status_code < 500 or response.headers["retry-after"]
        case.validate_response(response, excluded_checks=EXCLUDED)

    each()


def test_every_operation_is_fuzzed(schema: Any) -> None:
    assert sorted(f"{found.ok().method.upper()} {found.ok().path}" for found in schema.get_all_operations()) == sorted(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_few_requests_of_each_kind(schema: Any, operation: str) -> None:
    hold(schema, operation, N_SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("operation", [operation for operation in OPERATIONS if operation.startswith("POST")])  # the others take nothing: two requests are all
def test_twenty_thousand_requests(schema: Any, operation: str) -> None:
    hold(schema, operation, N_LARGE)
