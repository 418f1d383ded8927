"""A model from a configuration."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saywhere import seeds
from saywhere.config import Config
from saywhere.errors import SaywhereError, UsageError
from saywhere.fusion.conditioning import JOINTS, join
from saywhere.fusion.generator import Generator, start_unit_variance
from saywhere.fusion.projection import Projection
from saywhere.modeling.feature_conditioned import FeatureSegmenter
from saywhere.modeling.image_only import ImageSegmenter
from saywhere.modeling.model import Model
from saywhere.modeling.normalize import Normalize
from saywhere.modeling.referring import ReferringSegmenter
from saywhere.networks import registry
from saywhere.networks.stack_check import check_stack
from saywhere.prompt_policies import POLICIES
from saywhere.text.whitening import EmbeddingScale

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build_model(
    config: Config,
    scale: EmbeddingScale | None,
    start_prompts: Tensor | None = None,
    *,
    restored: bool = False,
) -> Model:
    """Build after seeding, so that equal (config, seed) give equal weights.

    Args:
        scale: fitted on the training prompts; None for image only.
        start_prompts: embeddings (prompt, dim) on which `fusion.start = unit-variance` is computed.
        restored: a checkpoint's weights follow: the network reads no pretrained ones.
    """
    seeds.seed_weights(config.train.seed)
    channel = config.data.channels
    with_words, is_early = config.fusion.uses_text, config.fusion.has_pseudo_image
    network = _network(config, restored=restored)
    normalize = _normalize(config, network, is_early)
    if not with_words:
        return ImageSegmenter(normalize, network)
    if scale is None:
        raise UsageError(
            "a model with words, and no scale for its embeddings",
            allowed="only fusion.name = 'none' does without",
        )
    if not is_early:
        reads_tokens = reads_tokens_of(config)
        join(network, config.fusion.name, scale.dims[0 if reads_tokens else 1], channel)
        return FeatureSegmenter(scale, normalize, network, reads_tokens)
    seed_grid = (config.data.size // 8, config.data.size // 8)
    projection, generator = (
        Projection(config.fusion.projection, scale.dims[1], seed_grid),
        Generator(channel),
    )
    if config.fusion.start == "unit-variance" and start_prompts is not None:
        start_unit_variance(projection, generator, scale(start_prompts))
    return ReferringSegmenter(
        scale,
        projection,
        generator,
        normalize,
        network,
        pseudo_image_turns=POLICIES[config.fusion.chosen_arm].pseudo_image_turns,
    )


def check_network(config: Config) -> None:
    """Refuse, before anything is read, a network that is none or lacks a package, a setting that it
    would ignore, and a `data.size` that it cannot take.

    It is built of shapes alone, in no memory and with no draw of random numbers. Raises UsageError,
    MissingExtra.
    """
    chosen, size = config.network, config.data.size
    registry.check(
        chosen.name,
        depth=chosen.depth,
        pretrained=chosen.pretrained,
        first_filters=chosen.first_filters,
        weights=chosen.weights,
    )
    try:
        with torch.device("meta"):
            network, stack = (
                _network(config, restored=True),
                torch.empty(1, _in_channels(config), size, size),
            )
    except SaywhereError:
        raise
    except (
        Exception
    ):  # somebody's own network that shapes alone cannot build: the real one is asked later
        return
    smallest, multiple, largest = (
        getattr(network, "smallest", 1),
        getattr(network, "multiple", 1),
        getattr(network, "largest", None),
    )
    try:
        check_stack(stack, chosen.name, stack.shape[1], smallest, multiple, largest)
    except UsageError as error:
        raise UsageError(
            f"data.size is {size}",
            where=f"a training of {chosen.name}",
            allowed=error.allowed,
            remedy=error.remedy,
        ) from None


def _network(config: Config, *, restored: bool) -> nn.Module:
    chosen = config.network
    return registry.build(
        chosen.name,
        in_channels=_in_channels(config),
        width=chosen.width,
        depth=chosen.depth,
        pretrained=chosen.pretrained,
        first_filters=chosen.first_filters,
        weights=chosen.weights,
        size=config.data.size,
        restored=restored,
    )


def _in_channels(config: Config) -> int:
    """The stack's: an early fusion adds a pseudo-image."""
    return config.data.channels * (2 if config.fusion.has_pseudo_image else 1)


def reads_tokens_of(config: Config) -> bool:
    """Does the fusion read a sentence's tokens, rather than its one vector?"""
    return config.fusion.name in JOINTS and JOINTS[config.fusion.name].reads_tokens


def _normalize(config: Config, network: nn.Module, is_early: bool) -> Normalize:
    channel, chosen = config.data.channels, config.normalize
    mean = _channels(
        getattr(network, "image_mean", None) or IMAGENET_MEAN
        if chosen.image_mean == "auto"
        else chosen.image_mean,
        channel,
    )
    std = _channels(
        getattr(network, "image_std", None) or IMAGENET_STD
        if chosen.image_std == "auto"
        else chosen.image_std,
        channel,
    )
    if is_early:
        mean, std = mean + [chosen.pseudo_mean] * channel, std + [chosen.pseudo_std] * channel
    return Normalize(mean, std)


def _channels(values: Sequence[float], channel: int) -> list[float]:
    """One number a channel; a grey image takes the mean of the colours' numbers."""
    return list(values) if len(values) == channel else [sum(values) / len(values)] * channel
