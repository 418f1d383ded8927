"""A loaded model, and what it knows of itself: its words, its device, its digest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saywhere.inference.identity import model_digest
from saywhere.inference.prompt_vectors import PromptVectors
from saywhere.inference.runtimes.choice import open_runtime, pytorch_of
from saywhere.inference.runtimes.runtime import HALF
from saywhere.metrics.picture_domain import KnownPictures
from saywhere.metrics.presence import PresenceRule
from saywhere.runs import (
    calibration_file,
    locate,
    picture_file,
    presence_file,
    prompt_facts_file,
)
from saywhere.text.encoder import Encoder
from saywhere.text.prompt_facts import PromptFacts

if TYPE_CHECKING:
    # PyTorch is loaded by the runtime that needs it.
    from torch import Tensor

    from saywhere.modeling.model import Model


class LoadedModel:
    """A model with its text encoder, ready to compute.

    Attributes:
        folder: The run directory or model's folder that was found.
        runtime: What computes the answers.
        config: The resolved configuration that it was trained with.
        state: What the checkpoint says of itself: epoch, step, encoder …
        vectors: What it reads of prompts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mirror: bool | None = None,
        device: str = "auto",
        runtime: str = "torch",
    ) -> None:
        """Load a model.

        Args:
            folder: A run directory, a model's folder, or a model's name.
            mirror: As `load` takes it, and so the others.
            device: Where PyTorch computes.
            runtime: What computes.

        Raises:
            UsageError: As `load`; MissingFile, MissingExtra and BadCheckpoint are such errors.
        """
        self.folder = locate.find(folder)
        self.runtime = open_runtime(self.folder, runtime, device, mirror=mirror)
        self.config = self.runtime.config
        self.state = self.runtime.state
        if mirror is not None:
            self.config = self.config.replace(**{"evaluate.mirror": mirror})
        if self.config.evaluate.mirror:
            self.runtime.refuse_mirrors()
        # Opened with the first prompt: an image-only model never needs an encoder.
        self.vectors = PromptVectors(self.runtime, self.folder)

    @property
    def model(self) -> Model:
        """The network, in evaluation mode, on its device.

        Raises:
            UsageError: Where another runtime than PyTorch was chosen.
        """
        return pytorch_of(self.runtime).model

    @property
    def device(self) -> Any:
        """The torch device that the network is on.

        Raises:
            UsageError: Where another runtime than PyTorch was chosen.
        """
        return pytorch_of(self.runtime).device

    @property
    def batch_size(self) -> int:
        """Pairs of image and prompt in one pass of the network."""
        return self.config.evaluate.batch_size

    @cached_property
    def digest(self) -> str:
        """Identify the model.

        Returns:
            sha256 of all that an answer comes from: configuration, encoder, weights, what
            `calibrate` learned, and bfloat16 where that is used.
        """
        encoder = self.state.get("encoder")
        # What torch answered, ONNX Runtime need not do again; bfloat16 rounds, and is another
        # model.
        rounding = self.runtime.name if self.runtime.name == HALF else None
        weights = self.runtime.weights()
        return model_digest(
            self.config,
            encoder,
            self.calibrated,
            weights,
            rounding,
            self.known_pictures,
            self.presence_rule,
        )

    @property
    def hears_words(self) -> bool:
        """False for an image-only model, which answers every prompt alike."""
        return self.runtime.uses_text

    @cached_property
    def prompt_facts(self) -> PromptFacts:
        """Whose left and right, which script and which language the model was taught."""
        return prompt_facts_file.read(self.folder, self.state, self.config)

    def embed(self, prompts: Sequence[str]) -> None:
        """Encode the prompts that were not met before, all at once.

        Args:
            prompts: Cleaned texts.

        Raises:
            UsageError: For a prompt of more than 10,000 characters.
        """
        self.vectors.look_up(prompts)

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
        import torch

        return torch.from_numpy(self.vectors.table(prompts))

    @property
    def encoder(self) -> Encoder:
        """The text encoder that the model was trained with.

        Raises:
            MissingEncoder: Where its files are not installed.
            BadCheckpoint: Where another one is installed.
        """
        return self.vectors.encoder

    @property
    def learned_from(self) -> dict[str, int | str] | None:
        """What its expected Dice was learned from: {"n": cases, "split": name}.

        None for a model that was not calibrated.
        """
        if self.calibrated is None:
            return None
        return {"n": self.calibrated.expectation.n, "split": self.calibrated.split}

    @cached_property
    def calibrated(self) -> calibration_file.Calibration | None:
        """What `saywhere calibrate` learned of these weights; None where it did not."""
        return calibration_file.read(self.folder, self.state)

    @cached_property
    def known_pictures(self) -> KnownPictures | None:
        """How the pictures of its training are distributed; None where `calibrate` did not learn
        it.
        """
        return picture_file.read(self.folder, self.state)

    @property
    def judges_presence(self) -> bool:
        """Has the model a head that says whether what the prompt names is there?"""
        return self.config.loss.presence > 0

    @cached_property
    def presence_rule(self) -> PresenceRule:
        """What the presence head means; without one, or uncalibrated, it empties no mask."""
        return presence_file.read(self.folder, self.state)

    def __repr__(self) -> str:
        reads = "hears words" if self.hears_words else "image only"
        network, size = self.config.network.name, self.config.data.size
        return f"Segmenter({str(self.folder)!r}, {network}, {size} px, {reads})"
