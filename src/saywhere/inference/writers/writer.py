"""What an output format is: the files that it writes, and the function that writes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saywhere.errors import MissingExtra
from saywhere.inference.answer import Answer

Paths = Mapping[str, Path]
"""Part → the file that it goes to."""
Line = dict[str, Any]
"""A line of predictions.jsonl."""


class Scope(Enum):
    """What one file of a format holds.

    An input is one picture, one volume or one series. A volume's slices are pictures each.
    """

    ANSWER = "one prompt on one picture"
    VOLUME = "one prompt on all pictures of an input"
    INPUT = "all prompts on all pictures of an input"
    FOLDER = "all predictions of the folder"


@dataclass(frozen=True)
class Options:
    """How formats are written, where they leave a choice.

    Attributes:
        fractional: DICOM SEG holds probabilities instead of a binary mask.
        with_prompt: DICOM files tell the prompt. Without it they call a segment by its number.
        write_empty: An empty mask has a DICOM SEG too.
        model: Name of the model, for the algorithm's name.
        digest: Of the model.
        target: What the model marks, in words, such as "Polyp (endoscopy)"; empty: unknown.
        is_corrected: A person corrected the masks: DICOM SEG calls them semi-automatic.
    """

    fractional: bool = False
    with_prompt: bool = True
    write_empty: bool = False
    model: str = ""
    digest: str = ""
    target: str = ""
    is_corrected: bool = False


@dataclass(frozen=True)
class Written:
    """What a writer did.

    Attributes:
        parts: Names of the parts that it wrote. Fewer than were wanted where there is nothing to
            write: an image-only model has no pseudo-image, for example.
        notes: What a user should know of it, one sentence each, without the file's name.
    """

    parts: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writer:
    """One output format.

    Attributes:
        endings: Each part and the end of its file's name, as {"mask": "-mask.png"}. A part's name
            is a key of predictions.jsonl, so no other format has a part of that name.
        write: Writes answers, one or more as `scope` says, to those parts that it is given a path
            for, atomically. Of scope FOLDER it is not called. It may raise NotWritable, and
            UsageError where the answers lack what the format needs.
        scope: What one file holds.
        kinds: Part → the name by which `--save` chooses it. A part without one is always written.
        recorded: Of scope FOLDER: keys that a prediction's line must hold for `tabulate`.
        record: Of scope FOLDER: gives these keys with their values.
        tabulate: Of scope FOLDER: writes the file from the lines of predictions.jsonl.
        uses_options: Do `Options` change its files? Then they are written anew with others.
        refuse: Looks at an input file before any work. A UsageError says that the format cannot
            be written for it.
        packages: What `write` imports and a plain installation lacks.
        extra: The extra of Saywhere that brings them.
    """

    endings: Mapping[str, str]
    write: Callable[[Sequence[Answer], Paths, Options], Written]
    scope: Scope = Scope.ANSWER
    kinds: Mapping[str, str] = field(default_factory=dict)
    recorded: tuple[str, ...] = ()
    record: Callable[[Answer], Line] | None = None
    tabulate: Callable[[Sequence[Line], Path], None] | None = None
    uses_options: bool = False
    refuse: Callable[[Path], None] | None = None
    packages: tuple[str, ...] = ()
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

    def fingerprint(self, members: Sequence[object], options: Options) -> str | None:
        """Identify what a file was made of, beyond the one answer that a line tells of.

        Args:
            members: All that the file's answers depend on, of JSON's own types.
            options: How it is written.

        Returns:
            16 hexadecimal digits; None where the line says all.
        """
        is_alone = self.scope in (Scope.ANSWER, Scope.FOLDER)
        about = [[] if is_alone else members, asdict(options) if self.uses_options else {}]
        if is_alone and not self.uses_options:
            return None
        text = json.dumps(about, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def chosen(self, save: Sequence[str]) -> list[str]:
        """The parts that a choice of kinds means.

        Args:
            save: Names of kinds, such as "mask" and "overlay".

        Returns:
            Names of parts. Those without a kind are always among them.
        """
        return [part for part in self.endings if self.kinds.get(part) in (None, *save)]

    def refuse_missing(self, name: str) -> None:
        """Say at once that a package is missing, and not after the first picture was segmented.

        Args:
            name: The format's name, for the message.

        Raises:
            MissingExtra: Where one of `packages` is not installed.
        """
        for package in self.packages:
            # Looked for, and not loaded: that may take seconds.
            if find_spec(package) is None:
                raise MissingExtra(
                    f"format {name!r} needs {package}, which is not installed",
                    remedy=f"pip install 'saywhere[{self.extra}]'",
                )
