"""The whole configuration: read from TOML, overridden by `--set a.b=c`, dumped into every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w
from pydantic import ValidationError, model_validator

from saywhere.config.data_sections import DataConfig, TextConfig
from saywhere.config.faults import explain
from saywhere.config.model_sections import FusionConfig, NetworkConfig, NormalizeConfig
from saywhere.config.section import Section
from saywhere.config.toml import Document, assign, read_document, split_override, without_none
from saywhere.config.training_sections import (
    AugmentConfig,
    EvaluateConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from saywhere.errors import UsageError


class Config(Section):
    """A whole configuration. Config keys = argument names = report headings."""

    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    fusion: FusionConfig = FusionConfig()
    augment: AugmentConfig = AugmentConfig()
    normalize: NormalizeConfig = NormalizeConfig()
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if not self.fusion.uses_text and self.fusion.arm not in (None, "fuse-first", "still"):
            raise ValueError(
                "fusion.arm is a prompt policy, but fusion.name is 'none': leave fusion.arm out"
            )
        if (
            self.fusion.uses_text
            and not self.fusion.has_pseudo_image
            and self.fusion.arm == "fuse-first"
        ):
            raise ValueError(
                "fusion.arm is 'fuse-first', "
                f"but {self.fusion.name} has no pseudo-image to transform: try 'untouched'"
            )
        if self.loss.presence and self.fusion.uses_text and not self.fusion.has_pseudo_image:
            raise ValueError(
                "loss.presence reads the network's deepest map, which does not hold the words "
                f"with fusion.name = {self.fusion.name!r}: take 'early', or leave loss.presence 0"
            )
        return self

    @property
    def training_levels(self) -> tuple[str, ...]:
        """The prompt levels that training draws from; none for an image-only model."""
        if not self.fusion.uses_text:
            return ()
        chosen = self.text.train_prompts
        return (chosen,) if isinstance(chosen, str) else tuple(chosen)

    @property
    def evaluation_level(self) -> str | None:
        """The prompt level that a row is evaluated with; None for an image-only model."""
        return self.text.evaluate_prompts if self.fusion.uses_text else None

    def replace(self, **changes: Any) -> Config:
        """A copy with dotted keys changed: `config.replace(**{"train.seed": 1})`.

        Args:
            **changes: Dotted key → value.

        Returns:
            The new configuration; this one stays as it is.

        Raises:
            ConfigError: A key is unknown, or a value is not allowed.
        """
        # By way of a document, since pydantic's own copy checks no values. Of the named keys alone,
        # so that the copy still knows which these are.
        document = self.model_dump(mode="json", exclude_unset=True)
        whole = self.model_dump(mode="json")
        for key, value in changes.items():
            # First where all keys stand: it refuses a key inside of a value.
            assign(whole, key, value)
            assign(document, key, value)
        return parse(document, where="the call")

    def names(self, key: str) -> bool:
        """Is a key set in so many words, or left to its default?

        Args:
            key: Dotted, as `data.size`.

        Returns:
            True where a file, an override or the caller set it.
        """
        table, _, name = key.partition(".")
        return table in self.model_fields_set and name in getattr(self, table).model_fields_set

    def to_toml(self) -> str:
        """The resolved configuration as TOML.

        Returns:
            The file's text. Keys whose value is None are left out, since TOML has no null.
        """
        return tomli_w.dumps(without_none(self.model_dump(mode="json")))


def read(
    path: Path,
    overrides: list[str] | None = None,
    complete: Callable[[Document], Document] = dict,
) -> Config:
    """Read a TOML file and apply `a.b=c` overrides.

    Args:
        path: The file. Relative paths in it are relative to the working directory.
        overrides: As `--set` takes them, each `table.key=value`.
        complete: Given the file's document, before the overrides; returns the one that counts.

    Returns:
        The configuration.

    Raises:
        MissingFile: There is no such file.
        ConfigError: It is not TOML, a key is unknown, or a value is not allowed.
    """
    document, text = read_document(
        Path(path), "configuration file", "name a TOML file, for instance one of configs/*.toml"
    )
    document = complete(document)
    places = {}
    for override in overrides or []:
        key, value = split_override(override)
        assign(document, key, value)
        places[key] = f"--set {override[:80]}"
    return parse(document, where=path, text=text, places=places)


def as_config(given: Any) -> Config:
    """A configuration as it is, or the one in a TOML file.

    Args:
        given: A `Config`, or the path of a TOML file.

    Returns:
        The configuration.

    Raises:
        UsageError: It is something else.
        MissingFile: There is no such file.
        ConfigError: It is not TOML, a key is unknown, or a value is not allowed.
    """
    if isinstance(given, Config):
        return given
    if isinstance(given, (str, Path)):
        return read(Path(given))
    raise UsageError(
        f"a configuration is a {type(given).__name__}",
        allowed="a saywhere.Config, or the path of a TOML file",
        remedy='say saywhere.Config().replace(**{"train.epochs": 10})',
    )


def parse(
    document: Document,
    where: object,
    text: str = "",
    # A default that no caller can change.
    places: Mapping[str, str] = MappingProxyType({}),
) -> Config:
    """Validate a nested dictionary.

    Args:
        document: Table → key → value.
        where: What it came from, for errors.
        text: The TOML that it came from, so that errors can name the line.
        places: Dotted key → where else that key came from.

    Returns:
        The configuration.

    Raises:
        ConfigError: A key is unknown, or a value is not allowed. It names key, value, line and the
            nearest known key.
    """
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise explain(error.errors(), Config.model_fields, where, text, places) from None
