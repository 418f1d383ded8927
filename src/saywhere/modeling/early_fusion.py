"""Early fusion for any training loop: sentences and images in, one stack out, which any geometry
turns together with the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saywhere import seeds
from saywhere.config import DataConfig, FusionConfig, TextConfig, parse
from saywhere.errors import UsageError
from saywhere.fusion.generator import Generator
from saywhere.fusion.projection import Projection
from saywhere.fusion.stack import fuse
from saywhere.fusion.text_branch import TextBranch
from saywhere.modeling.build import build_pseudo_image
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.prompts import clean
from saywhere.text.whitening import EmbeddingScale, fit, same_meaning
from saywhere.transforms.geometry import Geometry
from saywhere.types import Embedding, PseudoImage, Stack

if TYPE_CHECKING:
    Prompts = Sequence[str]
    Words = Sequence[str] | Tensor
    Sentences = Sequence[str | Sequence[str]]
    AnyEncoder = str | Encoder
else:
    # For a checker at run time: what comes is checked below,
    # and a wrong kind is answered with a sentence.
    Prompts = Words = Sentences = AnyEncoder = Any


class Fused(NamedTuple):
    """What an early fusion gives."""

    stack: Stack
    """image and pseudo-image, in the frame that the geometry made: what a network takes, 2C
    channels
    """
    pseudo_image: PseudoImage
    """[0, 1], original frame: what a region term looks at"""


class EarlyFusion(TextBranch):
    """Projection, generator and stack as one module, to put before any network (arXiv 2510.12482).

    The text encoder is frozen and no part of the state: only projection and generator learn, and
    the scale is saved with them.

        fusion = EarlyFusion.fit(dataset.sentences, size=64, channels=1)
        geometry = Augmentation().draw(seed, step, range(len(image)))
        stack, pseudo_image = fusion(image, prompts, geometry)
        loss = criterion(network(stack), geometry(mask, mode="nearest"))
    """

    def __init__(
        self, scale: EmbeddingScale, projection: Projection, generator: Generator, encoder: Encoder
    ) -> None:
        super().__init__(scale, projection, generator)
        # The generator doubles the side three times.
        self.size = (8 * projection.seed_grid[0], 8 * projection.seed_grid[1])
        """(height, width) of the images that it takes"""
        # In a tuple: an encoder that is a module must not become a part of this one, and learn.
        self._opened = (encoder,)
        self._known: dict[str, Tensor] = {}

    @classmethod
    def fit(
        cls,
        sentences: Sentences,
        *,
        size: int,
        channels: int = 3,
        encoder: AnyEncoder = "minilm",
        scale: str = "within",
        projection: str = "mlp",
        seed: int = 0,
    ) -> EarlyFusion:
        """Encode the training's sentences, fit the scale on them, and start the generator.

        Each sentence is encoded once: its embedding stays in the cache folder.

        Args:
            sentences: of the training, a list; the wordings of one thing as a tuple
                (`saywhere.Dataset.sentences`), which tells style from meaning.
            size: height and width of the images, pixels, a multiple of 8.
            channels: of the images, 1 or 3.
            encoder: a name that `saywhere info encoders` lists, or an object that keeps the
                `Encoder` protocol.
            scale: within, whiten, standardise or none (`text.scale`).
            projection: mlp or linear (`fusion.projection`).
            seed: of the first weights; torch's global state is not touched.

        Raises:
            UsageError: no sentences, or an encoder that is none.
            ConfigError: an option is not one of those above.
            MissingEncoder: the encoder's weights are not installed.
            NotWritable: the cache folder.
        """
        if not isinstance(encoder, (str, Encoder)):
            raise UsageError(
                f"an encoder is a {type(encoder).__name__}",
                where="EarlyFusion.fit",
                allowed="a name, or an object with what `Encoder` lists",
                remedy="see CONTRIBUTING.md, A text encoder",
            )
        # The schema wants a name; an encoder of one's own is used as it is.
        name = encoder if isinstance(encoder, str) else "minilm"
        document = {
            "data": {"size": size, "channels": channels},
            "text": {"encoder": name, "scale": scale},
            "fusion": {"projection": projection},
        }
        config = parse(document, where="EarlyFusion.fit")
        wordings = [
            _cleaned([texts] if isinstance(texts, str) else texts, "EarlyFusion.fit")
            for texts in _several(sentences, "EarlyFusion.fit")
        ]
        return _fitted(
            cls,
            wordings,
            _Settings(config.data, config.text, config.fusion, seed),
            open_encoder(config.text) if isinstance(encoder, str) else encoder,
        )

    def forward(
        self,
        image: Tensor,
        words: Words,
        geometry: Geometry | None = None,
        noise: Tensor | None = None,
    ) -> Fused:
        """Fuse, then transform.

        Args:
            image: float (batch, channel, height, width), [0, 1], original frame.
            words: one sentence per image, as a list; or their embeddings (batch, embedding), as
                the encoder gives them.
            geometry: transforms the stack; give the mask to the same one, with mode="nearest".
                None: nothing moves.
            noise: (batch, scaled) with a spread of about 0.5, in training: other wordings of the
                same are then heard too. `scale.dims[1]` is its width.

        Raises:
            UsageError: images and prompts differ in number, or images are not as `fit` was told.
        """
        self._check(image)
        embedding = words if isinstance(words, Tensor) else self.embeddings(words)
        if len(embedding) != len(image):
            raise UsageError(
                f"{len(image)} images and {len(embedding)} prompts",
                where="EarlyFusion",
                allowed="one prompt an image",
                remedy="repeat the image for more prompts",
            )
        # (batch, channel, height, width), [0, 1], original frame: it lies on the image before
        # both are moved.
        pseudo_image = self.generate(embedding, noise)
        stack = fuse(image, pseudo_image)  # (batch, 2*channel, height, width), original frame
        return Fused(stack if geometry is None else geometry(stack), pseudo_image)

    def imagine(self, embedding: Embedding, noise: Tensor | None = None) -> PseudoImage:
        """The former name of `generate`, kept for code that calls it."""
        return self.generate(embedding, noise)

    def embeddings(self, prompts: Prompts) -> Embedding:
        """Encode prompts, each distinct one once.

        Args:
            prompts: a list of sentences.

        Returns:
            float32 (prompt, embedding), as the encoder gives them, on the module's device.

        Raises:
            UsageError: no list of sentences.
        """
        cleaned = _cleaned(_several(prompts, "EarlyFusion"), "EarlyFusion")
        # Sorted, so that equal sets of prompts make equal shards in any process.
        new = sorted(set(cleaned) - set(self._known))
        if new:
            self._known.update(zip(new, torch.from_numpy(self._cache.get(new))))
        return torch.stack([self._known[prompt] for prompt in cleaned]).to(self.scale.mean.device)

    @cached_property
    def _cache(self) -> EmbeddingCache:
        # Opened at the first prompt: whoever passes embeddings needs no cache folder.
        return EmbeddingCache(self._opened[0])

    def __getstate__(self) -> dict[str, object]:
        """Without this machine's cache folder: where a copy wakes up, another may be meant."""
        return {name: value for name, value in self.__dict__.items() if name != "_cache"}

    def extra_repr(self) -> str:
        """Its figures, for a notebook."""
        (height, width), (embedding, scaled) = self.size, self.scale.dims
        return (
            f"{self._opened[0].name}: {embedding} → {scaled} numbers → {height}×{width}, "
            f"{len(self._known):,} sentences known"
        )

    def _check(self, image: Any) -> None:
        """Raises UsageError for what cannot be stacked."""
        channels = self.generator.channels
        wanted = f"a float tensor (batch, {channels}, {self.size[0]}, {self.size[1]}) in [0, 1]"
        if not isinstance(image, Tensor):
            raise UsageError(
                f"an image is a {type(image).__name__}",
                where="EarlyFusion",
                allowed=wanted,
                remedy="torch.from_numpy makes one",
            )
        if image.ndim != 4 or image.shape[1:] != (channels, *self.size):
            raise UsageError(
                f"images of shape {tuple(image.shape)}",
                where="EarlyFusion",
                allowed=wanted,
                remedy="resize them, or fit the fusion for their size",
            )
        if not image.is_floating_point():
            raise UsageError(
                f"images of type {image.dtype}",
                where="EarlyFusion",
                allowed=wanted,
                remedy="image.float() / 255",
            )


@dataclass(frozen=True)
class _Settings:
    """What `EarlyFusion.fit` was given, checked as a configuration is."""

    data: DataConfig
    text: TextConfig
    fusion: FusionConfig
    seed: int


def _fitted(
    kind: type[EarlyFusion],
    wordings: Sequence[Sequence[str]],
    settings: _Settings,
    encoder: Encoder,
) -> EarlyFusion:
    prompts = sorted({text for texts in wordings for text in texts})
    cache = EmbeddingCache(encoder)
    vectors = cache.get(prompts)
    groups = same_meaning(wordings, {prompt: number for number, prompt in enumerate(prompts)})
    scale = fit(np.asarray(vectors), groups.tolist(), settings.text.scale)
    with seeds.seeded_weights(settings.seed):
        projection, generator = build_pseudo_image(
            settings.data, settings.fusion, scale, torch.from_numpy(vectors)
        )
    assert isinstance(projection, Projection)
    assert isinstance(generator, Generator)
    fusion = kind(scale, projection, generator, encoder)
    # It has read the shards already.
    fusion._cache = cache
    fusion._known.update(zip(prompts, torch.from_numpy(vectors)))
    return fusion


def _several(sentences: Any, where: str) -> Sequence[Any]:
    """Raises UsageError for one sentence, or none."""
    # A string is a sequence too, of letters.
    if isinstance(sentences, str) or not isinstance(sentences, Sequence) or not len(sentences):
        kind = f"sentences are {sentences!r}"[:80]
        if isinstance(sentences, str):
            kind = f"the sentence {sentences!r}"
        raise UsageError(
            kind,
            where=where,
            allowed="a list of sentences, at least one",
            remedy="put a single one into a list",
        )
    return sentences


def _cleaned(sentences: Sequence[Any], where: str) -> list[str]:
    if strange := [text for text in sentences if not isinstance(text, str)]:
        raise UsageError(
            f"a sentence is {strange[0]!r}"[:80],
            where=where,
            allowed="a string",
            remedy='say "" for no words',
        )
    return [clean(text) for text in sentences]
