"""A model's answer in a user's hands: save it, show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.io import images


@dataclass(frozen=True, repr=False)
class Result(Answer):
    """One image's answer to one prompt, in the image's original frame; see `Answer`."""

    def save(
        self,
        folder: str | Path,
        stem: str = "result",
        *,
        format: str | Sequence[str] = writers.DEFAULT,
    ) -> dict[str, Path]:
        """Write the result to files.

        Args:
            folder: Where the files go. It is made if need be.
            stem: Their names begin with it: `STEM-mask.png`.
            format: One or more of `writers.WRITERS`, as a list or separated by commas. `png` is
                the mask, the probability, the pseudo-image and an overlay; `coco` is one JSON.

        Returns:
            The name of each part that was written, such as "mask", and its file.

        Raises:
            UsageError: For a format that does not exist.
            MissingExtra: Where a format's package is not installed.
            NotWritable: Where the folder takes no file.
        """
        return writers.write(self, Path(folder), stem, writers.choose(format))

    def show(self) -> None:
        """Open the overlay in the system's picture viewer."""
        from PIL import Image

        Image.fromarray(self.overlay()).show(title=self.prompt)

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the overlay."""
        return images.png_bytes(self.overlay())

    def __repr__(self) -> str:
        height, width = self.mask.shape
        size = f"{height}×{width}"
        if self.mask.any():
            marked = f"mask {self.mask.mean():.1%} of {size}"
        else:
            marked = f"nothing found in {size}"
        return f"Result({self.prompt!r}, {marked}, presence {self.presence:.2f})"
