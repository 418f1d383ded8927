"""One picture: load once, say often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from saywhere.errors import UsageError
from saywhere.inference.test_time_augmentation import mirrored, refuse_mirrors
from saywhere.io import images
from saywhere.io.inputs import as_image
from saywhere.io.overlay import overlay
from saywhere.metrics.calibration import Expectation
from saywhere.modeling.build import reads_tokens_of
from saywhere.runs import calibration_file as expected
from saywhere.runs import checkpoint, named
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.prompts import clean, refuse_endless

REMEMBERED = 10_000  # prompts


@dataclass(frozen=True)
class Result:
    """One image's answer to one prompt, in the image's original frame."""

    image: np.ndarray
    """uint8 (height, width, channel)"""
    prompt: str
    probability: np.ndarray
    """float32 (height, width), [0, 1]"""
    mask: np.ndarray
    """bool (height, width)"""
    pseudo_image: np.ndarray | None
    """float32 (height, width, 3), [0, 1]: what the words look like to the network; None for an image-only model"""
    unfamiliarity: float
    """Distance of the prompt from the training prompts; above 1 its words are unlike anything the model was taught."""

    expectation: Expectation | None = None
    """what `saywhere calibrate` learned of the model; None where it did not, or of another threshold"""

    @property
    def presence(self) -> float:
        """How sure the model is that what was named is in the image: the largest probability, [0, 1]. Not calibrated."""
        return float(self.probability.max())

    @cached_property
    def confidence(self) -> float | None:
        """Mean probability inside the mask, [0.5, 1] at the default threshold; None for an empty mask.

        Not calibrated: `expected_dice` says what it is worth. `saywhere evaluate` says whether a model's less sure answers are the worse ones.
        """
        return float(self.probability[self.mask].mean()) if self.mask.any() else None

    @property
    def expected_dice(self) -> float | None:
        """Dice that answers so sure had where the truth was known, and the words right, [0, 1]; None for an empty mask or a model that was not calibrated.

        What is expected of wrong words is too much: the model does not know that they are wrong. `saywhere evaluate` measures both.
        """
        return None if self.expectation is None else self.expectation.of(self.confidence)

    def overlay(self) -> np.ndarray:
        """The mask on the image, uint8 (height, width, 3)."""
        return overlay(self.image, self.mask)

    def save(self, folder: str | Path, stem: str = "result") -> dict[str, Path]:
        """Write STEM-{mask,probability,pseudo,overlay}.png. Raises NotWritable."""
        from saywhere.io.captions import captioned

        folder = Path(folder)
        pictures = {
            "probability": _grey(self.probability),
            "overlay": captioned(self.overlay(), self.prompt or "(no words)"),
        }
        if self.pseudo_image is not None:
            pictures["pseudo"] = (self.pseudo_image * 255).round().astype(np.uint8)
        paths = {name: folder / f"{stem}-{name}.png" for name in ("mask", *pictures)}
        images.write_mask(paths["mask"], self.mask)
        for name, picture in pictures.items():
            images.write_image(paths[name], picture)
        return paths

    def show(self) -> None:
        """Open the overlay in the system's picture viewer."""
        from PIL import Image

        Image.fromarray(self.overlay()).show(title=self.prompt)

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the overlay."""
        return images.png_bytes(self.overlay())

    def __repr__(self) -> str:
        height, width = self.mask.shape
        found = (
            f"mask {self.mask.mean():.1%} of {height}×{width}"
            if self.mask.any()
            else f"nothing found in {height}×{width}"
        )
        return f"Result({self.prompt!r}, {found}, presence {self.presence:.2f})"


class Segmenter:
    """A trained model with its text encoder: `segment(image, "prompt")`."""

    def __init__(self, folder: Path, *, mirror: bool | None = None) -> None:
        self.folder = named.find(folder)
        saved = checkpoint.load(self.folder)
        self.config, self.state = saved.config, saved.state
        self.model = checkpoint.build_from(saved, self.folder)
        if self.config.train.channels_last:  # as it was trained: batches are faster so on a processor, and the numbers differ by rounding alone
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if mirror is not None:
            self.config = self.config.replace(**{"evaluate.mirror": mirror})
        if self.config.evaluate.mirror:
            refuse_mirrors(self.model)
        self._encoder: Encoder | None = None
        self._embeddings: dict[str, Tensor] = {}

    @cached_property
    def digest(self) -> str:
        """sha256 of all that an answer comes from: configuration, encoder and weights, and what is expected of it."""
        config = self.config.model_dump(
            mode="json", exclude={"network": {"depth", "weights"}}
        )  # the model's tensors show both, and older models lack both
        sha = hashlib.sha256(
            json.dumps([config, self.state.get("encoder")], sort_keys=True).encode()
        )
        if self._kept is not None:
            sha.update(json.dumps(asdict(self._kept)).encode())
        for name, value in sorted(self.model.state_dict().items()):
            sha.update(
                f"{name} {value.dtype} {tuple(value.shape)}".encode()
                + value.detach().cpu().contiguous().numpy().tobytes()
            )
        return sha.hexdigest()

    @property
    def hears_words(self) -> bool:
        """False for an image-only model, which answers every prompt alike."""
        return self.model.uses_text

    def segment(self, image: Any, prompt: str = "", *, threshold: float | None = None) -> Result:
        """Segment what the prompt names.

        Args:
            image: a path, a PIL image, an array (height, width[, channel]) or a tensor, also (channel, height, width): uint8, or float in [0, 1].
            prompt: plain words; blank means "no words".
            threshold: on the probability, in (0, 1); default: the configuration's.
        Raises: UnreadableFile, UsageError, MissingEncoder.
        """
        return self.segment_many([image], [prompt], threshold=threshold)[0]

    def segment_many(
        self, pictures: Sequence[Any], prompts: Sequence[str], *, threshold: float | None = None
    ) -> list[Result]:
        """The same for several pairs, in batches: one result a pair, in their order. `pictures` may be a tensor (batch, channel, height, width)."""
        if isinstance(prompts, str) or isinstance(pictures, (str, Path)):
            raise UsageError(
                "one of them, where several are asked for",
                where="segment_many",
                allowed="a list of images and a list of prompts",
                remedy="call segment for a single pair",
            )
        if len(pictures) != len(prompts):
            raise UsageError(
                f"{len(pictures)} images and {len(prompts)} prompts",
                allowed="one prompt an image",
                remedy="repeat the image for more prompts",
            )
        if said := [prompt for prompt in prompts if not isinstance(prompt, str)]:
            raise UsageError(
                f"a prompt is {said[0]!r}", allowed="a string", remedy='say "" for no words'
            )
        if threshold is not None and not (
            isinstance(threshold, (int, float)) and 0 < threshold < 1
        ):
            raise UsageError(
                f"threshold is {threshold!r}", allowed="it lies between 0 and 1, on the probability"
            )
        originals = [self._read(picture) for picture in pictures]
        cleaned = [clean(prompt) for prompt in prompts]
        self.embed(cleaned)
        results: list[Result] = []
        size = self.config.evaluate.batch_size
        for start in range(0, len(originals), size):
            part = slice(start, start + size)
            results += self._segment(
                originals[part], cleaned[part], threshold or self.config.evaluate.threshold
            )
        return results

    def embed(self, prompts: Sequence[str]) -> None:
        """Encode the prompts that were not met before, all at once; UsageError for one of more than 10,000 characters."""
        self._vectors(prompts)

    def embeddings(self, prompts: Sequence[str]) -> Tensor:
        """float32 (prompt, embedding), of tokens (prompt, token, embedding); zeros for an image-only model."""
        vectors = self._vectors(prompts)
        if not self.hears_words:
            return torch.zeros(len(prompts), 1)
        return pad_sequence([vectors[prompt] for prompt in prompts], batch_first=True)

    def _vectors(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Of each distinct prompt. A service is asked for months: once they are many, those before this call are forgotten, and read from the disk anew."""
        refuse_endless(prompts)
        wanted = set(prompts) if self.hears_words else set()
        known = self._embeddings
        found = {prompt: known[prompt] for prompt in wanted & known.keys()}
        if new := sorted(wanted - found.keys()):
            found.update(zip(new, torch.from_numpy(self._cache.get(new))))
            self._embeddings = found | (known if len(known) + len(new) <= REMEMBERED else {})
        return found

    @property
    def encoder(self) -> Encoder:
        """The text encoder that the model was trained with. Raises BadCheckpoint where another one is installed."""
        if self._encoder is None:
            self._encoder = open_encoder(self.config.text)
            checkpoint.same_encoder(self.state.get("encoder"), self._encoder, self.folder)
        return self._encoder

    @cached_property
    def _cache(self) -> EmbeddingCache:
        return EmbeddingCache(self.encoder, tokens=reads_tokens_of(self.config))

    @property
    def learned_from(self) -> dict[str, Any] | None:
        """What its expected Dice was learned from: n (cases), split; None for a model that was not calibrated."""
        return (
            None
            if self._kept is None
            else {"n": self._kept.expectation.n, "split": self._kept.split}
        )

    @cached_property
    def _kept(self) -> expected.Kept | None:
        return expected.read(self.folder, self.state)

    @torch.inference_mode()
    def _segment(
        self, originals: list[np.ndarray], prompts: list[str], threshold: float
    ) -> list[Result]:
        size, channels = self.config.data.size, self.config.data.channels
        resized = np.stack(
            [images.resize_image(image, (size, size)) for image in originals]
        ).transpose(0, 3, 1, 2)
        image = torch.from_numpy(resized).float() / 255
        embedding = self.embeddings(prompts)
        found, pseudo_image = self._answer(image, embedding)
        far = self.model.prompt_distance(embedding).tolist()
        expectation = (
            None
            if self._kept is None
            else self._kept.at(threshold, mirror=self.config.evaluate.mirror)
        )
        results = []
        for i, (original, prompt) in enumerate(zip(originals, prompts)):
            height, width = original.shape[:2]
            probability = _to_frame(found[i : i + 1], height, width)[..., 0]
            shown = (
                None
                if pseudo_image is None
                else _to_frame(
                    pseudo_image[i : i + 1].expand(-1, 3 if channels == 1 else -1, -1, -1),
                    height,
                    width,
                )
            )
            results.append(
                Result(
                    original,
                    prompt,
                    probability,
                    probability > threshold,
                    shown,
                    far[i],
                    expectation,
                )
            )
        return results

    def _answer(self, image: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor | None]:
        """Probability (batch, 1, size, size) and pseudo-image."""
        if self.config.evaluate.mirror:
            return mirrored(self.model, image, embedding)
        segmentation = self.model(image, embedding)
        return segmentation.logits.sigmoid(), segmentation.pseudo_image

    def _read(self, picture: Any) -> np.ndarray:
        return as_image(picture, self.config.data.channels)

    def __repr__(self) -> str:
        words = "hears words" if self.hears_words else "image only"
        return f"Segmenter({str(self.folder)!r}, {self.config.network.name}, {self.config.data.size} px, {words})"


def load(folder: str | Path, *, mirror: bool | None = None) -> Segmenter:
    """Open a run directory (its best checkpoint), a model's folder, or a model by its name ("polyp").

    `mirror`: average each answer over four mirrorings, words and all, in four times the time; default: the configuration's `evaluate.mirror`.
    Raises MissingFile, BadCheckpoint, UsageError where the words do not turn with the images.
    """
    return Segmenter(Path(folder), mirror=mirror)


def _to_frame(picture: Tensor, height: int, width: int) -> np.ndarray:
    """(1, channel, size, size) → float32 (height, width, channel): back on the original grid."""
    resized = torch.nn.functional.interpolate(
        picture.float(), (height, width), mode="bilinear", align_corners=False
    )
    return resized[0].permute(1, 2, 0).contiguous().numpy()


def _grey(probability: np.ndarray) -> np.ndarray:
    return (probability * 255).round().astype(np.uint8)[..., None]
