"""What is done already: predictions.jsonl beside the files, one line per prediction.

A line is added after its files were written. A process that is killed loses the predictions in
flight and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock

from saywhere.inference import writers
from saywhere.inference.predictions_file import Prediction, Terms, files_of, stem_of
from saywhere.inference.record_parts import (
    STRUCK,
    Line,
    read_lines,
    read_parts,
    remove_parts,
    to_line,
)
from saywhere.inference.writers.writer import Scope
from saywhere.io import files

NAME = "predictions.jsonl"


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
        # Files are written in several threads.
        self._lock = Lock()
        self.path = folder / NAME
        self.lines: dict[str, Line] = {}
        for line in read_lines(self.path):
            self._take(line)
        for record in read_parts(folder):
            if STRUCK in record:
                self.strike_out({str(record[STRUCK])}, record.get("files", ()))
            else:
                self._take(record)

    def _take(self, line: Line) -> None:
        stem = stem_of(line)
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
        return [*files_of(line), *(prediction.without if prediction else ())]

    def begin(self, redone: Iterable[str]) -> None:
        """Strike out what will be made anew, then remove its files.

        In this order no line ever stands beside a mask that is not its own. A file that holds
        answers of other lines as well, such as a label map, is struck out of those.

        Args:
            redone: Stems.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        struck = {stem: self.lines[stem] for stem in redone if stem in self.lines}
        shared = {name for line in struck.values() for name in shared_files(line)}
        self.strike_out(struck, shared)
        self.write(list(self.lines.values()))
        for stem in struck:
            self.remove(stem)
        for name in shared:
            (self.folder / name).unlink(missing_ok=True)

    def strike_out(self, stems: Iterable[str], shared: Collection[str]) -> None:
        """Forget lines.

        Args:
            stems: Of the lines.
            shared: Files of theirs that other lines name as well: those forget the file.
        """
        for stem in stems:
            self.lines.pop(stem, None)
        # Most calls share no file, and a folder may have a million lines.
        for line in self.lines.values() if shared else ():
            _strike_out(line, shared)

    def remove(self, stem: str) -> None:
        """Remove the files that are one prediction's own, whatever their format.

        Args:
            stem: Of the files.
        """
        for part, ending in writers.endings().items():
            # What holds answers of other lines as well is removed by `begin`, with its name in
            # those.
            if writers.scope_of(part) is Scope.ANSWER:
                (self.folder / f"{stem}{ending}").unlink(missing_ok=True)

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Add lines; they are on the disk when this returns. Threads may call it at once.

        Args:
            predictions: Their files have been written.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        lines = b"".join(to_line(prediction.to_json()) for prediction in predictions)
        if lines:
            with self._lock:
                files.append_bytes(self.path, lines)

    def write(self, lines: Iterable[Line]) -> None:
        """Replace all lines, atomically.

        Args:
            lines: In this order. One at a time is in memory, where they are made as they come.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        with files.writing(self.path) as temporary, temporary.open("wb") as file:
            file.writelines(map(to_line, lines))
        # What they hold stands in the file now.
        remove_parts(self.folder)


def own_files(line: Line) -> list[str]:
    """Name the files of one line.

    Args:
        line: Of predictions.jsonl.

    Returns:
        Their names, but for tables. No name leads out of the folder.
    """
    named = [name for part, name in files_of(line).items() if not _is_table(part)]
    return [name for name in named if name == Path(name).name]


def files_in(folder: Path) -> set[str]:
    """The files that `predict` wrote to a folder.

    Args:
        folder: It need not hold any.

    Returns:
        Their names, as predictions.jsonl lists them.
    """
    names: set[str] = set()
    for line in (*read_lines(folder / NAME), *read_parts(folder)):
        names.update(files_of(line).values())
    return names


def shared_files(line: Line) -> list[str]:
    """Name the files that hold answers of several lines.

    Args:
        line: Of predictions.jsonl.

    Returns:
        Their names, but for tables, which are made anew anyway.
    """
    return [
        name
        for part, name in files_of(line).items()
        if writers.scope_of(part) in (Scope.VOLUME, Scope.INPUT)
        # A line may come from another hand: no name may lead out of the folder.
        and name == Path(name).name
        and name.endswith(writers.endings()[part])
    ]


def _strike_out(line: Line, names: Collection[str]) -> None:
    gone = [part for part, name in files_of(line).items() if name in names]
    for part in gone:
        del line[part]


def _is_table(part: str) -> bool:
    return writers.scope_of(part) is Scope.FOLDER
