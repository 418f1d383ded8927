"""The tables of training and measuring: augmentation, loss, optimizer, loop, evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from saywhere.config.section import Section, Share


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
            "registered: a pasted box brings its part of the pseudo-image, and colour and blur "
            "change the image alone; naive: the other way round, to compare"
        ),
    )

    @field_validator("scale")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not 0 < scale[0] <= scale[1]:
            raise ValueError("augment.scale is (smallest, largest), both above 0: try [0.5, 1.5]")
        return scale


class LossConfig(Section):
    """Segmentation loss + λ · L1(pseudo-image, image · mask) in the original frame."""

    # On logits: the public code's cross-entropy is constant, or of a double sigmoid, by MONAI's
    # version.
    name: Literal["dice_ce", "dice", "paper_code_softmax", "paper_code_sigmoid"] = Field(
        "dice_ce", description="paper_code_*: as the public code, to compare"
    )
    # As published, an L1 over the frame is best served by a black pseudo-image.
    roi: Literal["balanced", "paper", "mask", "blurred-mask", "none"] = Field(
        "balanced", description="the region term; paper can silence the prompt"
    )
    # The paper's λ.
    roi_weight: float = Field(0.1, ge=0, description="λ")
    roi_after: Share = Field(
        0.0, ge=0, le=1, description="λ is 0 before this share of the training"
    )
    presence: float = Field(
        0.0,
        ge=0,
        description=(
            "weight of the presence term: above 0 the model also learns to say whether what the "
            "words name is in the image at all"
        ),
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
    batch_size: int = Field(8, ge=1, description="samples at once in one process")
    accumulate: int = Field(
        1, ge=1, description="batches of a process whose gradients make one step"
    )
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
    devices: int = Field(
        1,
        ge=1,
        description=(
            "processes on a machine, each with its own GPU or its share of the cores; "
            "a step takes batch_size samples in each"
        ),
    )
    nodes: int = Field(1, ge=1, description="machines, each with so many processes")
    sync_batch_norm: bool = Field(
        False, description="batch norms over all processes' samples; needs GPUs"
    )
    # The loss holds the region term, which says nothing of the masks.
    select: Literal["dice_mean", "loss"] = Field(
        "dice_mean", description="what the best checkpoint is best at, on the validation split"
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of a running average of the weights that stays in a step, such as "
        "0.998: the average is validated and kept; 0: the weights themselves",
    )
    validate_every: int = Field(1, ge=1, description="epochs from one validation to the next")
    patience: int | None = Field(
        None, ge=1, description="stop after so many validations without a better one; none: never"
    )
    loggers: list[Literal["tensorboard", "mlflow"]] = Field(
        [], description="where the rows of metrics.jsonl go as well; each is an extra to install"
    )

    @property
    def parts(self) -> int:
        """Batches of one step, of all processes together."""
        return self.devices * self.nodes * self.accumulate


class EvaluateConfig(Section):
    """The measurement."""

    batch_size: int = Field(16, ge=1, description="pictures at once, in prediction too")
    words: list[str] = Field(
        ["right", "empty", "shuffled", "contradictory"],
        description="prompts to measure with; unseen joins where text.unseen_prompts is set",
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="on the probability")
    mirror: bool = Field(
        False,
        description=(
            "average over four mirrored images and pseudo-images: four times the time, "
            "in prediction too"
        ),
    )
    bootstrap: int = Field(2000, ge=100, description="resamples of the images")
    surface_tolerance_px: float = Field(
        2.0, gt=0, description="of the normalised surface Dice, in pixels of the original image"
    )
