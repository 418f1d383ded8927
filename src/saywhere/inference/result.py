"""A model's answer in a user's hands: save it, show it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Options
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
        save: str | Sequence[str] = writers.SAVED,
        options: Options = writers.PLAIN,
    ) -> dict[str, Path]:
        """Write the result to files.

        Args:
            folder: Where the files go. It is made if need be.
            stem: Their names begin with it: `STEM-mask.png`.
            format: One or more of `writers.WRITERS`, as a list or separated by commas. `png` is
                pictures, `coco` one JSON, `nifti` a volume, `dicom-seg` a DICOM file …
            save: Which pictures: mask, overlay, probability, pseudo.
            options: How formats are written that leave a choice.

        Returns:
            The name of each part that was written, such as "mask", and its file.

        Raises:
            UsageError: For a format that does not exist, or that cannot be written of this image.
            MissingExtra: Where a format's package is not installed.
            NotWritable: Where the folder takes no file.
        """
        # First, so that a wrong name leaves no file behind.
        parts = writers.choose_parts(format, save)
        written, notes = writers.write([self], Path(folder), stem, parts, options)
        for note in notes:
            warnings.warn(note, stacklevel=2)
        return written

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
