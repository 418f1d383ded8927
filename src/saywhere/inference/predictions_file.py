"""Predictions as lines of predictions.jsonl, and what each of them depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from saywhere.inference import writers
from saywhere.inference.record_parts import Line, to_line
from saywhere.io import files

PLACE = ("member", "frame_number", "slice", "slices")
"""Keys that say which picture of a file a line is of."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Prediction:
    """One image and one prompt, segmented and written.

    Attributes:
        image: The image file's path, as it was given.
        terms: What the answer depends on.
        files: Part → the name of its file in the folder, as {"mask": "a-mask.png"}.
        size: (height, width) of the image, px.
        area_px: Of the mask.
        presence: How sure the model is that what the prompt names is there, [0, 1]; see
            `Answer.presence`.
        confidence: Mean probability inside the mask, [0, 1]; None for an empty mask.
        expected_dice: [0, 1]; None for an empty mask, or a model that was not calibrated.
        unfamiliarity: Distance of the prompt from the training prompts; above 1 is far.
        picture_unfamiliarity: Of the picture from the training pictures; None where it is not
            known.
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
    picture_unfamiliarity: float | None = None
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
            "picture_unfamiliarity": self.picture_unfamiliarity,
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
                files=files_of(line),
                size=(int(height), int(width)),
                area_px=int(line["area_px"]),
                presence=float(line["presence"]),
                # Lines of earlier versions lack these three.
                picture_unfamiliarity=line.get("picture_unfamiliarity"),
                confidence=line.get("confidence"),
                expected_dice=line.get("expected_dice"),
                unfamiliarity=float(line["unfamiliarity"]),
                stem=stem_of(line) or "",
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


@dataclass(frozen=True)
class Lines:
    """The lines of a folder, made one by one: of a million, each is in memory once.

    Attributes:
        earlier: Stem → line, as the folder had them before the call.
        of_call: Those stems of them that are among the predictions.
        predictions: Of this call.
    """

    earlier: Mapping[str, Line]
    of_call: Collection[str]
    predictions: Sequence[Prediction]

    @property
    def n_others(self) -> int:
        """How many are of earlier calls alone."""
        return sum(stem not in self.of_call for stem in self.earlier)

    def __iter__(self) -> Iterator[Line]:
        """Those of earlier calls come first."""
        yield from (line for stem, line in self.earlier.items() if stem not in self.of_call)
        for prediction in self.predictions:
            yield prediction.to_json()


def write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write the list of what was set aside.

    Args:
        path: Of the list. An older one does not stay: what is in it was tried again.
        failures: Of the call.

    Raises:
        NotWritable: The folder takes no file.
    """
    if failures:
        files.write_bytes(path, b"".join(to_line(failure.to_json()) for failure in failures))
    else:
        path.unlink(missing_ok=True)


def files_of(line: Line) -> dict[str, str]:
    """Name the files of a line.

    Args:
        line: Of predictions.jsonl.

    Returns:
        Part → name, in the line's own order, which is that of writing.
    """
    parts = writers.endings()
    return {part: name for part, name in line.items() if part in parts and isinstance(name, str)}


def stem_of(line: Line) -> str | None:
    """Tell what the names of a line's files begin with.

    Args:
        line: Of predictions.jsonl.

    Returns:
        The stem; None where it has another form, or would lead out of the folder.
    """
    stem = line.get("stem")
    if isinstance(stem, str):
        # The list may come from a stranger: a stem with a folder in it would have files elsewhere
        # removed.
        return stem if stem and stem == Path(stem).name else None
    # Lines of earlier versions do not name it.
    for part, name in files_of(line).items():
        ending = writers.endings()[part]
        if name.endswith(ending) and name == Path(name).name:
            return name.removesuffix(ending)
    return None


def _terms(line: Line) -> Terms:
    """Raises KeyError where one of the first four is missing."""
    prompt, digest, threshold, model = (
        line[name] for name in ("prompt", "image_sha256", "threshold", "model")
    )
    return Terms(prompt, digest, threshold, model, line.get("sides"))


def _record(line: Line) -> Line:
    """What tables need of a line."""
    return {name: line[name] for name in writers.recorded() if name in line}
