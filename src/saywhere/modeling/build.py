"""A model from a configuration."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saywhere import seeds
from saywhere.config import Config, DataConfig, FusionConfig
from saywhere.config.fusions import FUSIONS
from saywhere.errors import SaywhereError, UsageError
from saywhere.fusion.conditioning import condition
from saywhere.fusion.pseudo_image import PseudoImageFusion, PseudoImageParts
from saywhere.modeling.feature_conditioned import FeatureSegmenter
from saywhere.modeling.image_only import ImageSegmenter
from saywhere.modeling.model import Model
from saywhere.modeling.normalize import Normalize
from saywhere.modeling.presence_head import WithPresence
from saywhere.modeling.referring import ReferringSegmenter
from saywhere.networks import registry
from saywhere.networks.stack_check import check_stack
from saywhere.prompt_policies import POLICIES
from saywhere.text.whitening import EmbeddingScale

# Where neither the configuration nor the network says other numbers.
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
    # The network before the text branch: the order of draws decides every first weight.
    seeds.seed_weights(config.train.seed)
    network = _network(config, restored=restored)
    normalize = _normalize(config, network)
    if not config.fusion.uses_text:
        return ImageSegmenter(normalize, _with_head(config, network))
    if scale is None:
        raise UsageError(
            "a model with words, and no scale for its embeddings",
            allowed="only fusion.name = 'none' does without",
        )
    reads_tokens = reads_tokens_of(config)
    if not config.fusion.has_pseudo_image:
        conditioned = condition(
            network,
            config.fusion.name,
            FUSIONS[config.fusion.name].load(),
            # Tokens are not scaled: they keep the encoder's width.
            scale.dims[0 if reads_tokens else 1],
            config.data.channels,
        )
        return FeatureSegmenter(scale, normalize, conditioned, reads_tokens)
    text_branch = build_pseudo_image(config.data, config.fusion, scale, start_prompts)
    conditioner = FUSIONS[config.fusion.name].load().conditioner
    # Last: a head changes no other first weight.
    network = _with_head(config, network)
    if conditioner is not None:
        n_channels = _in_channels(config)
        network = condition(network, config.fusion.name, conditioner, scale.dims[1], n_channels)
    return ReferringSegmenter(
        scale,
        *text_branch,
        normalize,
        network,
        pseudo_image_turns=POLICIES[config.fusion.chosen_arm].pseudo_image_turns,
        reads_tokens=reads_tokens,
        is_conditioned=conditioner is not None,
    )


def _with_head(config: Config, network: nn.Module) -> nn.Module:
    return WithPresence(network, _in_channels(config)) if config.loss.presence else network


def build_pseudo_image(
    data: DataConfig,
    chosen: FusionConfig,
    scale: EmbeddingScale,
    start_prompts: Tensor | None = None,
) -> PseudoImageParts:
    """Projection and generator of a fusion before the network.

    Args:
        data: its size and channels are read.
        chosen: which fusion, projection and start.
        scale: fitted on the training prompts.
        start_prompts: as for `build_model`.
    """
    fusion: PseudoImageFusion = FUSIONS[chosen.name].load()()
    # Tokens are not scaled: they keep the encoder's width.
    n_embedding = scale.dims[0 if fusion.reads_tokens else 1]
    parts = fusion.build(n_embedding, data.channels, data.size, chosen.projection)
    if chosen.start == "unit-variance" and start_prompts is not None:
        fusion.start(parts, start_prompts if fusion.reads_tokens else scale(start_prompts))
    return parts


def check_network(config: Config) -> None:
    """Refuse, before any image is read, a network that cannot be trained as configured.

    It is built of shapes alone, in no memory and with no draw of random numbers.

    Args:
        config: `network`, `fusion` and `data` are read.

    Raises:
        UsageError: the name is none, a setting would be ignored, or the network does not take
            `data.size`.
        MissingExtra: it needs a package that is not installed.
    """
    chosen = config.network
    size = config.data.size
    registry.check(
        chosen.name,
        depth=chosen.depth,
        pretrained=chosen.pretrained,
        first_filters=chosen.first_filters,
        weights=chosen.weights,
    )
    network = _of_shapes(config)
    if network is None:
        return
    stack = torch.empty(1, _in_channels(config), size, size, device="meta")
    try:
        check_stack(
            stack,
            chosen.name,
            stack.shape[1],
            getattr(network, "smallest", 1),
            getattr(network, "multiple", 1),
            getattr(network, "largest", None),
        )
    except UsageError as error:
        raise UsageError(
            # Named by its key: the user set a size, and knows of no stack.
            f"data.size is {size}",
            where=f"a training of {chosen.name}",
            allowed=error.allowed,
            remedy=error.remedy,
        ) from None


def _of_shapes(config: Config) -> nn.Module | None:
    """None for somebody's own network that shapes alone cannot build: it is tried later."""
    try:
        with torch.device("meta"):
            # As if restored: shapes need no weights from a file.
            return _network(config, restored=True)
    except SaywhereError:
        raise
    except Exception:
        return None


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
    return config.fusion.uses_text and FUSIONS[config.fusion.name].load().reads_tokens


def _normalize(config: Config, network: nn.Module) -> Normalize:
    n_channels = config.data.channels
    chosen = config.normalize
    mean = chosen.image_mean
    std = chosen.image_std
    # `auto` is the network's own, as its weights were trained.
    if mean == "auto":
        mean = getattr(network, "image_mean", None) or IMAGENET_MEAN
    if std == "auto":
        std = getattr(network, "image_std", None) or IMAGENET_STD
    means = _channels(mean, n_channels)
    stds = _channels(std, n_channels)
    if config.fusion.has_pseudo_image:
        means += [chosen.pseudo_mean] * n_channels
        stds += [chosen.pseudo_std] * n_channels
    return Normalize(means, stds)


def _channels(values: Sequence[float], n_channels: int) -> list[float]:
    """One number a channel; a grey image takes the mean of the colours' numbers."""
    if len(values) == n_channels:
        return list(values)
    return [sum(values) / len(values)] * n_channels
