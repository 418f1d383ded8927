"""A trained model: load it once, segment many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.inference.arguments import check_pairs, check_threshold, only_volume
from saywhere.inference.finite import refuse_not_finite
from saywhere.inference.loaded_model import LoadedModel
from saywhere.inference.prepared import Prepared, prepare
from saywhere.inference.reading import Reading, read
from saywhere.inference.result import Result
from saywhere.inference.runtimes.runtime import Scores, sentence_vectors
from saywhere.io.geometry import Geometry
from saywhere.io.source_reader import pictures_of
from saywhere.text.frames import NOT_STATED
from saywhere.text.prompts import clean

STRANGE = (
    "the picture is unlike those that the model was trained on: check the mask; no Dice is expected"
)
"""The warning of a picture that is none of the training's kind."""
NOT_THERE = (
    "nothing named so was found (presence {presence:.2f}): the mask was emptied; the probabilities "
    "are as they were"
)
"""The warning of a mask that was emptied since its presence is low."""


class Segmenter(LoadedModel):
    """A trained model with its text encoder: `segment(image, "prompt")`."""

    def segment(
        self,
        image: Any,
        prompt: str = "",
        *,
        threshold: float | None = None,
        orientation: str | None = None,
        pseudo_images: bool = True,
    ) -> Result:
        """Segment what the prompt names.

        Args:
            image: A path (of DICOM and NIfTI, too; `segment_volume` takes volumes), a PIL image,
                an array (height, width[, channel]), a tensor, also (channel, height, width), or
                what `prepare` gave. uint8 is taken as it is; more bits and floats are read
                as a file of the same values is, by the model's `data.grey`.
            prompt: Plain words; blank means "no words".
            threshold: On the probability, (0, 1); default: the configuration's.
            orientation: How the picture lies in the patient, as DICOM writes it: `L\\F` for a
                standard chest film, `R\\F` for a mirrored one. Only a prompt that names the other
                frame than the model's needs it; None: as the picture's file says.
            pseudo_images: As `segment_many` takes it.

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
            [image],
            [prompt],
            threshold=threshold,
            orientations=[orientation],
            pseudo_images=pseudo_images,
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
        prepared = [self.prepare(picture) for picture in pictures]
        stated = orientations or [None] * len(prompts)
        readings = [
            self.read(prompt, orientation, picture.geometry)
            for prompt, orientation, picture in zip(prompts, stated, prepared)
        ]
        # All at once: one pass of the encoder for the call, and not one for each batch.
        self.embed([reading.read_as for reading in readings])
        results: list[Result] = []
        size = self.batch_size
        for start in range(0, len(prepared), size):
            part = slice(start, start + size)
            scores = self.scores(prepared[part], readings[part])
            results += [
                self.result(picture, reading, scores, number, threshold, pseudo_images)
                for number, (picture, reading) in enumerate(zip(prepared[part], readings[part]))
            ]
        return results

    def prepare(self, image: Any) -> Prepared:
        """Decode and resize a picture once, for any number of prompts.

        Args:
            image: As `segment` takes it.

        Returns:
            What `segment` and `segment_many` take in the image's place.

        Raises:
            UnreadableFile: As `segment`.
            UsageError: As `segment`.
        """
        return prepare(image, self.config.data)

    def scores(self, pictures: Sequence[Prepared], readings: Sequence[Reading]) -> Scores:
        """Run the network on one batch.

        Args:
            pictures: What `prepare` gave.
            readings: One per picture, as `read` gives them.

        Returns:
            The scores, at the network's size.

        Raises:
            NotFiniteAnswer: As `segment`.
            MissingEncoder: As `segment`.
        """
        embedding = self.vectors.table([reading.read_as for reading in readings])
        squares = np.stack([picture.square for picture in pictures])
        mirror = self.config.evaluate.mirror
        scores = self.runtime.scores(squares, embedding, mirror=mirror)
        refuse_not_finite(
            self.folder,
            scores.probability,
            scores.pseudo_image,
            scores.unfamiliarity,
            scores.features,
            scores.presence,
        )
        return replace(scores, words=sentence_vectors(embedding))

    def result(
        self,
        picture: Prepared,
        reading: Reading,
        scores: Scores,
        number: int,
        threshold: float | None = None,
        pseudo_images: bool = True,
    ) -> Result:
        """Bring one answer of a batch to the original image's size. Threads may call it at once.

        Args:
            picture: What `prepare` gave.
            reading: Of its prompt.
            scores: Of the batch.
            number: Of the picture in the batch, from 0.
            threshold: On the probability, (0, 1); default: the configuration's.
            pseudo_images: As `segment_many`.

        Returns:
            The result, in the original frame.
        """
        one = scores.of(number)
        in_frame = picture.in_frame(one.probability, self.runtime)[..., 0]
        shown = None
        if one.pseudo_image is not None and pseudo_images:
            shown = picture.in_frame(one.pseudo_image, self.runtime)
        # 0 is none: `check_threshold` has refused it.
        chosen = threshold or self.config.evaluate.threshold
        calibrated = self.calibrated
        mirror = self.config.evaluate.mirror
        far = self._picture_unfamiliarity(one)
        is_there = self._presence(one)
        is_emptied = is_there is not None and is_there < self.presence_rule.threshold
        # After resizing: a mask cut at the network's size would have its coarse steps.
        mask = in_frame > chosen
        remarks = [STRANGE] if (far or 0) > 1 else []
        if is_emptied and is_there is not None:
            remarks.append(NOT_THERE.format(presence=is_there))
        return Result(
            picture.pixels,
            reading.prompt,
            in_frame,
            np.zeros_like(mask) if is_emptied else mask,
            shown,
            float(one.unfamiliarity[0]),
            None if calibrated is None else calibrated.at(chosen, mirror=mirror),
            picture.geometry,
            read_as=reading.translated,
            frame=self.prompt_facts.frame if self.hears_words else NOT_STATED,
            warnings=(*reading.warnings, *remarks),
            picture_unfamiliarity=far,
            judged_presence=is_there,
            features=None if one.features is None else one.features[0],
            described=None if one.described is None else one.described[0],
        )

    def _presence(self, one: Scores) -> float | None:
        logit = self.presence_rule.logit(one.presence, one.described)
        return None if logit is None else float(self.presence_rule.of(logit[0]))

    def _picture_unfamiliarity(self, one: Scores) -> float | None:
        known = self.known_pictures
        if known is None or one.features is None or one.features.shape[1] != known.n_features:
            return None
        return float(known.unfamiliarity(one.features)[0])

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
        # It answers every prompt alike: no side can be the wrong one.
        if not self.hears_words:
            return Reading(cleaned, cleaned)
        return read(cleaned, self.prompt_facts, orientation, geometry)


def load(
    folder: str | Path,
    *,
    mirror: bool | None = None,
    device: str = "auto",
    runtime: str = "torch",
) -> Segmenter:
    """Open a model.

    Args:
        folder: A run directory (its best checkpoint is taken), a model's folder, or a model's
            name, such as "polyp".
        mirror: Average each answer over four mirrorings of image and prompt, in four times the
            time; default: the configuration's `evaluate.mirror`.
        device: Where PyTorch computes: "cpu", "cuda", "cuda:1", "mps", or "auto" for a GPU where
            there is one.
        runtime: What computes: "torch" (float32), "torch-bfloat16", "onnx" (ONNX Runtime on the
            CPU, of files that `saywhere export` made), or "auto" for the fastest one here that
            keeps the answer, see docs/how-to/speed.md.

    Returns:
        The model, ready to segment.

    Raises:
        MissingFile: Where there are no weights, or no ONNX files of the model.
        MissingExtra: Where the runtime's packages are not installed.
        BadCheckpoint: For damaged weights.
        UsageError: For mirroring, where the prompt cannot be mirrored with the image, and for a
            device or a runtime that is not here.
    """
    return Segmenter(Path(folder), mirror=mirror, device=device, runtime=runtime)
