"""A trained model: load it once, segment many times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from saywhere.inference.arguments import check_pairs, check_threshold, only_volume
from saywhere.inference.finite import refuse_not_finite
from saywhere.inference.identity import model_digest
from saywhere.inference.original_frame import coloured, to_frame, to_network
from saywhere.inference.reading import Reading, read
from saywhere.inference.result import Result
from saywhere.inference.test_time_augmentation import mirrored, refuse_mirrors
from saywhere.io.framing import Framing
from saywhere.io.geometry import Geometry
from saywhere.io.inputs import as_located
from saywhere.io.sources import pictures_of
from saywhere.modeling.build import reads_tokens_of
from saywhere.runs import calibration_file, checkpoint, locate, prompt_facts_file
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.frames import NOT_STATED
from saywhere.text.prompt_facts import PromptFacts
from saywhere.text.prompts import clean, refuse_endless

REMEMBERED = 10_000
"""Prompts whose embeddings stay in memory."""


class Segmenter:
    """A trained model with its text encoder: `segment(image, "prompt")`.

    Attributes:
        folder: The run directory or model's folder that was found.
        config: The resolved configuration that it was trained with.
        state: What the checkpoint says of itself: epoch, step, encoder …
        model: The network, in eval mode.
    """

    def __init__(self, folder: Path, *, mirror: bool | None = None) -> None:
        """Load a model.

        Args:
            folder: A run directory, a model's folder, or a model's name.
            mirror: See `load`.

        Raises:
            MissingFile: Where there are no weights.
            BadCheckpoint: For damaged weights.
            UsageError: For mirroring, where the prompt cannot be mirrored with the image.
        """
        self.folder = locate.find(folder)
        saved = checkpoint.load(self.folder)
        self.config = saved.config
        self.state = saved.state
        self.model = checkpoint.build_from(saved, self.folder)
        if self.config.train.channels_last:
            # As it was trained: batches are faster so on a processor, and the numbers differ by
            # rounding alone.
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if mirror is not None:
            self.config = self.config.replace(**{"evaluate.mirror": mirror})
        if self.config.evaluate.mirror:
            refuse_mirrors(self.model)
        # Opened with the first prompt: an image-only model never needs it.
        self._encoder: Encoder | None = None
        self._embeddings: dict[str, Tensor] = {}

    @cached_property
    def digest(self) -> str:
        """Identify the model.

        Returns:
            sha256 of all that an answer comes from: configuration, encoder, weights, and what
            `calibrate` learned.
        """
        encoder = self.state.get("encoder")
        return model_digest(self.config, encoder, self._calibrated, self.model.state_dict())

    @property
    def hears_words(self) -> bool:
        """False for an image-only model, which answers every prompt alike."""
        return self.model.uses_text

    @cached_property
    def prompt_facts(self) -> PromptFacts:
        """Whose left and right, which script and which language the model was taught."""
        return prompt_facts_file.read(self.folder, self.state)

    def segment(
        self,
        image: Any,
        prompt: str = "",
        *,
        threshold: float | None = None,
        orientation: str | None = None,
    ) -> Result:
        """Segment what the prompt names.

        Args:
            image: A path (of DICOM and NIfTI, too; `segment_volume` takes volumes), a PIL image,
                an array (height, width[, channel]) or a tensor, also
                (channel, height, width). uint8 is taken as it is; more bits and floats are read
                as a file of the same values is, by the model's `data.grey`.
            prompt: Plain words; blank means "no words".
            threshold: On the probability, (0, 1); default: the configuration's.
            orientation: How the picture lies in the patient, as DICOM writes it: `L\\F` for a
                standard chest film, `R\\F` for a mirrored one. Only a prompt that names the other
                frame than the model's needs it; None: as the picture's file says.

        Returns:
            Mask, probability and pseudo-image, in the image's original frame.

        Raises:
            UnreadableFile: For a file that is no image.
            UsageError: For an array that is no image, a prompt that is no text, or a threshold
                or an orientation that is none.
            UnknownSide: For a prompt that names the other frame's left or right, where the
                picture's orientation is not known.
            NotFiniteAnswer: For a model whose weights make NaN or infinity of this image.
            MissingEncoder: Where the text encoder's files are not installed.
        """
        results = self.segment_many(
            [image], [prompt], threshold=threshold, orientations=[orientation]
        )
        return results[0]

    def segment_volume(
        self,
        path: str | Path,
        prompt: str = "",
        *,
        threshold: float | None = None,
        orientation: str | None = None,
    ) -> list[Result]:
        """Segment what the prompt names in every slice of a volume.

        The model sees one slice at a time, and knows nothing of its neighbours.

        Args:
            path: A multi-frame DICOM or a NIfTI file, or a folder or zip archive of one series.
            prompt: Plain words, the same for all slices; blank means "no words".
            threshold: On the probability, (0, 1); default: the configuration's.
            orientation: As `segment` takes it; default: as the files say.

        Returns:
            One result per slice, in the order of their places; `result.geometry` says where.

        Raises:
            MissingFile: There is no such file or folder.
            MissingExtra: The libraries of DICOM or NIfTI are not installed.
            UnreadableFile: For a file that cannot be read.
            UsageError: For a folder of several series or pictures, and as `segment`.
            MissingEncoder: Where the text encoder's files are not installed.
        """
        data = self.config.data
        return [
            self.segment(picture, prompt, threshold=threshold, orientation=orientation)
            for picture in pictures_of(only_volume(Path(path)), data.channels, data.grey)
        ]

    def segment_many(
        self,
        pictures: Sequence[Any],
        prompts: Sequence[str],
        *,
        threshold: float | None = None,
        orientations: Sequence[str | None] | None = None,
        pseudo_images: bool = True,
    ) -> list[Result]:
        """Segment several pairs of image and prompt, in batches.

        Args:
            pictures: Images as `segment` takes them; also a tensor (batch, channel, height,
                width).
            prompts: One per image.
            threshold: On the probability, (0, 1); default: the configuration's.
            orientations: One per image, as `segment` takes it; None: as the files say.
            pseudo_images: Bring the pseudo-images to the originals' sizes? They take 12 of the 20
                bytes per pixel of a result.

        Returns:
            One result per pair, in their order.

        Raises:
            UsageError: For lists of different length, and as `segment`.
            UnknownSide: As `segment`.
            UnreadableFile: As `segment`.
            NotFiniteAnswer: As `segment`.
            MissingEncoder: As `segment`.
        """
        check_pairs(pictures, prompts)
        check_threshold(threshold)
        data = self.config.data
        located = [as_located(picture, data.channels, data.grey) for picture in pictures]
        stated = orientations or [None] * len(prompts)
        readings = [
            self.read(prompt, orientation, geometry)
            for prompt, orientation, (_, geometry) in zip(prompts, stated, located)
        ]
        self.embed([reading.read_as for reading in readings])
        results: list[Result] = []
        size = self.config.evaluate.batch_size
        # `or`: a threshold of 0 was refused above.
        chosen = threshold or self.config.evaluate.threshold
        for start in range(0, len(located), size):
            part = slice(start, start + size)
            results += self._segment(located[part], readings[part], chosen, pseudo_images)
        return results

    def read(
        self, prompt: str, orientation: str | None = None, geometry: Geometry | None = None
    ) -> Reading:
        """Read a prompt as the model does, for one picture.

        Args:
            prompt: Plain words.
            orientation: The user's statement, as `segment` takes it.
            geometry: Of the picture, where its file says where it lies.

        Returns:
            The prompt in the model's frame, with warnings.

        Raises:
            UnknownSide: As `segment`.
            UsageError: For an orientation that is none.
        """
        cleaned = clean(prompt)
        if not self.hears_words:
            return Reading(cleaned, cleaned)
        return read(cleaned, self.prompt_facts, orientation, geometry)

    def embed(self, prompts: Sequence[str]) -> None:
        """Encode the prompts that were not met before, all at once.

        Args:
            prompts: Cleaned texts.

        Raises:
            UsageError: For a prompt of more than 10,000 characters.
        """
        self._vectors(prompts)

    def embeddings(self, prompts: Sequence[str]) -> Tensor:
        """The text encoder's output.

        Args:
            prompts: Cleaned texts.

        Returns:
            float32 (prompt, embedding); of a model that reads tokens (prompt, token, embedding).
            Zeros for an image-only model.

        Raises:
            UsageError: For a prompt of more than 10,000 characters.
        """
        vectors = self._vectors(prompts)
        if not self.hears_words:
            # It is not looked at, but models take one row per image.
            return torch.zeros(len(prompts), 1)
        return pad_sequence([vectors[prompt] for prompt in prompts], batch_first=True)

    def _vectors(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Of each distinct prompt.

        A service runs for months. Once many prompts are remembered, those from before this call
        are forgotten, and read from the disk when they come again.
        """
        refuse_endless(prompts)
        wanted = set(prompts) if self.hears_words else set()
        known = self._embeddings
        vectors = {prompt: known[prompt] for prompt in wanted & known.keys()}
        # A set of strings has another order in each process.
        new = sorted(wanted - vectors.keys())
        if new:
            vectors.update(zip(new, torch.from_numpy(self._cache.get(new))))
            is_few = len(known) + len(new) <= REMEMBERED
            self._embeddings = vectors | (known if is_few else {})
        return vectors

    @property
    def encoder(self) -> Encoder:
        """The text encoder that the model was trained with.

        Raises:
            MissingEncoder: Where its files are not installed.
            BadCheckpoint: Where another one is installed.
        """
        if self._encoder is None:
            self._encoder = open_encoder(self.config.text)
            checkpoint.same_encoder(self.state.get("encoder"), self._encoder, self.folder)
        return self._encoder

    @cached_property
    def _cache(self) -> EmbeddingCache:
        tokens = reads_tokens_of(self.config)
        # Where the home folder can only be read, an answer is worth more than a cache.
        return EmbeddingCache(self.encoder, tokens=tokens, is_optional=True)

    @property
    def learned_from(self) -> dict[str, int | str] | None:
        """What its expected Dice was learned from: {"n": cases, "split": name}.

        None for a model that was not calibrated.
        """
        if self._calibrated is None:
            return None
        return {"n": self._calibrated.expectation.n, "split": self._calibrated.split}

    @cached_property
    def _calibrated(self) -> calibration_file.Calibration | None:
        return calibration_file.read(self.folder, self.state)

    @torch.inference_mode()
    def _segment(
        self,
        located: list[tuple[np.ndarray, Geometry | None]],
        readings: list[Reading],
        threshold: float,
        shows: bool,
    ) -> list[Result]:
        embedding = self.embeddings([reading.read_as for reading in readings])
        originals = [pixels for pixels, _ in located]
        probability, pseudo_image = self._forward(to_network(originals, self._framing), embedding)
        unfamiliarity = self.model.prompt_distance(embedding).tolist()
        refuse_not_finite(self.folder, probability, pseudo_image, torch.tensor(unfamiliarity))
        mirror = self.config.evaluate.mirror
        calibrated = self._calibrated
        expectation = None if calibrated is None else calibrated.at(threshold, mirror=mirror)
        results = []
        for i, ((original, geometry), reading) in enumerate(zip(located, readings)):
            height, width = original.shape[:2]
            # One at a time, since the originals differ in size.
            box = self._framing.box(height, width)
            in_frame = to_frame(probability[i : i + 1], box, height, width)[..., 0]
            shown = None
            if pseudo_image is not None and shows:
                shown = to_frame(coloured(pseudo_image[i : i + 1]), box, height, width)
            # After resizing: a mask cut at the network's size would have its coarse steps.
            mask = in_frame > threshold
            results.append(
                Result(
                    original,
                    reading.prompt,
                    in_frame,
                    mask,
                    shown,
                    unfamiliarity[i],
                    expectation,
                    geometry,
                    read_as=reading.translated,
                    frame=self.prompt_facts.frame if self.hears_words else NOT_STATED,
                    warnings=reading.warnings,
                )
            )
        return results

    @property
    def _framing(self) -> Framing:
        return Framing.of(self.config.data)

    def _forward(self, image: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor | None]:
        """Probability (batch, 1, size, size) and pseudo-image."""
        if self.config.evaluate.mirror:
            return mirrored(self.model, image, embedding)
        segmentation = self.model(image, embedding)
        return segmentation.logits.sigmoid(), segmentation.pseudo_image

    def __repr__(self) -> str:
        reads = "hears words" if self.hears_words else "image only"
        network, size = self.config.network.name, self.config.data.size
        return f"Segmenter({str(self.folder)!r}, {network}, {size} px, {reads})"


def load(folder: str | Path, *, mirror: bool | None = None) -> Segmenter:
    """Open a model.

    Args:
        folder: A run directory (its best checkpoint is taken), a model's folder, or a model's
            name, such as "polyp".
        mirror: Average each answer over four mirrorings of image and prompt, in four times the
            time; default: the configuration's `evaluate.mirror`.

    Returns:
        The model, ready to segment.

    Raises:
        MissingFile: Where there are no weights.
        BadCheckpoint: For damaged weights.
        UsageError: For mirroring, where the prompt cannot be mirrored with the image.
    """
    return Segmenter(Path(folder), mirror=mirror)
