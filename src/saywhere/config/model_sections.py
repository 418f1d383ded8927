"""The tables of the model: fusion, network, and what goes into it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator

from saywhere.config.fusions import FUSIONS
from saywhere.config.section import Place, Section

PerChannel = Field(min_length=1, max_length=3)


class FusionConfig(Section):
    """How the prompt meets the image."""

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
        None,
        description=(
            "prompt policy: what happens to the prompt when the image is transformed; "
            "none: fuse-first with a pseudo-image, else untouched"
        ),
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
