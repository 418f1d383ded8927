"""A manifest's cases as a torch Dataset, for any training loop: image, mask, prompt, id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from saywhere import seeds
from saywhere.data.checks import CheckReport, check, within_budget
from saywhere.data.decoded_cache import Store, open_store
from saywhere.data.manifest import Row, read_manifest
from saywhere.data.prompt_table import texts_of
from saywhere.errors import UsageError, nearest
from saywhere.io import images
from saywhere.io.overlay import overlay, panel
from saywhere.io.paths import cache_folder

N_SHOWN = 4


class Case(TypedDict):
    """One case, as `Dataset` gives it where there is no `transform`."""

    image: Tensor
    """float32 (channel, height, width), [0, 1]"""
    mask: Tensor
    """float32 (1, height, width), 0 or 1; empty where the row has no mask"""
    prompt: str
    id: str


class Dataset(torch.utils.data.Dataset[Any]):
    """The cases of one split of a manifest: `dataset[i]` is a dictionary, and `torch.utils.data.DataLoader` makes batches of it.

    | key | of one case | of a batch |
    |---|---|---|
    | image | float32 (channel, size, size), [0, 1] | (batch, channel, size, size) |
    | mask | float32 (1, size, size), 0 or 1; nearest pixel, no half-lesions | (batch, 1, size, size) |
    | prompt | str; of a case's several wordings one, drawn by (seed, epoch, i): see `set_epoch` | list of str |
    | id | str, the manifest's | list of str |

    Frame: the whole image, resized to a square, never turned. Images are decoded once, into the cache folder, and are read from there by every process.
    Faulty rows, and lines that are no row, are set aside, see `report`.

    Args:
        manifest: its path, or the folder that it is in.
        split: one of the manifest's.
        prompts: the level (a key of the rows' `prompts`; a `prompt` column is the level "prompt") or levels that words are drawn from; () for no words.
        size: height and width in pixels. channels: 1 (grey) or 3.
        transform: called with each case's dictionary; what it returns is given instead (MONAI's Compose, for instance).
        seed: of the wordings. fault_budget: the share of faulty rows that is set aside before it is an error, in [0, 1].
    Raises: MissingFile, ManifestError, UsageError, TooManyFaults, and NotWritable for the cache.
    """

    def __init__(
        self,
        manifest: str | Path,
        split: str = "train",
        *,
        prompts: str | Sequence[str] = "prompt",
        size: int = 224,
        channels: int = 3,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        seed: int = 0,
        fault_budget: float = 0.05,
    ) -> None:
        _check_kinds(manifest, size, channels, transform)
        everything = read_manifest(Path(manifest), lenient=True)
        if split not in everything.splits:
            raise UsageError(
                f"no rows of split {split!r}",
                where=everything.path,
                remedy=nearest(str(split), everything.splits),
            )
        self.levels = (prompts,) if isinstance(prompts, str) else tuple(prompts)
        self.path, self.split, self.size, self.channels, self.transform, self.seed, self.epoch = (
            everything.path,
            split,
            size,
            channels,
            transform,
            seed,
            0,
        )
        self.report: CheckReport = within_budget(
            check(everything, list(self.levels)), everything.n_lines, fault_budget
        )
        """what was set aside of all splits, and why"""
        self.rows: list[Row] = self.report.manifest.split(split)
        self.sentences: list[tuple[str, ...]] = [
            tuple(text for level in self.levels for text in texts_of(row, level, "prompts"))
            or ("",)
            for row in self.rows
        ]
        """every wording that a case can be given, a tuple a case: what `saywhere.fusion.EarlyFusion.fit` takes"""

    def set_epoch(self, epoch: int) -> None:
        """Draw the wordings anew; call it before each epoch (of a DataLoader with persistent workers it reaches none: they have copies)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        index = range(len(self.rows))[
            index
        ]  # counts from the end too, and an IndexError ends an iteration
        case: Case = {
            "image": self._image(index),
            "mask": self._store.masks[index].float(),
            "prompt": self._wording(index),
            "id": self.rows[index].id,
        }
        return case if self.transform is None else self.transform(dict(case))

    def __repr__(self) -> str:
        n_images, n_wordings = (
            len({row.image for row in self.rows}),
            len({text for texts in self.sentences for text in texts}),
        )
        words = (
            f"prompts {', '.join(self.levels)}: {n_wordings:,} wordings"
            if self.levels
            else "no words"
        )
        return f"Dataset({str(self.path)!r}, {self.split!r}: {len(self.rows):,} cases of {n_images:,} images, {self.size} px, {words})"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the first cases, each mask on its image, with its words."""
        shown = range(min(N_SHOWN, len(self.rows)))
        pictures = [self._image(i).mul(255).byte().permute(1, 2, 0).numpy() for i in shown]
        drawn = [
            overlay(picture, self._store.masks[i, 0].numpy() > 0)
            for i, picture in zip(shown, pictures)
        ]
        enlarged = [images.resize_image(picture, (max(160, self.size),) * 2) for picture in drawn]
        return images.png_bytes(
            panel(enlarged, [self._wording(i) or self.rows[i].id for i in shown], repr(self))
        )

    @cached_property
    def _store(self) -> Store:
        return open_store(self.rows, self.size, self.channels, cache_folder() / "stores")

    def __getstate__(self) -> dict[str, Any]:
        """Without the pictures: a worker process opens the same files, and copies none."""
        return {name: value for name, value in self.__dict__.items() if name != "_store"}

    def _image(self, index: int) -> Tensor:
        return self._store.images[int(self._store.image_of_row[index])].float() / 255

    def _wording(self, index: int) -> str:
        texts = self.sentences[index]
        return (
            texts[
                int(seeds.generator(self.seed, "wording", self.epoch, index).integers(len(texts)))
            ]
            if len(texts) > 1
            else texts[0]
        )


def _check_kinds(manifest: Any, size: Any, channels: Any, transform: Any) -> None:
    """Raises UsageError for what is no path, no size, no number of channels, no function."""
    if not isinstance(manifest, (str, PathLike)):
        raise UsageError(f"a manifest is a {type(manifest).__name__}", where="Dataset", allowed="the path of a manifest or of the folder that it is in",
                         remedy="write one case a line into manifest.jsonl")  # fmt: skip
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise UsageError(
            f"size is {size!r}",
            where="Dataset",
            allowed="a whole number of pixels, of both sides",
            remedy="try 224, or 64 for phantoms",
        )
    if channels not in (1, 3):
        raise UsageError(
            f"channels is {channels!r}",
            where="Dataset",
            allowed="1 (grey) or 3 (colour)",
            remedy="choose one of them",
        )
    if transform is not None and not callable(transform):
        raise UsageError(f"transform is a {type(transform).__name__}", where="Dataset", allowed="a function of a case's dictionary",
                         remedy="compose several: monai.transforms.Compose([...])")  # fmt: skip
