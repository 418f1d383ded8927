"""A Label Studio ML backend over the served models: /label-studio/MODEL is what a project connects.

The calls are those of Label Studio's own `label-studio-ml`: health, setup, predict, versions and
webhook. A prediction is a brush label for each prompt; `labeling_config` says where prompts come
from, and `task_images` where images may.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from fastapi import FastAPI, Request, Security
from fastapi.security import HTTPBasic, HTTPBearer
from starlette.concurrency import run_in_threadpool

from saywhere.errors import SaywhereError, UsageError
from saywhere.inference.result import Result
from saywhere.io import uploads
from saywhere.io.limits import MAX_PIXELS
from saywhere.serve import brush_labels, labeling_config, schemas
from saywhere.serve.content import check_prompts
from saywhere.serve.errors import fault_of
from saywhere.serve.label_studio_schemas import (
    Brush,
    Event,
    Failed,
    Heard,
    OpenFields,
    Predict,
    Prediction,
    Predictions,
    Region,
    Setup,
    Task,
    Up,
    Version,
    Versions,
)
from saywhere.serve.labeling_config import Labeling
from saywhere.serve.metrics import Metrics
from saywhere.serve.models import Models, Served
from saywhere.serve.queue import Job, SegmentQueue
from saywhere.serve.schemas import refusals
from saywhere.serve.slow_work import DECODING, FETCHING, count_pixels, in_thread
from saywhere.serve.task_images import TaskImages

PREFIX = "/label-studio"


def add_label_studio(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    metrics: Metrics,
    images: TaskImages,
    *,
    needs_token: bool,
) -> None:
    """Add the calls of an ML backend to a service.

    Args:
        app: The service.
        models: The models that it offers; each is a backend of its own.
        queue: Where requests wait for a model.
        metrics: Counts the masks.
        images: Where the images of tasks may come from.
        needs_token: Say in /openapi.json that a token is needed; `Auth` checks it.
    """
    # Label Studio knows a name and a password; the token is the password.
    both = [Security(HTTPBearer(auto_error=False)), Security(HTTPBasic(auto_error=False))]
    before = both if needs_token else []
    _add_state(app, models, before)
    _add_training(app, models, before)
    _add_predict(app, models, queue, metrics, images, before)


def _add_state(app: FastAPI, models: Models, before: list[Any]) -> None:
    @app.get(f"{PREFIX}/{{model}}/health", response_model=Up, responses=refusals(*schemas.GET))
    async def health(model: str) -> Up:
        """The model is served."""
        return Up(model_class=models.named(model).name)

    @app.get(
        f"{PREFIX}/{{model}}/versions", response_model=Versions, responses=refusals(*schemas.GET)
    )
    async def versions(model: str) -> Versions:
        """The weights that are served."""
        return Versions(versions=[_version(models.named(model))])

    @app.post(
        f"{PREFIX}/{{model}}/setup",
        dependencies=before,
        response_model=Version,
        responses=refusals(*schemas.POST),
    )
    async def setup(model: str, sent: Setup) -> Version:
        """Check a project's labeling configuration, and say which weights answer."""
        chosen = models.named(model)
        labeling_config.parse(sent.label_config)
        return Version(model_version=_version(chosen))


def _add_training(app: FastAPI, models: Models, before: list[Any]) -> None:
    """What Label Studio may send though no model learns here."""

    @app.post(
        f"{PREFIX}/{{model}}/webhook",
        dependencies=before,
        response_model=Heard,
        responses=refusals(*schemas.POST),
    )
    async def webhook(model: str, sent: Event) -> Heard:
        """Take note of what happened in a project; a training is refused."""
        models.named(model)
        if sent.action == "START_TRAINING":
            raise _no_training()
        return Heard(status="noted")

    @app.post(
        f"{PREFIX}/{{model}}/train",
        dependencies=before,
        response_model=Heard,
        responses=refusals(*schemas.POST),
    )
    async def train(model: str) -> Heard:
        """Refused: a model learns by `saywhere train`."""
        models.named(model)
        raise _no_training()


def _no_training() -> UsageError:
    return UsageError(
        "a training",
        allowed="the service predicts, and trains nothing",
        remedy="export the project (brush labels to PNG), then `saywhere train --from MODEL`",
    )


def _add_predict(
    app: FastAPI,
    models: Models,
    queue: SegmentQueue,
    metrics: Metrics,
    images: TaskImages,
    before: list[Any],
) -> None:
    @app.post(
        f"{PREFIX}/{{model}}/predict",
        dependencies=before,
        response_model=Predictions,
        responses=refusals(*schemas.IMAGE, 404, 502),
    )
    async def predict(request: Request, model: str, sent: Predict) -> Predictions:
        """Brush labels for each task.

        One task that fails refuses the call; among several its place holds the error, which Label
        Studio logs while it takes the others.
        """
        chosen = models.named(model)
        labeling = labeling_config.parse(sent.label_config)
        context = (sent.params.context if sent.params else None) or {}
        results: list[Prediction | Failed] = []
        # Before an image is fetched or decoded: a busy service refuses at once.
        with queue.place():
            for task in sent.tasks:
                # Label Studio waits 100 s; what it does not wait for is not made.
                if await request.is_disconnected():
                    break
                try:
                    answer = await _answered(task, labeling, context, chosen, queue, images)
                    metrics.masks.labels(chosen.name).inc(len(answer.result))
                    results.append(answer)
                except SaywhereError as error:
                    if len(sent.tasks) == 1:
                        raise
                    results.append(Failed(error=fault_of(error)))
        return Predictions(results=results, model_version=_version(chosen))


async def _answered(
    task: Task,
    labeling: Labeling,
    context: OpenFields,
    model: Served,
    queue: SegmentQueue,
    images: TaskImages,
) -> Prediction:
    pairs = labeling.pairs(task.data, context)
    check_prompts([prompt for _, prompt in pairs])
    if labeling.field not in task.data:
        raise UsageError(
            f"a task without {labeling.field[:80]!r}", allowed="the Image's value names its key"
        )
    content = await in_thread(FETCHING, images.read, task.data[labeling.field])
    n_pixels = await count_pixels(content) * len(pairs)
    async with queue.pixels.reserve(min(n_pixels, MAX_PIXELS)):
        regions, scores = await _predicted(content, pairs, labeling, model, queue)
    return Prediction(result=regions, score=min(scores), model_version=_version(model))


async def _predicted(
    content: bytes,
    pairs: list[tuple[str, str]],
    labeling: Labeling,
    model: Served,
    queue: SegmentQueue,
) -> tuple[list[Region], list[float]]:
    """The brush labels and the scores of a picture's pairs of label and prompt."""
    data = model.segmenter.config.data
    picture = await in_thread(DECODING, uploads.read_picture, content, data.channels, data.grey)
    height, width = picture.pixels.shape[:2]
    # As many at once as the memory of one call allows.
    n_at_once = max(1, MAX_PIXELS // (height * width))
    regions: list[Region] = []
    scores: list[float] = []
    for start in range(0, len(pairs), n_at_once):
        part = pairs[start : start + n_at_once]
        jobs = [Job(model.segmenter, picture, prompt, None) for _, prompt in part]
        answers = await asyncio.gather(*(asyncio.wrap_future(queue.submit(job)) for job in jobs))
        results = [result for result, _ in answers]
        scores += [_score(result) for result in results]
        labels = [label for label, _ in part]
        regions += await run_in_threadpool(_regions, results, labels, labeling)
    return regions, scores


def _regions(results: list[Result], labels: list[str], labeling: Labeling) -> list[Region]:
    marked = [(r, label) for r, label in zip(results, labels) if r.mask.any()]
    return [_region(result, label, labeling) for result, label in marked]


def _region(result: Result, label: str, labeling: Labeling) -> Region:
    height, width = result.mask.shape
    rle = brush_labels.encode(result.mask)
    named = hashlib.sha256(f"{label}\n{result.prompt}".encode() + bytes(rle)).hexdigest()
    return Region(
        id=named[:10],
        from_name=labeling.brush,
        to_name=labeling.image,
        original_width=width,
        original_height=height,
        score=_score(result),
        value=Brush(rle=rle, brushlabels=[label]),
        # Label Studio shows it beside the region.
        meta={"text": [result.prompt, *result.warnings]},
    )


def _score(result: Result) -> float:
    """How good the mask is expected to be, so that the least certain task comes first."""
    if result.expected_dice is not None:
        return round(result.expected_dice, 4)
    # No number is known to hold for what the model never saw.
    if max(result.unfamiliarity, result.picture_unfamiliarity or 0.0) > 1:
        return 0.0
    certain = 1 - result.presence if result.confidence is None else result.confidence
    return round(certain, 4)


def _version(model: Served) -> str:
    return f"{model.name} {model.segmenter.digest[:12]}"
