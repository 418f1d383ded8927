"""The one data set: for the training, for the evaluation, and for any loop of one's own."""

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
from saywhere.config import DataConfig
from saywhere.data.checks import CheckReport, check, within_budget
from saywhere.data.decoded_cache import Store, open_store, temporary_folder
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.rows import Rows
from saywhere.errors import NotWritable, UsageError, counted, nearest
from saywhere.io import images
from saywhere.io.framing import FITS, Fit, Framing
from saywhere.io.grey import DEFAULT, Grey, check_rule
from saywhere.io.mask_resize import MASK_RESIZES, MaskResize
from saywhere.io.overlay import overlay, panel
from saywhere.io.paths import cache_folder

N_SHOWN = 4
SHOWN_PX = 160


class Case(TypedDict):
    """One case, as `Dataset` gives it where there is no `transform`."""

    image: Tensor
    """float32 (channel, height, width), [0, 1]"""
    mask: Tensor
    """float32 (1, height, width), 0 or 1; empty where the row has no mask"""
    prompt: str
    id: str


class Dataset(torch.utils.data.Dataset[Any]):
    """The cases of one split of a manifest, for `torch.utils.data.DataLoader`.

    `dataset[i]` is a dictionary:

    | key | of one case | of a batch |
    |---|---|---|
    | image | float32 (channel, size, size), [0, 1] | (batch, channel, size, size) |
    | mask | float32 (1, size, size), 0 or 1 | (batch, 1, size, size) |
    | prompt | str; of several wordings one, drawn by (seed, epoch, i) | list of str |
    | id | str, the manifest's | list of str |

    Frame: the whole image, brought to a square by `fit`, not augmented. Images are decoded once,
    into the cache folder, and are read from there by every process. Faulty rows, and lines that are
    no row, are set aside, see `report`. `set_epoch` draws the wordings anew.

    Args:
        manifest: its path, or the folder that it is in.
        split: one of the manifest's.
        prompts: the level (a key of the rows' `prompts`; a `prompt` column is the level "prompt")
            or levels that wordings are drawn from; () for no prompts.
        size: height and width in pixels.
        channels: 1 (grey) or 3 (colour).
        grey: what black and white are where there are more than 8 bits, `percentile` or `maximum`;
            give a model's own `data.grey`.
        transform: called with each case's dictionary; what it returns is given instead (MONAI's
            Compose, for instance).
        seed: of the wordings.
        fault_budget: the share of faulty rows that is set aside before it is an error, in [0, 1].
        fit: "squash": the image fills the square; "pad": it keeps its shape, between black bars.
        mask_resize: "area": half covered is covered, and each lesion keeps at least one pixel;
            "nearest": small lesions vanish.

    Raises:
        MissingFile: there is no such manifest.
        ManifestError: the manifest is broken or has no rows.
        UsageError: an argument is of the wrong kind, or there is no such split or level.
        TooManyFaults: more rows are faulty than the budget allows.
        NotWritable: the cache folder cannot be written.
    """

    def __init__(
        self,
        manifest: str | Path,
        split: str = "train",
        *,
        prompts: str | Sequence[str] = "prompt",
        size: int = 224,
        channels: int = 3,
        grey: Grey = DEFAULT,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        seed: int = 0,
        fault_budget: float = 0.05,
        fit: Fit = "squash",
        mask_resize: MaskResize = "area",
    ) -> None:
        _check_kinds(manifest, size, channels, transform)
        check_rule(grey)
        _check_choice("fit", fit, FITS)
        _check_choice("mask_resize", mask_resize, MASK_RESIZES)
        everything = _with_split(Path(manifest), split)
        levels = (prompts,) if isinstance(prompts, str) else tuple(prompts)
        report = within_budget(check(everything, list(levels)), everything.n_lines, fault_budget)
        framing = Framing(size, fit, mask_resize)
        self._set(report, report.manifest.split(split), levels, framing, channels, grey)
        self.split = split
        self.transform = transform
        self.seed = seed

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[Row],
        *,
        size: int,
        channels: int = 3,
        decoded: Store | None = None,
        grey: Grey = DEFAULT,
        fit: Fit = "squash",
        mask_resize: MaskResize = "area",
    ) -> Dataset:
        """Make a data set of rows that were checked before; its cases have no prompts.

        Args:
            rows: in order.
            size: height and width in pixels.
            channels: 1 (grey) or 3 (colour).
            decoded: the rows' pictures, where they are at hand; None for those of the cache folder,
                decoded on first use.
            grey: what black and white are where there are more than 8 bits.
            fit: see `Dataset`.
            mask_resize: see `Dataset`.

        Returns:
            The data set.
        """
        # `__init__` would read and check a manifest, which the caller has done.
        made = cls.__new__(cls)
        rows = rows if isinstance(rows, Rows) else Rows(rows)
        unchanged = CheckReport(Manifest(Path(), rows, digest=""), [])
        made._set(unchanged, rows, (), Framing(size, fit, mask_resize), channels, grey)
        made._given = decoded
        return made

    @classmethod
    def of_config(
        cls, rows: Sequence[Row], data: DataConfig, decoded: Store | None = None
    ) -> Dataset:
        """Make a data set of rows that were checked before, as a configuration wants them.

        Args:
            rows: in order.
            data: its size, channels, fit and mask_resize are taken.
            decoded: see `of_rows`.

        Returns:
            The data set.
        """
        return cls.of_rows(
            rows,
            size=data.size,
            channels=data.channels,
            decoded=decoded,
            grey=data.grey,
            fit=data.fit,
            mask_resize=data.mask_resize,
        )

    def _set(
        self,
        report: CheckReport,
        rows: Rows,
        levels: tuple[str, ...],
        framing: Framing,
        channels: int,
        grey: Grey,
    ) -> None:
        self.report = report
        """What was set aside of all splits, and why."""
        self.path = report.manifest.path
        self.rows = rows
        self.levels = levels
        self.sentences: list[tuple[str, ...]] = [_wordings(row, levels) for row in rows]
        """Every wording that a case can be given, one tuple per case.

        `saywhere.fusion.EarlyFusion.fit` takes it.
        """
        self.framing = framing
        self.size = framing.size
        self.channels = channels
        self.grey = grey
        self.split = rows[0].split if rows else ""
        self.transform = None
        self.seed = 0
        self.epoch = 0
        self._given: Store | None = None

    def set_epoch(self, epoch: int) -> None:
        """Draw the wordings anew; call it before each epoch.

        A DataLoader with persistent workers has copies of the data set, which it does not reach.

        Args:
            epoch: from 0.
        """
        self.epoch = epoch

    @cached_property
    def decoded(self) -> Store:
        """The pictures at the network's size, uint8; decoded on first use."""
        if self._given is not None:
            return self._given
        folder = cache_folder() / "stores"
        try:
            return self._store(folder)
        except NotWritable:
            temporary = temporary_folder(folder)
            if temporary is None:
                raise
            return self._store(temporary)

    def _store(self, folder: Path) -> Store:
        return open_store(
            self.rows,
            self.size,
            self.channels,
            folder,
            grey=self.grey,
            fit=self.framing.fit,
            mask_resize=self.framing.mask_resize,
        )

    def decode(self) -> None:
        """Decode all pictures now, rather than at the first case.

        Raises:
            MissingFile: an image or a mask is not there.
            UnreadableFile: an image or a mask cannot be decoded.
            NotWritable: neither the cache folder nor a temporary one can be written.
        """
        _ = self.decoded

    def pixels(self, index: int | slice | Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """Give images and masks as they are stored, in the resized frame.

        Args:
            index: one row number, or several.

        Returns:
            Images uint8 (…, channel, size, size) and masks uint8 (…, 1, size, size), 0 or 1.
        """
        return self.decoded.images[self.decoded.image_of_row[index]], self.decoded.masks[index]

    def truth(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """Read a mask in the original frame, for measuring.

        Args:
            index: row number.
            shape: (height, width) of the image, for a row without a mask.

        Returns:
            bool (height, width); empty where the row has no mask.

        Raises:
            UnreadableFile: the mask cannot be read.
        """
        return true_mask(self.rows[index], shape)

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        """One case, or what the transform makes of it; negative numbers count from the end."""
        # The IndexError of a range ends an iteration.
        row = range(len(self.rows))[index]
        image, mask = self.pixels(row)
        case: Case = {
            "image": image.float() / 255,
            "mask": mask.float(),
            "prompt": self._wording(row),
            "id": self.rows[row].id,
        }
        return case if self.transform is None else self.transform(dict(case))

    def __repr__(self) -> str:
        """Path, split, numbers of cases, images and wordings, and the size."""
        n_images = len({row.image for row in self.rows})
        cases = f"{counted(len(self.rows), 'case')} of {counted(n_images, 'image')}, {self.size} px"
        prompts = "no words"
        if self.levels:
            n_wordings = len(set[str]().union(*self.sentences))
            prompts = f"prompts {', '.join(self.levels)}: {counted(n_wordings, 'wording')}"
        return f"Dataset({str(self.path)!r}, {self.split!r}: {cases}, {prompts})"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the first cases, each mask on its image, with its words."""
        pictures: list[np.ndarray] = []
        captions: list[str] = []
        for i in range(min(N_SHOWN, len(self.rows))):
            image, mask = self.pixels(i)
            # What the network gets: float32, then back to the nearest level below.
            shown = (image.float() / 255).mul(255).byte().permute(1, 2, 0).numpy()
            drawn = overlay(shown, mask[0].numpy() > 0)
            # Enlarged where small: a picture of 64 px leaves no room for its caption.
            pictures.append(images.resize_image(drawn, (max(SHOWN_PX, self.size),) * 2))
            captions.append(self._wording(i) or self.rows[i].id)
        return images.png_bytes(panel(pictures, captions, repr(self)))

    def __getstate__(self) -> dict[str, object]:
        """Without the pictures: a worker process opens the same files, and copies none."""
        return {name: value for name, value in self.__dict__.items() if name != "decoded"}

    def _wording(self, index: int) -> str:
        texts = self.sentences[index]
        # Nothing to draw; making a generator for each case would cost time.
        if len(texts) == 1:
            return texts[0]
        # Without any state, so that the workers of a DataLoader draw the same as one process.
        random = seeds.generator(self.seed, "wording", self.epoch, index)
        return texts[int(random.integers(len(texts)))]


def true_mask(row: Row, shape: tuple[int, ...]) -> np.ndarray:
    """Read a row's mask in the original frame, for measuring.

    Args:
        row: a row without a mask shows nothing of what its prompt names.
        shape: (height, width) of the image, for a row without a mask.

    Returns:
        bool (height, width); empty where the row has no mask.

    Raises:
        UnreadableFile: the mask cannot be read.
    """
    # From the file: the store holds masks at the network's size, too coarse to measure by.
    return np.zeros(shape, bool) if row.mask is None else images.read_mask(row.mask)


def _with_split(path: Path, split: str) -> Manifest:
    manifest = read_manifest(path, lenient=True)
    if split not in manifest.splits:
        raise UsageError(
            f"no rows of split {split!r}",
            where=manifest.path,
            remedy=nearest(str(split), manifest.splits),
        )
    return manifest


def _wordings(row: Row, levels: Sequence[str]) -> tuple[str, ...]:
    """A blank one where there is none."""
    texts = tuple(text for level in levels for text in texts_of(row, level, "prompts"))
    return texts or ("",)


def _check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(
            f"{name} is {value!r}",
            where="Dataset",
            allowed=" or ".join(map(repr, known)),
            remedy="choose one of them",
        )


def _check_kinds(manifest: Any, size: Any, channels: Any, transform: Any) -> None:
    if not isinstance(manifest, (str, PathLike)):
        raise UsageError(
            f"a manifest is a {type(manifest).__name__}",
            where="Dataset",
            allowed="the path of a manifest or of the folder that it is in",
            remedy="write one case a line into manifest.jsonl",
        )
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
        raise UsageError(
            f"transform is a {type(transform).__name__}",
            where="Dataset",
            allowed="a function of a case's dictionary",
            remedy="compose several: monai.transforms.Compose([...])",
        )
