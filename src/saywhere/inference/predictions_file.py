"""What is done already: predictions.jsonl beside the files, one line per prediction.

A line is on the disk before the next prediction begins, and it is added after its files were
written. A process that is killed loses the prediction in flight and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from saywhere.inference import writers
from saywhere.inference.writers.writer import Scope
from saywhere.io import files

NAME = "predictions.jsonl"
PLACE = ("member", "frame_number", "slice", "slices")
"""Keys that say which picture of a file a line is of."""
Line = dict[str, Any]
"""A line as it was read. It may come from another version or another hand."""


@dataclass(frozen=True)
class Terms:
    """All that an answer depends on.

    Attributes:
        prompt: As it was given.
        image_sha256: Of the image file's content, in hexadecimal digits.
        threshold: On the probability, (0, 1).
        model: The model's digest.
        sides: Of a prompt that says whose left it means: the model's frame and the orientation
            that was stated, which decide how it is read. None of any other prompt.
    """

    prompt: str
    image_sha256: str
    threshold: float
    model: str
    sides: str | None = None

    def to_json(self) -> Line:
        """Returns the fields by name, as predictions.jsonl holds them."""
        document = asdict(self)
        # Most prompts say nothing of whose left they mean, and lines of before had no such key.
        if self.sides is None:
            del document["sides"]
        return document


@dataclass(frozen=True)
class Prediction:
    """One image and one prompt, segmented and written.

    Attributes:
        image: The image file's path, as it was given.
        terms: What the answer depends on.
        files: Part → the name of its file in the folder, as {"mask": "a-mask.png"}.
        size: (height, width) of the image, px.
        area_px: Of the mask.
        presence: Largest probability, [0, 1].
        confidence: Mean probability inside the mask, [0, 1]; None for an empty mask.
        expected_dice: [0, 1]; None for an empty mask, or a model that was not calibrated.
        unfamiliarity: Distance of the prompt from the training prompts; above 1 is far.
        stem: What the names of its own files begin with.
        without: Parts that were wanted and that it has nothing of, such as the DICOM SEG of an
            empty mask.
        made_with: Format → fingerprint of what its file was made of beyond this answer: the other
            prompts of a label map, or the options of a DICOM SEG.
        record: What a table of the folder needs, such as the mask's run lengths.
        frame: Whose left and right the model was taught; "" where it is not stated.
        read_as: The prompt in the model's frame, where it was translated.
        warnings: What to know of the prompt, in sentences.
        place: Which picture of the file it is, by the keys of `PLACE`; slices are done one by one.
    """

    image: str
    terms: Terms
    files: Mapping[str, str]
    size: tuple[int, int]
    area_px: int
    presence: float
    confidence: float | None
    expected_dice: float | None
    unfamiliarity: float
    stem: str = ""
    without: tuple[str, ...] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    frame: str = ""
    read_as: str | None = None
    warnings: list[str] = field(default_factory=list)
    place: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Line:
        """Returns the prediction as predictions.jsonl holds it; each file is a key of its own."""
        # Most predictions have none of these.
        more = {"without": list(self.without), "made_with": dict(self.made_with)}
        about = {"frame": self.frame, "read_as": self.read_as, "warnings": list(self.warnings)}
        return {
            "image": self.image,
            **self.place,
            **self.terms.to_json(),
            **self.files,
            "size": list(self.size),
            "area_px": self.area_px,
            "presence": self.presence,
            "confidence": self.confidence,
            "expected_dice": self.expected_dice,
            "unfamiliarity": self.unfamiliarity,
            "stem": self.stem,
            **{name: value for name, value in {**more, **about}.items() if value},
            **self.record,
        }

    @classmethod
    def from_json(cls, line: Line) -> Prediction | None:
        """Read what `to_json` gave.

        Args:
            line: One line of predictions.jsonl.

        Returns:
            The prediction; None for a line that lacks something.
        """
        try:
            height, width = line["size"]
            return cls(
                image=str(line["image"]),
                terms=_terms(line),
                files=_files(line),
                size=(int(height), int(width)),
                area_px=int(line["area_px"]),
                presence=float(line["presence"]),
                # Lines of earlier versions lack these two.
                confidence=line.get("confidence"),
                expected_dice=line.get("expected_dice"),
                unfamiliarity=float(line["unfamiliarity"]),
                stem=_stem(line) or "",
                without=tuple(line.get("without", ())),
                made_with=dict(line.get("made_with", {})),
                record=_record(line),
                frame=str(line.get("frame", "")),
                read_as=line.get("read_as"),
                warnings=list(line.get("warnings", ())),
                place={name: line[name] for name in PLACE if name in line},
            )
        except (KeyError, TypeError, ValueError):
            # Such a line costs nothing but to make its prediction again.
            return None

    @property
    def first_file(self) -> str:
        """The file to name where one is named: the mask, where there is one.

        The image, where the prediction has no file: an empty mask has no DICOM SEG.
        """
        return next(iter(self.files.values()), Path(self.image).name)


@dataclass(frozen=True)
class Failure:
    """A job that was set aside.

    Attributes:
        code: Of the error, for machines.
        reason: Of the error, in words.
        image: The image file's path; None where the job itself could not be read.
        prompt: The same.
        line: Number of the line in a file of jobs; None for a job that could be read.
    """

    code: str
    reason: str
    image: str | None = None
    prompt: str | None = None
    line: int | None = None

    def to_json(self) -> Line:
        """Returns the failure as failures.jsonl holds it, without what is not known of it."""
        names = ("line", "image", "prompt", "code", "reason")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class Ledger:
    """The predictions of one folder, by the stem of their files.

    Attributes:
        folder: Where the files are.
        path: Of predictions.jsonl.
        lines: Stem → line, as they were when the folder was opened, less those struck out.
    """

    def __init__(self, folder: Path) -> None:
        """Read what the folder holds.

        Args:
            folder: It need not be there yet.

        Raises:
            NotWritable: Where predictions.jsonl cannot be read.
        """
        self.folder = folder
        self.path = folder / NAME
        self.lines: dict[str, Line] = {}
        for line in _read(self.path):
            stem = _stem(line)
            if stem:
                # Of two lines with one stem, the later one tells of the files that are there.
                self.lines[stem] = line

    def counted(
        self, stem: str, terms: Terms, parts: Iterable[str], made_with: Mapping[str, str]
    ) -> Prediction | None:
        """Look for a prediction that need not be made again.

        Args:
            stem: Of its files.
            terms: Under which it would be made now.
            parts: That are wanted now.
            made_with: Fingerprints that they would have now, see `Prediction`.

        Returns:
            The prediction, where it was made under these terms and has these parts, and all of
            its files are there; else None.
        """
        prediction = Prediction.from_json(self.lines.get(stem, {}))
        if prediction is None or prediction.terms != terms:
            return None
        if not set(parts) <= {*prediction.files, *prediction.without}:
            return None
        if not made_with.items() <= prediction.made_with.items():
            return None
        # The table of the folder is made anew with each call.
        names = [name for part, name in prediction.files.items() if not _is_table(part)]
        return prediction if all((self.folder / name).is_file() for name in names) else None

    def parts_of(self, stem: str) -> list[str]:
        """The parts that an earlier prediction has or would have; none where there is none."""
        line = self.lines.get(stem, {})
        prediction = Prediction.from_json(line)
        return [*_files(line), *(prediction.without if prediction else ())]

    def begin(self, redone: Iterable[str]) -> None:
        """Strike out what will be made anew, then remove its files.

        In this order no line ever stands beside a mask that is not its own. A file that holds
        answers of other lines as well, such as a label map, is struck out of those.

        Args:
            redone: Stems.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        struck = {stem: self.lines.pop(stem) for stem in redone if stem in self.lines}
        shared = {name for line in struck.values() for name in _shared_files(line)}
        for line in self.lines.values():
            _strike_out(line, shared)
        self.write(list(self.lines.values()))
        for stem in struck:
            self.remove(stem)
        for name in shared:
            (self.folder / name).unlink(missing_ok=True)

    def remove(self, stem: str) -> None:
        """Remove the files that are one prediction's own, whatever their format.

        Args:
            stem: Of the files.
        """
        for part, ending in writers.endings().items():
            if writers.scope_of(part) is Scope.ANSWER:
                (self.folder / f"{stem}{ending}").unlink(missing_ok=True)

    def add(self, prediction: Prediction) -> None:
        """Add a line; it is on the disk when this returns.

        Args:
            prediction: Its files have been written.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        files.append_bytes(self.path, to_line(prediction.to_json()))

    def write(self, lines: Sequence[Line]) -> None:
        """Replace all lines, atomically.

        Args:
            lines: In this order.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        files.write_bytes(self.path, b"".join(map(to_line, lines)))


def files_in(folder: Path) -> set[str]:
    """The files that `predict` wrote to a folder.

    Args:
        folder: It need not hold any.

    Returns:
        Their names, as predictions.jsonl lists them.
    """
    names: set[str] = set()
    for line in _read(folder / NAME):
        names.update(_files(line).values())
    return names


def to_line(record: Line) -> bytes:
    """Write a record as one line of JSON.

    Args:
        record: Of JSON's own types.

    Returns:
        UTF-8 with a line end. Half characters, as in file names that are no UTF-8, are escaped.
    """
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(record) + "\n").encode("ascii")


def _terms(line: Line) -> Terms:
    """Raises KeyError where one of the first four is missing."""
    prompt, digest, threshold, model = (
        line[name] for name in ("prompt", "image_sha256", "threshold", "model")
    )
    return Terms(prompt, digest, threshold, model, line.get("sides"))


def _read(path: Path) -> list[Line]:
    """Whole lines only: the last one may have been cut off by a kill."""
    with files.refusing(path):
        content = path.read_bytes() if path.is_file() else b""
    lines = []
    for text in content.split(b"\n"):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def _files(line: Line) -> dict[str, str]:
    """In the line's own order, which is that of writing."""
    parts = writers.endings()
    return {part: name for part, name in line.items() if part in parts and isinstance(name, str)}


def _stem(line: Line) -> str | None:
    """None where a name has another form, or would lead out of the folder."""
    stem = line.get("stem")
    if isinstance(stem, str):
        return stem if stem and stem == Path(stem).name else None
    # Lines of earlier versions do not name it.
    for part, name in _files(line).items():
        ending = writers.endings()[part]
        if name.endswith(ending) and name == Path(name).name:
            return name.removesuffix(ending)
    return None


def _shared_files(line: Line) -> list[str]:
    """Files that hold answers of several lines, but for tables, which are made anew anyway."""
    return [
        name
        for part, name in _files(line).items()
        if writers.scope_of(part) in (Scope.VOLUME, Scope.INPUT)
        # A line may come from another hand: no name may lead out of the folder.
        and name == Path(name).name
        and name.endswith(writers.endings()[part])
    ]


def _strike_out(line: Line, names: Collection[str]) -> None:
    gone = [part for part, name in _files(line).items() if name in names]
    for part in gone:
        del line[part]


def _is_table(part: str) -> bool:
    return writers.scope_of(part) is Scope.FOLDER


def _record(line: Line) -> Line:
    """What tables need of a line."""
    return {name: line[name] for name in writers.recorded() if name in line}
