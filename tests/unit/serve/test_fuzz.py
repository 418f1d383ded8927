"""Requests made from /openapi.json itself (schemathesis).

No 5xx but 503, each answer as documented, each refusal in the one form. A small budget in the
suite; `make fuzz` takes 20,000 requests, and keeps how often each status was the answer
($SAYWHERE_FUZZ_KEEP), operation by operation: `-k keep` renews one of them.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saywhere.io.files import write_json
from saywhere.serve.app import build_app
from saywhere.serve.models import Models, open_models
from saywhere.serve.store import Store
from unit.serve.conftest import png

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

OPERATIONS = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /v1/models",
    "POST /v1/segment",
    "POST /v1/opposite",
    "POST /v1/dicom-seg",
    "POST /v1/keep",
    "GET /v1/kept",
    "POST /v1/take-back",
    "POST /v1/picture",
    "POST /v1/mask",
    "POST /v1/review",
    "GET /v1/reviews",
    "GET /v1/agreement",
    "GET /v1/export",
]
OF_KEPT = {"POST /v1/take-back", "POST /v1/review", "GET /v1/export"}
"""They want the digest of a picture that was kept, which nothing made up has."""
OF_DICOM = {"POST /v1/dicom-seg"}
"""It wants a DICOM image, and masks of its size; the pictures below are PNG."""
TAKING = [one for one in OPERATIONS if one.startswith("POST") and one not in OF_KEPT | OF_DICOM]
"""Some of what is sent there is good; the others refuse all, or take nothing."""
SPOILT = [
    schemathesis.checks.positive_data_acceptance
]  # checks that do not fit: no schema says what a picture is, and which models there are
MENDED = [
    *SPOILT,
    schemathesis.checks.negative_data_rejection,
]  # a picture put in by hand is "no string", hence negative, for schemathesis
N_SMALL = 20
KEEP = os.environ.get("SAYWHERE_FUZZ_KEEP")
N_LARGE = -(-int(os.environ.get("SAYWHERE_FUZZ", "20000")) // len(TAKING))
"""Of each of these calls, rounded up."""
GREY = np.arange(0, 240, 4, np.uint8).reshape(6, 10)
FILES = [
    png(GREY),
    png(np.stack([GREY] * 3, 2)),
    png((GREY > 99).astype(np.uint8) * 255),
    png(GREY)[:-20],
    b"",
]
FILE = st.sampled_from(FILES[:3]) | st.sampled_from(FILES) | st.binary(max_size=200)
KNOWN = st.fixed_dictionaries(
    {
        "model": st.just("run"),
        "image": FILE,
        "mask": FILE,
        "suggested": FILE,
        "orientation": st.just("L\\F"),
    }
)
"""No schema says that a part is a picture, and how the model is called."""
ALONE = st.sampled_from([True, True, True, False])
"""Is the image sent without a reference? No schema says that it is one or the other."""


@pytest.fixture(scope="module")
def schema(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    models: Models = open_models([trained])
    app = build_app(models, Store(tmp_path_factory.mktemp("kept")), hosts=("*",), places=4)

    async def unended(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"  # no lifespan: schemathesis would end it after each test
        await app(scope, receive, send)

    yield schemathesis.openapi.from_asgi("/openapi.json", unended)
    app.state.queue.close()


def knowing(case: Any, known: dict[str, Any], is_alone: bool) -> Any:
    """A request that fits the description, with what the description does not say."""
    if isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if value is not None} | {
            name: value for name, value in known.items() if name in case.body
        }
        if is_alone and case.path in ("/v1/segment", "/v1/keep", "/v1/picture"):
            case.body.pop("reference", None)
            case.body["image"] = known["image"]
    return case


def hold(schema: Any, operation: str, n: int) -> Counter[str]:
    """n requests of one operation; how often each status was the answer."""
    method, path = operation.split()
    statuses: Counter[str] = Counter()
    made, spoilt = (
        schema[path][method].as_strategy(generation_mode=mode)
        for mode in schemathesis.GenerationMode
    )

    @settings(
        max_examples=n,
        deadline=None,
        database=None,
        derandomize=n <= N_SMALL,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        asked=st.tuples(st.builds(knowing, made, KNOWN, ALONE), st.just(MENDED))
        | st.tuples(spoilt, st.just(SPOILT))
    )
    def each(asked: Any) -> None:
        case, excluded = asked
        response = case.call(timeout=300)  # a busy machine is no fault of the service
        statuses[str(response.status_code)] += 1
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"code", "message", "remedy"}
            assert response.status_code < 500 or response.headers["retry-after"]
        case.validate_response(response, excluded_checks=excluded)

    each()
    return statuses


def test_every_operation_is_fuzzed(schema: Any) -> None:
    assert sorted(
        f"{found.ok().method.upper()} {found.ok().path}" for found in schema.get_all_operations()
    ) == sorted(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_few_requests_of_each_kind(schema: Any, operation: str) -> None:
    statuses = hold(schema, operation, N_SMALL)
    # Some reach what they ask for.
    assert statuses["200"] > 0 or operation in OF_KEPT | OF_DICOM


@pytest.mark.slow
@pytest.mark.parametrize("operation", TAKING)
def test_twenty_thousand_requests(schema: Any, operation: str) -> None:
    statuses = hold(schema, operation, N_LARGE)
    assert sum(statuses.values()) >= N_LARGE * 0.9
    assert statuses["200"] >= N_LARGE * 0.1, statuses
    if KEEP:
        keep(Path(KEEP), operation, statuses)


def keep(file: Path, operation: str, statuses: Counter[str]) -> None:
    """Beside what was counted of the other operations, so that each can be run alone."""
    before = json.loads(file.read_text(encoding="utf-8"))["answers"] if file.exists() else {}
    known = before | {operation: dict(sorted(statuses.items()))}
    # In their order, without those that are no longer there.
    write_json(file, {"answers": {each: known[each] for each in TAKING if each in known}})
