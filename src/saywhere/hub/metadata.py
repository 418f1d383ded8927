"""What a person says of a model: nothing of this can be measured."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saywhere.config.toml import line_of, read_document
from saywhere.errors import ConfigError, nearest


class About(BaseModel):
    """A model's TOML: all of it optional; a card says of what is not stated that it is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    task: str = ""
    data: str = Field("", description="what it was trained on")
    terms: str = Field("", description="of the data, and so of the weights")
    license: str = "other"
    made: str = Field("", description="the commands, and where it was made")
    limits: list[str] = Field([], description="what was never tested")
    suggestions: list[str] = Field(
        [], description="prompts that the page offers, in words of yours"
    )


def read_about(path: Path) -> About:
    """Raises MissingFile, ConfigError naming key and line."""
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
            ) from None
        raise ConfigError(
            f"{key} is {str(fault['input'])[:80]!r}",
            where=f"{path}, line {line_of(text, key) or 1}",
            allowed=str(fault["msg"]),
        ) from None
