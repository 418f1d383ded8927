"""What an output format is: the files that it writes, and the function that writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from saywhere.errors import MissingExtra
from saywhere.inference.answer import Answer

Paths = Mapping[str, Path]
"""Part → the file that it goes to."""


@dataclass(frozen=True)
class Writer:
    """One output format.

    Attributes:
        endings: Each part and the end of its file's name, as {"mask": "-mask.png"}. A part's name
            is a key of predictions.jsonl, so no other format has a part of that name.
        write: Writes an answer's parts to the given files, atomically, and returns the names of
            those that it wrote: an image-only model has no pseudo-image, for example. Raises
            NotWritable.
        package: A package that `write` imports and that a plain installation lacks.
        extra: The extra of Saywhere that brings it.
    """

    endings: Mapping[str, str]
    write: Callable[[Answer, Paths], list[str]]
    package: str | None = None
    extra: str | None = None

    def paths(self, folder: Path, stem: str) -> dict[str, Path]:
        """The files of one prediction.

        Args:
            folder: Where they are.
            stem: What their names begin with.

        Returns:
            Part → file. The files need not be there.
        """
        return {part: folder / f"{stem}{ending}" for part, ending in self.endings.items()}

    def refuse_missing(self, name: str) -> None:
        """Say at once that a package is missing, and not after the first picture was segmented.

        Args:
            name: The format's name, for the message.

        Raises:
            MissingExtra: Where `package` is not installed.
        """
        # Looked for, and not loaded: that may take seconds.
        if self.package is not None and find_spec(self.package) is None:
            raise MissingExtra(
                f"format {name!r} needs {self.package}, which is not installed",
                remedy=f"pip install 'saywhere[{self.extra}]'",
            )
