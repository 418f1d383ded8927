"""Parquet: one table of all predictions of a folder, a row per picture and prompt.

`pandas.read_parquet`, DuckDB, Polars and Spark open it. The masks are in run lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saywhere.inference.answer import Answer
from saywhere.inference.writers.coco import run_lengths
from saywhere.inference.writers.writer import Line, Options, Paths, Scope, Writer, Written
from saywhere.io import files

COUNTS = "mask_counts"
COLUMNS = {
    "id": "string",
    "image": "string",
    "prompt": "string",
    "height": "int32",
    "width": "int32",
    COUNTS: "string",
    "area_px": "int64",
    "presence": "float64",
    "confidence": "float64",
    "expected_dice": "float64",
    "unfamiliarity": "float64",
    "picture_unfamiliarity": "float64",
    "threshold": "float64",
    "model": "string",
    "image_sha256": "string",
}
"""Column → Arrow's type. `mask_counts` is COCO's compressed string for the column's size."""


def record(answer: Answer) -> Line:
    """Give what a row needs that predictions.jsonl does not hold.

    A batch that was stopped goes on without the masks of its first half in memory: a line holds
    its mask itself.

    Args:
        answer: The answer of the row.

    Returns:
        {"mask_counts": the mask's run lengths}.
    """
    return {COUNTS: run_lengths(answer.mask)["counts"]}


def tabulate(lines: Sequence[Line], path: Path) -> None:
    """Write the table.

    Args:
        lines: Of predictions.jsonl. Those without run lengths were made without this format, and
            are passed over.
        path: Where it goes.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    # It comes with an extra, so it is loaded only when it is used.
    import pyarrow
    from pyarrow import parquet

    # Types by name: a column of nothing but nulls would get a type of its own in this file alone.
    schema = pyarrow.schema([(name, kind) for name, kind in COLUMNS.items()])
    rows = [_row(line) for line in lines if COUNTS in line]
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    with files.writing(path) as temporary:
        parquet.write_table(table, temporary)


def _row(line: Line) -> dict[str, Any]:
    height, width = line["size"]
    known = {name: line.get(name) for name in COLUMNS}
    return known | {"id": line["stem"], "height": height, "width": width}


def _never(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """The table is made of lines, by `tabulate`."""
    return Written(())


WRITER = Writer(
    {"parquet": ".parquet"},
    _never,
    scope=Scope.FOLDER,
    recorded=(COUNTS,),
    record=record,
    tabulate=tabulate,
    packages=("pyarrow", "pycocotools"),
    extra="parquet",
)
