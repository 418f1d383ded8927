"""What Label Studio sends to an ML backend, and what it is answered."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from saywhere.serve.schemas import Fault

MAX_TASKS = 1_000
OpenFields = dict[str, Any]
"""What people name as they like: a task's data; and what Label Studio says of an annotation."""


class Task(BaseModel):
    """What is needed of a task; Label Studio sends more."""

    data: OpenFields


class Params(BaseModel):
    """What Label Studio adds to a call."""

    context: OpenFields | None = Field(None, description="what the annotator did so far")


class Predict(BaseModel):
    """The body of /predict."""

    tasks: list[Task] = Field(max_length=MAX_TASKS)
    label_config: str
    params: Params | None = None


class Setup(BaseModel):
    """The body of /setup."""

    label_config: str = Field(alias="schema", title="Schema")


class Event(BaseModel):
    """The body of /webhook; Label Studio sends more."""

    action: str


class Up(BaseModel):
    """The model is served."""

    status: str = "UP"
    model_class: str = Field(description="the model's name, which Label Studio shows")


class Version(BaseModel):
    """Which weights answer."""

    model_version: str


class Versions(BaseModel):
    """There is one: the weights that are served."""

    versions: list[str]


class Brush(BaseModel):
    """A mask as Label Studio's brush has it, see `brush_labels`."""

    format: str = "rle"
    rle: list[int]
    brushlabels: list[str]


class Region(BaseModel):
    """A prompt's mask."""

    id: str
    type: str = "brushlabels"
    from_name: str
    to_name: str
    original_width: int
    original_height: int
    image_rotation: int = 0
    score: float
    value: Brush
    meta: dict[str, list[str]] = Field(description="text: the prompt, and what to know of it")


class Prediction(BaseModel):
    """Of one task."""

    result: list[Region] = Field(description="a brush label for each mask with a pixel")
    score: float = Field(
        description=(
            "of the least certain prompt: the expected Dice; for a model that was not calibrated "
            "the mean probability inside the mask; 0 where words or picture are unlike the training"
        )
    )
    model_version: str


class Failed(BaseModel):
    """In the place of a prediction: Label Studio logs it, and takes the others."""

    error: Fault


class Predictions(BaseModel):
    """One for each task, in their order."""

    results: list[Prediction | Failed]
    model_version: str


class Heard(BaseModel):
    """Of a webhook: nothing is trained by it."""

    status: str
