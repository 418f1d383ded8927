"""The naive way to train, as a user would write it: the text encoder works in every step, files are
decoded and resized in every epoch by two workers, float32, Kornia's own augmentation, AdamW.

Model, loss and first weights are ours, so that nothing but the way differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import kornia.augmentation as K
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from saywhere.bench.clock import Clock
from saywhere.config import Config
from saywhere.data.manifest_row import Row
from saywhere.fusion.stack import fuse
from saywhere.losses import ReferringLoss
from saywhere.modeling.build import build_model
from saywhere.modeling.referring import ReferringSegmenter
from saywhere.text.bert import BertEncoder, pool
from saywhere.text.encoder import Encoder
from saywhere.training.setup import Material
from saywhere.types import Segmentation

WORKERS = 2


class Files(Dataset[tuple[Tensor, Tensor, str]]):
    """Image, mask and sentence of each row, read from its files each time."""

    def __init__(self, rows: Sequence[Row], level: str, size: int, channels: int) -> None:
        """Hold the paths.

        Args:
            rows: of a manifest, each with a mask.
            level: of the prompts; a row's first sentence is taken.
            size: side of the square that images are resized to.
            channels: 1 or 3.
        """
        self.places = [(row.image, row.mask, row.prompts[level][0]) for row in rows]
        self.size = (size, size)
        self.channels = channels

    def __len__(self) -> int:
        """How many rows."""
        return len(self.places)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, str]:
        """(channel, size, size) in [0, 1], (1, size, size) of 0 and 1, the sentence."""
        image, mask, prompt = self.places[number]
        assert mask is not None
        pixels = read_image(image, self.size, self.channels)
        grey = Image.open(mask).convert("L").resize(self.size, Image.Resampling.NEAREST)
        marked = np.asarray(grey)
        return pixels, torch.from_numpy(marked > 0).float()[None], prompt


def read_image(path: Path, size: tuple[int, int], channels: int) -> Tensor:
    """Open and resize a picture as most tutorials do: (channel, height, width), [0, 1]."""
    opened = Image.open(path).convert("RGB" if channels == 3 else "L")
    pixels = np.array(opened.resize(size, Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.reshape(*size, channels)).permute(2, 0, 1).float().div(255)


def encoding(encoder: Encoder, device: torch.device) -> Callable[[Sequence[str]], Tensor]:
    """What encodes sentences on a device, each time anew.

    Args:
        encoder: its network is moved to the device.
        device: where it computes.

    Returns:
        Sentences → (batch, embedding).
    """
    if not isinstance(encoder, BertEncoder):  # one of the controls, which have no network
        return lambda prompts: torch.from_numpy(encoder.embed(prompts)).to(device)
    trunk = encoder.trunk.to(device)

    @torch.no_grad()
    def encode(prompts: Sequence[str]) -> Tensor:
        tokens = {name: rows.to(device) for name, rows in encoder.tokens(prompts).items()}
        states = trunk(tokens["input_ids"], tokens["attention_mask"])
        return pool(states, tokens["attention_mask"], encoder.pooling)

    return encode


class NaiveTraining:
    """A model with all that its steps need."""

    def __init__(
        self, config: Config, material: Material, device: torch.device, clock: Clock
    ) -> None:
        """Build the model and start the workers with the first step.

        Args:
            config: network, size and batch are read.
            material: its rows and scale; its decoded images and embeddings are left alone.
            device: where it computes.
            clock: times the phases.
        """
        model = build_model(config, material.scale, material.table.embeddings)
        assert isinstance(model, ReferringSegmenter)
        assert material.encoder is not None
        self.model = model.to(device).train()
        self.device, self.clock = device, clock
        self.encode = encoding(material.encoder, device)
        self.loss = ReferringLoss(config.loss)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.augment = K.AugmentationSequential(
            K.RandomHorizontalFlip(0.5),
            K.RandomVerticalFlip(0.5),
            K.RandomAffine(90.0, (0.125, 0.125), (0.5, 1.5), p=0.5),
            data_keys=["input", "mask"],
        )
        level = config.training_levels[0]
        files = Files(material.training.rows, level, config.data.size, config.data.channels)
        self.loader = DataLoader(
            files,
            config.train.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=WORKERS,
            # Kinder than what most write: the workers are started once.
            persistent_workers=True,
            pin_memory=device.type == "cuda",
        )
        self._batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Tensor, Sequence[str]]]:
        while True:
            yield from self.loader

    def step(self) -> None:
        """Take one step."""
        with self.clock.phase("decode"):
            image, mask, prompts = next(self._batches)
            image, mask = image.to(self.device), mask.to(self.device)
        with self.clock.phase("encode"):
            embedding = self.encode(prompts)
        pseudo_image = self.model.generate(embedding)
        with self.clock.phase("augment"):
            stack, target = self.augment(fuse(image, pseudo_image), mask)
        logits = self.model.network(self.model.normalize(stack))
        value = self.loss(Segmentation(logits, pseudo_image), target.round(), image, mask)
        self.optimizer.zero_grad()
        value.total.backward()
        self.optimizer.step()
