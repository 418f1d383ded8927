"""What the tables of the configuration share: immutable, with known keys, and checked values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


# Opening such a path would raise a bare ValueError, far from the configuration.
def _without_nul(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    return path


Share = float  # in [0, 1]
Place = Annotated[Path, AfterValidator(_without_nul)]


class Section(BaseModel):
    """A table of the configuration: immutable, and an unknown key is an error.

    A key's meaning stands in its description, which `docs/reference/configuration.md` shows.
    """

    # TOML has inf and nan, which no key here can mean.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
