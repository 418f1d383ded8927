"""The tables of what is learned from: images and masks, and prompts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from saywhere.config.section import Place, Section, Share

Noun = Annotated[str, Field(min_length=1, max_length=40)]
# Every network of the registry takes 32 px at its published depth, and none takes less.
SMALLEST = 32  # px


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
        description="share of training samples that are mosaics whose prompt names one tile",
    )
    mosaic_side: Literal[2, 3] = Field(2, description="mosaics are of 2×2 or of 3×3 images")
    half: Share = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of training samples whose prompt names one half of the picture: "
            "the target is what lies there"
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
        description="share of training samples with a contradictory prompt and an empty target",
    )
    denied: Share = Field(
        0.0,
        ge=0,
        le=1,
        description="share of training samples whose prompt denies the target, with an empty mask",
    )
    foreign: Share = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of training samples whose prompt names one of data.foreign_targets, "
            "with an empty mask"
        ),
    )
    foreign_targets: list[Noun] = Field(
        [], max_length=40, description="what is in no image of this set: polyp, kidney"
    )
    borrowed: Share = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of samples of an image without a target that borrow the prompt of an image with "
            "one, and keep their empty mask"
        ),
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
    target_column: str | None = Field(
        None,
        min_length=1,
        description=(
            "column of the manifest that names what each row's mask shows, in place of data.target "
            "and data.also_called: several sets in one training"
        ),
    )
    shares: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(
        {},
        max_length=40,
        description=(
            "noun of data.target_column → how often its rows come beside the others', in whole "
            "numbers; none: every row equally often"
        ),
    )
    fault_budget: Share = Field(
        0.05,
        ge=0,
        le=1,
        description="share of rows that may be quarantined before training refuses to start",
    )

    @model_validator(mode="after")
    def _foreign_is_named(self) -> DataConfig:
        # With a column, another target's own prompts are foreign ones.
        if self.foreign and not self.foreign_targets and self.target_column is None:
            raise ValueError(
                "data.foreign asks for prompts of other targets: name some in data.foreign_targets"
            )
        return self

    @model_validator(mode="after")
    def _shares_have_a_column(self) -> DataConfig:
        if self.shares and self.target_column is None:
            raise ValueError(
                "data.shares counts the targets of several sets: name the column that holds them "
                "in data.target_column"
            )
        return self

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
    """How a prompt becomes numbers."""

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
        0.0, ge=0, le=1, description="share of training samples that come without a prompt"
    )
    variants: int = Field(
        0,
        ge=0,
        le=16,
        description="shorter versions of each training sentence, drawn from as often as itself",
    )
