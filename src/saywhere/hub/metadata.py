"""What a model's maker says of it: nothing of this can be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saywhere.config.toml import line_of, read_document
from saywhere.errors import ConfigError, nearest


class About(BaseModel):
    """The TOML of `saywhere models push --about`. All keys are optional.

    A card says "Not stated" for what is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    task: str = ""
    data: str = Field("", description="what it was trained on")
    frame: Literal["", "image", "patient", "both"] = Field(
        "", description="whose left and right the prompts mean; default: as the manifest says"
    )
    frame_evidence: str = Field("", description="how that is known, in a sentence")
    terms: str = Field("", description="of the data, and so of the weights")
    license: str = "other"
    made: str = Field("", description="the commands, and where it was made")
    limits: list[str] = Field([], description="what was never tested")
    suggestions: list[str] = Field([], description="prompts that the page offers")


class AboutRecord(TypedDict, total=False):
    """`About` in a model's config.json. One of an earlier version may lack keys."""

    title: str
    task: str
    data: str
    frame: str
    frame_evidence: str
    terms: str
    license: str
    made: str
    limits: list[str]
    suggestions: list[str]


def read_about(path: Path) -> About:
    """Read a description of a model.

    Args:
        path: a TOML file.

    Returns:
        The description.

    Raises:
        MissingFile: there is no such file.
        ConfigError: a key is unknown or a value not allowed; it names the key and its line.
    """
    document, text = read_document(
        Path(path), "description of a model", "write title, task, data, terms, limits"
    )
    try:
        return About.model_validate(document)
    except ValidationError as error:
        fault = error.errors()[0]
    key = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        raise ConfigError(
            f"unknown key {key[:80]}", where=path, remedy=nearest(key[:80], About.model_fields)
        )
    raise ConfigError(
        f"{key} is {str(fault['input'])[:80]!r}",
        where=f"{path}, line {line_of(text, key) or 1}",
        allowed=str(fault["msg"]),
    )
