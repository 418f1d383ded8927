"""The configuration: frozen models, read from TOML, overridden by `--set a.b=c`.

It is dumped resolved into every run. Long because all keys of a configuration stand on one page,
each with what it means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from saywhere.config.fusions import FUSIONS
from saywhere.config.toml import (
    Document,
    assign,
    line_of,
    read_document,
    split_override,
    without_none,
)
from saywhere.errors import ConfigError, UsageError, nearest


# Opening such a path would raise a bare ValueError, far from the configuration.
def _without_nul(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    return path


Share = float  # in [0, 1]
Place = Annotated[Path, AfterValidator(_without_nul)]
Noun = Annotated[str, Field(min_length=1, max_length=40)]
PerChannel = Field(min_length=1, max_length=3)
# Every network of the registry takes 32 px at its published depth, and none takes less.
SMALLEST = 32  # px


class Section(BaseModel):
    """A table of the configuration: immutable, and an unknown key is an error.

    A key's meaning stands in its description, which `docs/reference/configuration.md` shows.
    """

    # TOML has inf and nan, which no key here can mean.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataConfig(Section):
    """Which rows, at which size."""

    manifest: Place | None = Field(
        None, description="JSONL or CSV, or the folder that holds it; training needs one"
    )
    ids: Place | None = Field(
        None,
        description="a text file of row ids, one a line: only these rows are used (a fixed subset)",
    )
    # The side that the paper's networks were published for.
    size: int = Field(
        224, description="height and width in pixels that the network sees; a multiple of 8"
    )
    channels: Literal[1, 3] = Field(
        3, description="of the image that the network sees: 1 grey, 3 colour"
    )
    grey: Literal["percentile", "maximum"] = Field(
        "percentile",
        description=(
            "which values of pictures of more than 8 bits are black and white: what the file says, "
            "else percentiles 0.5 and 99.5; or, as in older models, the depth in use"
        ),
    )
    fit: Literal["squash", "pad"] = Field(
        "squash",
        description=(
            "how an image of another shape becomes a square; "
            "pad: it keeps its shape, between black bars"
        ),
    )
    # By the nearest pixel, a lesion smaller than a pixel vanishes and its sentence teaches nothing.
    mask_resize: Literal["area", "nearest"] = Field(
        "area",
        description=(
            "how a mask comes to that size; area: half covered is covered, "
            "and each lesion keeps at least one pixel"
        ),
    )
    train_split: str = Field("train", description="the manifest's split to learn from")
    validation_split: str = Field("val", description="the split that chooses the best checkpoint")
    test_split: str = Field("test", description="the split that is measured")
    fold: int | None = Field(
        None,
        ge=1,
        description=(
            "test this fold of the manifest's column `fold`, choose the best epoch by the next "
            "one, and train on the others; none: the manifest's splits"
        ),
    )
    limit: int | None = Field(
        None, ge=1, description="train on this many rows only, drawn by train.seed"
    )
    mosaic: Share = Field(
        0.0,
        ge=0,
        le=1,
        description="share of training samples that are mosaics whose words name one tile",
    )
    mosaic_side: Literal[2, 3] = Field(2, description="mosaics are of 2×2 or of 3×3 images")
    half: Share = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of training samples whose words name one half of the picture, "
            "and mean what lies there"
        ),
    )
    half_name: str = Field(
        "half",
        min_length=1,
        max_length=40,
        description="what the halves' sentences call a half: half, lung",
    )
    absent: Share = Field(
        0.0,
        ge=0,
        le=1,
        description="share of training samples with contradictory words: empty target",
    )
    target: str = Field(
        "lesion",
        description="what the mosaics' sentences call the target: polyp, lesion, infection",
    )
    also_called: list[Noun] = Field(
        [],
        max_length=20,
        description="other nouns for the target, taught in the sentences of mosaics and halves",
    )
    fault_budget: Share = Field(
        0.05,
        ge=0,
        le=1,
        description="share of rows that may be quarantined before training refuses to start",
    )

    @field_validator("size")
    @classmethod
    def _multiple_of_8(cls, size: int) -> int:
        if size < SMALLEST:
            raise ValueError(
                "a size must be a multiple of 8 (the generator doubles three times), "
                f"and at least {SMALLEST}: try {SMALLEST}"
            )
        if size % 8:
            raise ValueError(
                "a size must be a multiple of 8 (the generator doubles three times): "
                f"try {size // 8 * 8} or {(size // 8 + 1) * 8}"
            )
        return size


class TextConfig(Section):
    """How words become numbers."""

    encoder: str = Field("minilm", description="a name of `saywhere info encoders`")
    path: Place | None = Field(None, description="local checkpoint folder, for cxr-bert")
    pooling: Literal["default", "mean", "cls", "paper_code"] = Field(
        "default", description="how a BERT's token states become one vector"
    )
    max_length: int | None = Field(
        None, ge=4, le=512, description="tokens; none: the encoder's own"
    )
    # Unscaled, left and right are nearly one vector; `within` learns faster than `whiten`.
    scale: Literal["whiten", "within", "standardise", "none"] = Field(
        "within", description="how vectors are scaled by the training prompts' own statistics"
    )
    # Measured on mosaics: σ 0.5 doubles the Dice of wordings never taught, and σ 1 slows learning.
    noise: float = Field(
        0.5,
        ge=0,
        description=(
            "σ of the Gaussian noise on the scaled embedding in training; "
            "1 = the spread of the training prompts"
        ),
    )
    train_prompts: str | Annotated[list[str], Field(min_length=1)] = Field(
        "prompt", description="levels drawn from in training (a manifest's `prompts` keys)"
    )
    evaluate_prompts: str = Field(
        "prompt", description="level used in validation, evaluation and prediction from a manifest"
    )
    unseen_prompts: str | None = Field(None, description="level of wordings never trained on")
    frame: Literal["image", "patient"] | None = Field(
        None,
        description=(
            "whose left is taught: prompts of the other frame are translated, where the "
            "orientation of their picture is known; none: as the manifest says"
        ),
    )
    blank: Share = Field(
        0.0, ge=0, le=1, description="share of training samples that come without words"
    )
    variants: int = Field(
        0,
        ge=0,
        le=16,
        description="shorter versions of each training sentence, drawn from as often as itself",
    )


class FusionConfig(Section):
    """How the numbers meet the image."""

    name: str = Field(
        "early",
        description=f"one of {', '.join(FUSIONS)} (`saywhere info fusions`)",
    )
    # The public code's is the default; the paper's text says one layer.
    projection: Literal["linear", "mlp"] = Field(
        "mlp", description="sentence vector to the generator's seed; linear: as the paper says"
    )
    # With PyTorch's start the pseudo-image hardly depends on the prompt, and is never listened to.
    start: Literal["unit-variance", "default"] = Field(
        "unit-variance", description="first weights of projection and generator; default: PyTorch's"
    )
    words_first: int = Field(
        0,
        ge=0,
        description="steps in which projection and generator first learn alone to draw the mask",
    )
    arm: Literal["fuse-first", "untouched", "swap", "recaption", "still"] | None = Field(
        None, description="what happens to the words when the image turns"
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FUSIONS:
            *names, last = map(repr, FUSIONS)
            raise ValueError(f"input should be {', '.join(names)} or {last}")
        return name

    @property
    def uses_text(self) -> bool:
        """Does the model read prompts? `none` is the image alone."""
        return FUSIONS[self.name].joins != "nothing"

    @property
    def has_pseudo_image(self) -> bool:
        """Do the prompts come in as a pseudo-image, before the network?"""
        return FUSIONS[self.name].joins == "image"

    @property
    def chosen_arm(self) -> str:
        """The prompt policy, resolved.

        It is `arm` where that is set. Else it is the paper's where there is a pseudo-image to
        turn, and untouched prompts where there is none.
        """
        return self.arm or ("fuse-first" if self.has_pseudo_image else "untouched")


class AugmentConfig(Section):
    """One geometry for stack and mask, and photometric changes for the image alone.

    The defaults are the public code's ranges.
    """

    name: Literal["none", "paper"] = Field("paper", description="none: nothing below is done")
    horizontal_flip: Share = Field(0.5, ge=0, le=1, description="probability")
    vertical_flip: Share = Field(0.5, ge=0, le=1, description="probability")
    affine: Share = Field(
        0.5, ge=0, le=1, description="probability of rotation, scale and translation together"
    )
    degrees: float = Field(90.0, ge=0, le=180, description="largest rotation, either way")
    translate: Share = Field(0.125, ge=0, le=1, description="largest shift, as a share of the side")
    scale: tuple[float, float] = Field((0.5, 1.5), description="smallest and largest enlargement")
    brightness: float = Field(
        0.0, ge=0, le=1, description="largest change of the image in [0, 1], either way"
    )
    contrast: float = Field(0.0, ge=0, le=1, description="largest change of the factor 1")
    saturation: float = Field(0.0, ge=0, le=1, description="largest change of the factor 1")
    gamma: float = Field(0.0, ge=0, lt=1, description="largest change of the exponent 1")
    noise: float = Field(
        0.0, ge=0, le=1, description="σ of additive Gaussian noise on the image in [0, 1]"
    )
    blur: float = Field(
        0.0,
        ge=0,
        le=10,
        description="largest σ of a Gaussian blur of the image, in pixels of the network's size",
    )
    cutmix: Share = Field(
        0.0, ge=0, le=1, description="probability that a sample takes a box of another one's"
    )
    words: Literal["registered", "naive"] = Field(
        "registered",
        description=(
            "does a box bring its words' picture, and are colour and blur the image's alone?"
        ),
    )

    @field_validator("scale")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not 0 < scale[0] <= scale[1]:
            raise ValueError("augment.scale is (smallest, largest), both above 0: try [0.5, 1.5]")
        return scale


class NetworkConfig(Section):
    """Any segmentation network; it knows nothing of text."""

    name: str = Field("unet", description="a name of `saywhere info networks`, or monai:NAME")
    width: int = Field(64, ge=1, description="channels of the first level (unet)")
    depth: float = Field(
        1.0,
        gt=0,
        le=2,
        description=(
            "share of the published levels (unet, unetpp) or blocks (transunet, missformer)"
        ),
    )
    pretrained: bool = Field(
        True, description="ImageNet weights, where the network has them (lite)"
    )
    weights: Place | None = Field(
        None,
        description=(
            "published weights to start from: R50+ViT-B_16.npz (transunet); in training only"
        ),
    )
    # Random filters spoiled what was pretrained, so zero is the default.
    first_filters: Literal["zero", "scale", "tile", "adapter", "stem"] | None = Field(
        None,
        description=(
            "how the pseudo-image comes into pretrained filters "
            "(lite; transunet with weights); none: zero"
        ),
    )


class NormalizeConfig(Section):
    """Per half of the stack: (value − mean) / std, after the augmentation.

    `auto`: the network's own, else ImageNet's.
    """

    image_mean: Annotated[tuple[float, ...], PerChannel] | Literal["auto"] = Field(
        "auto", description="one number a channel"
    )
    image_std: Annotated[tuple[PositiveFloat, ...], PerChannel] | Literal["auto"] = Field(
        "auto", description="one number a channel"
    )
    pseudo_mean: float = Field(0.5, description="of every channel of the pseudo-image")
    pseudo_std: float = Field(0.25, gt=0, description="of every channel of the pseudo-image")


class LossConfig(Section):
    """Segmentation loss + λ · L1(pseudo-image, image · mask) in the original frame."""

    # On logits: the public code's cross-entropy is constant, or of a double sigmoid, by MONAI's
    # version.
    name: Literal["dice_ce", "dice", "paper_code_softmax", "paper_code_sigmoid"] = Field(
        "dice_ce", description="paper_code_*: as the public code, to compare"
    )
    # As published, an L1 over the frame is best served by a black pseudo-image.
    roi: Literal["balanced", "paper", "mask", "blurred-mask", "none"] = Field(
        "balanced", description="the region term; paper can silence the words"
    )
    # The paper's λ.
    roi_weight: float = Field(0.1, ge=0, description="λ")
    roi_after: Share = Field(
        0.0, ge=0, le=1, description="λ is 0 before this share of the training"
    )


class OptimizerConfig(Section):
    """AdamW and its schedule."""

    learning_rate: float = Field(1e-3, gt=0, description="the highest of the schedule")
    # As measured for `lite`: 5e-4 for its encoder beside 1e-3 for the rest.
    pretrained_factor: float = Field(
        0.5, gt=0, description="learning rate of pretrained weights, relative"
    )
    text_factor: float = Field(
        1.0, gt=0, description="learning rate of projection and generator, relative"
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's")
    schedule: Literal["cosine", "constant", "one-cycle"] = Field(
        "cosine", description="cosine falls to 0; one-cycle rises for the first 30 %, then falls"
    )
    warmup: Share = Field(0.0, ge=0, lt=1, description="share of the steps with a rising rate")
    clip_norm: float | None = Field(1.0, gt=0, description="largest norm of the gradient")


class TrainConfig(Section):
    """The loop."""

    # The paper's, as is the cosine schedule.
    epochs: int = Field(100, ge=1, description="how long to train")
    steps_per_epoch: int | None = Field(None, ge=1, description="none: every row once an epoch")
    batch_size: int = Field(8, ge=1, description="samples a step")
    seed: int = Field(0, ge=0, description="every random draw is a function of it")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="auto: whichever is measured fastest, with channels_last"
    )
    threads: int = Field(
        0, ge=0, description="0: every core or half of them, whichever is measured faster"
    )
    channels_last: bool = Field(
        True, description="PyTorch's memory format; the numbers differ by rounding alone"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="auto: a GPU where there is one"
    )
    # The loss holds the region term, which says nothing of the masks.
    select: Literal["dice_mean", "loss"] = Field(
        "dice_mean", description="what the best checkpoint is best at, on the validation split"
    )
    validate_every: int = Field(1, ge=1, description="epochs from one validation to the next")


class EvaluateConfig(Section):
    """The measurement."""

    batch_size: int = Field(16, ge=1, description="pictures at once, in prediction too")
    words: list[str] = Field(
        ["right", "empty", "shuffled", "contradictory"],
        description="words to try; unseen joins where text.unseen_prompts is set",
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="on the probability")
    mirror: bool = Field(
        False,
        description=(
            "average over four mirrorings, words and all: four times the time, in prediction too"
        ),
    )
    bootstrap: int = Field(2000, ge=100, description="resamples of the images")
    surface_tolerance_px: float = Field(
        2.0, gt=0, description="of the normalised surface Dice, in pixels of the original image"
    )


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
                "fusion.arm says how words turn, but fusion.name is 'none': leave fusion.arm out"
            )
        if (
            self.fusion.uses_text
            and not self.fusion.has_pseudo_image
            and self.fusion.arm == "fuse-first"
        ):
            raise ValueError(
                "fusion.arm is 'fuse-first', "
                f"but {self.fusion.name} has no picture of the words that "
                "could turn: try 'untouched'"
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
        raise _explain(error.errors(), where, text, places) from None


def _explain(
    faults: Sequence[ErrorDetails], where: object, text: str, places: Mapping[str, str]
) -> ConfigError:
    """The first fault as a sentence.

    Of a value that could be several things, it says what each would have needed.
    """
    fault = faults[0]
    # Table and key. What follows names a branch of a type that allows several.
    location = [str(part) for part in fault["loc"] if not isinstance(part, int)][:2]
    key = ".".join(location)
    place = _place_of(key, where, text, places)
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key {key[:80]}",
            where=place,
            remedy=nearest(location[-1][:80], _keys_beside(location)),
        )
    if fault["type"] == "model_type":
        return ConfigError(
            f"{key} is a single value",
            where=place,
            allowed=f"it is a table: write [{key}], and its keys below",
        )
    alike = [other for other in faults if other["loc"][:2] == fault["loc"][:2]]
    messages = [str(other["msg"]).removeprefix("Value error, ") for other in alike]
    allowed = ", or ".join(dict.fromkeys(message[:1].lower() + message[1:] for message in messages))
    # Cut: a value may be as long as the file.
    shown = json.dumps(fault.get("input"), default=str, ensure_ascii=False)[:80]
    # Without a key it was a rule between keys, which the message names.
    problem = f"{key} is {shown}" if key else "the configuration contradicts itself"
    return ConfigError(problem, where=place, allowed=allowed)


def _place_of(key: str, where: object, text: str, places: Mapping[str, str]) -> object:
    """Where a key came from: an override, else a line of the file, else the file."""
    for name, place in places.items():
        # With the dots, so that one key is not taken for the beginning of another's name.
        if f"{key}.".startswith(f"{name}."):
            return place
    line = line_of(text, key)
    return f"{where}, line {line}" if line else where


def _keys_beside(location: list[str]) -> Iterable[str]:
    """The known keys of the table that a key stands in, or the tables."""
    section = Config.model_fields.get(location[0])
    if len(location) > 1 and section is not None:
        return section.annotation.model_fields  # type: ignore[union-attr]
    return Config.model_fields
