"""One row of a manifest: its columns, as they are read and as they are written.

Each column has one way to be wrong, and one error that names file, row, column and remedy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saywhere.data.records import Fields, Record
from saywhere.errors import ConfigError, nearest
from saywhere.io.names import located
from saywhere.text.frames import FRAMES, IMAGE

# A CSV holds texts alone, and people write these.
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
MEANT = ("empty_mask", "absent", "blank_prompt")
COLUMNS = frozenset({"id", "image", "mask", "prompt", "prompts", "split", "group", "patient"})
COLUMNS |= {"frame", "frames", "oracle", "meant", "replaces", "manifest_format"}
FORMAT = 1
"""Of a manifest, in a row's `manifest_format`. Left out, as in all manifests so far, it is 1."""


# Slots: there may be millions of rows.
@dataclass(frozen=True, slots=True)
class Row:
    """One case."""

    id: str
    image: Path
    mask: Path | None = None
    prompts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Level → its texts; a `prompt` column is the level "prompt"."""
    split: str = "train"
    group: str | None = None
    """Cases of one group (a patient) must stay in one split."""
    frame: str = IMAGE
    """Whose left is meant: one of `FRAMES`. Of a table by level, that of the levels it leaves out.
    """
    oracle: bool | None = None
    """Whether the texts were derived from the mask; None where nothing says so."""
    meant: tuple[str, ...] = ()
    """Which of `MEANT`, elsewhere faults, are intended.

    `empty_mask`: nothing is there. `absent`: what the prompt names is not there; the mask is empty
    or left out. `blank_prompt`: no words.
    """
    replaces: str | None = None
    """The id of a row before it that no longer counts."""
    number: int = 0
    """Its line in the manifest, from 1."""
    extra: Fields = field(default_factory=dict)
    """Further columns, as they stand in the manifest."""
    frames: dict[str, str] = field(default_factory=dict)
    """Prompt level → whose left it means, where the manifest says so level by level."""

    def frame_of(self, level: str) -> str:
        """Whose left do the texts of a level mean?

        Args:
            level: a key of `prompts`.

        Returns:
            One of `FRAMES`.
        """
        return self.frames.get(level, self.frame)


class _KeptAsText:
    """A field whose path is kept as a text: most who go through rows ask for other columns."""

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __get__(self, row: Row | None, owner: type[Row] | None = None) -> Any:
        if row is None:
            return self
        text = self._slot.__get__(row, owner)
        return None if text is None else Path(text)

    def __set__(self, row: Row, path: Path | str | None) -> None:
        self._slot.__set__(row, None if path is None else str(path))


for _name in ("image", "mask"):
    # Over the slot that the dataclass made: a row is built and copied as any other.
    setattr(Row, _name, _KeptAsText(getattr(Row, _name)))


def packed_row(row: Row) -> list[Any]:
    """Give a row's columns, as JSON takes them.

    Args:
        row: of a manifest.

    Returns:
        What `unpacked_row` makes an equal row of.
    """
    return [
        row.id,
        str(row.image),
        None if row.mask is None else str(row.mask),
        row.prompts,
        row.split,
        row.group,
        row.frame,
        row.oracle,
        row.meant,
        row.replaces,
        row.number,
        row.extra,
        row.frames,
    ]


def unpacked_row(columns: list[Any]) -> Row:
    """Make a row.

    Args:
        columns: as `packed_row` gave them.

    Returns:
        The row.
    """
    name, image, mask, prompts, split, group, frame, oracle, meant, replaces, *others = columns
    number, extra, frames = others
    texts = {level: tuple(texts) for level, texts in prompts.items()}
    return Row(
        name,
        image,
        mask,
        texts,
        split,
        group,
        frame,
        oracle,
        tuple(meant),
        replaces,
        number,
        extra,
        frames,
    )


def read_row(record: Record) -> Row:
    """Turn a record of a manifest into its row.

    Args:
        record: columns and values, untrusted.

    Returns:
        The row; its paths are joined with the manifest's folder.

    Raises:
        ManifestError: a column is missing or wrong; the error names file, row, column and remedy.
    """
    _refuse_newer(record)
    folder = record.path.parent
    mask = record.text("mask")
    group = record.text("group") or record.text("patient")
    extra = {
        key: value
        for key, value in record.fields.items()
        if key not in COLUMNS and not key.startswith("prompts.")
    }
    return Row(
        id=record.required("id"),
        image=located(folder, record.required("image")),
        mask=located(folder, mask) if mask else None,
        prompts=_prompts(record),
        split=record.text("split") or "train",
        group=group,
        frame=_one_frame(record),
        frames=_frames(record),
        oracle=_boolean(record, "oracle"),
        meant=_meant(record),
        replaces=record.text("replaces"),
        number=record.number,
        extra=extra,
    )


def _one_frame(record: Record) -> str:
    """Of the row: the text in `frame`; a table there speaks of its levels alone."""
    if _is_table(record.fields.get("frame")):
        return IMAGE
    return _checked_frame(record, "frame", record.text("frame") or IMAGE)


def _frames(record: Record) -> dict[str, str]:
    """By level, from a table in `frame` or `frames`; the two may stand side by side."""
    frames: dict[str, str] = {}
    for column in ("frame", "frames"):
        value = record.fields.get(column)
        if value is None or value == "" or (column == "frame" and not _is_table(value)):
            continue
        # A CSV's cell holds JSON.
        table = record.parsed(column) if isinstance(value, str) else value
        if not isinstance(table, dict):
            raise record.error(
                column,
                f"{column} is a {type(table).__name__}",
                allowed="it is a table: prompt level → image or patient",
                remedy='write {"p1": "image", "p2": "patient"}',
            )
        frames |= {level: _checked_frame(record, column, frame) for level, frame in table.items()}
    return frames


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{"))


def _checked_frame(record: Record, column: str, frame: Any) -> str:
    if frame not in FRAMES:
        raise record.error(
            column,
            f"{column} is {str(frame)[:40]!r}",
            allowed="it says whose left is meant: image or patient",
            remedy="write one of the two",
        )
    return str(frame)


def written_prompts(row: Row) -> dict[str, str | list[str]]:
    """Give a row's prompts as a manifest has them.

    Args:
        row: with its prompts.

    Returns:
        Level → its text, or a list where there are several.
    """
    return {
        level: texts[0] if len(texts) == 1 else list(texts) for level, texts in row.prompts.items()
    }


def written_frame(row: Row) -> Fields:
    """Give whose left a row's prompts mean, as a manifest has it.

    Args:
        row: with its frames.

    Returns:
        The columns `frame` and, where levels differ or are named, `frames`.
    """
    return {"frame": row.frame} | ({"frames": dict(row.frames)} if row.frames else {})


def _refuse_newer(record: Record) -> None:
    """A row that a later version of Saywhere wrote may mean something else than it says."""
    number = record.text("manifest_format") or "1"
    # Compared as texts, since what stands there may be anything.
    if number not in {str(known) for known in range(1, FORMAT + 1)}:
        raise record.error(
            "manifest_format",
            f"a row of format {number[:20]}",
            allowed=f"this version reads formats up to {FORMAT}",
            remedy="update Saywhere (pip install -U saywhere), or prepare the set again",
        )


def _prompts(record: Record) -> dict[str, tuple[str, ...]]:
    """From `prompt`, `prompts` (an object) and, for CSV, columns `prompts.NAME`."""
    value = record.fields.get("prompts")
    if isinstance(value, str) and value.strip():
        value = record.parsed("prompts")  # a CSV cell that holds JSON
    named = dict(value) if isinstance(value, dict) else {}
    if value and not isinstance(value, dict):
        raise record.error(
            "prompts",
            f"prompts is a {type(value).__name__}",
            allowed="it is an object of named texts",
            remedy='write {"p0": "…"}, or a prompt',
        )
    named |= {
        key.removeprefix("prompts."): text
        for key, text in record.fields.items()
        if key.startswith("prompts.")
    }
    # An empty text is a prompt as well: it means no words.
    if record.fields.get("prompt") is not None:
        if "prompt" in named:
            raise record.error(
                "prompt",
                "two texts named prompt",
                allowed="prompt and prompts.prompt are one level",
                remedy="keep one of them",
            )
        named["prompt"] = record.fields["prompt"]
    return {
        # A null says that the row has no such level.
        level: _texts(record, level, texts)
        for level, texts in named.items()
        if texts is not None
    }


def _texts(record: Record, level: str, value: Any) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise record.error(
                "prompts",
                f"prompt {level[:40]} holds a {type(text).__name__}",
                allowed="a level is a text or a list of texts",
                remedy="put it in quotes",
            )
        record.check_text("prompts", text)
    return tuple(texts)


def _meant(record: Record) -> tuple[str, ...]:
    faults = tuple((record.text("meant") or "").replace(",", " ").split())
    unknown = [fault for fault in faults if fault not in MEANT]
    if unknown:
        raise record.error(
            "meant",
            f"meant is {unknown[0][:40]!r}",
            allowed=f"what is no fault here: {', '.join(MEANT)}",
            remedy="write one of them",
        )
    return faults


def _boolean(record: Record, column: str) -> bool | None:
    value = record.fields.get(column)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and not value.strip():
        return None
    known = BOOLEANS.get(str(value).strip().lower())
    if known is None:
        raise record.error(
            column,
            f"{column} is {str(value)[:40]!r}",
            allowed="it is true or false",
            remedy="write one of the two, or leave it out",
        )
    return known


def texts_of(row: Row, level: str, key: str = "text.train_prompts") -> tuple[str, ...]:
    """Give a row's sentences of a level.

    Args:
        row: of a manifest.
        level: a key of its prompts.
        key: of the configuration, which named the level; for the error.

    Returns:
        At least one sentence; a blank one means no words.

    Raises:
        ConfigError: the row has no such level, or its list is empty.
    """
    if level not in row.prompts:
        raise ConfigError(
            f"no prompts {level!r} in row {row.id!r}",
            where=key,
            remedy=nearest(level, row.prompts) if row.prompts else "add prompts",
        )
    if not row.prompts[level]:
        raise ConfigError(
            f"the list of prompts {level!r} in row {row.id!r} is empty",
            where=key,
            remedy='write a text, or "" for no words',
        )
    return row.prompts[level]
