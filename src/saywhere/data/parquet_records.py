"""Parquet → records, as `records` reads them from JSONL and CSV."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from saywhere.data.records import Line, Record
from saywhere.errors import ManifestError, MissingExtra, MissingFile

BATCH_ROWS = 10_000


def each_table_row(path: Path) -> Iterator[Line]:
    """Read a Parquet table, some rows at a time.

    Args:
        path: The file.

    Yields:
        Each row's number, from 1, with a function that makes its record.

    Raises:
        MissingFile: There is no such file.
        MissingExtra: pyarrow is not installed.
        ManifestError: It is no Parquet table.
    """
    if not path.is_file():
        raise MissingFile("no such file", where=path, remedy="check the path")
    try:
        # It comes with an extra, so it is loaded only when it is used.
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra(
            "Parquet needs pyarrow, which is not installed",
            remedy="pip install 'saywhere[parquet]'",
        ) from None
    numbers = itertools.count(1)
    try:
        for batch in parquet.ParquetFile(path).iter_batches(BATCH_ROWS):
            for row, number in zip(batch.to_pylist(), numbers):
                yield number, partial(Record, path, number, row)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ManifestError(
            f"it is no Parquet table ({type(error).__name__})",
            where=path,
            remedy="write it anew, or write JSONL",
        ) from None
