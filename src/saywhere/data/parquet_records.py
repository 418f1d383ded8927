"""Parquet → records, as `records` reads them from JSONL and CSV."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.records import BadRow, Record
from saywhere.errors import ManifestError, MissingExtra, MissingFile

BATCH_ROWS = 10_000


def read_table(path: Path) -> tuple[list[Record], list[BadRow]]:
    """Read a Parquet table.

    Args:
        path: The file.

    Returns:
        Its rows, numbered from 1, and the rows that are none: always an empty list.

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
    records: list[Record] = []
    try:
        for batch in parquet.ParquetFile(path).iter_batches(BATCH_ROWS):
            for row in batch.to_pylist():
                records.append(Record(path, len(records) + 1, row))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ManifestError(
            f"it is no Parquet table ({type(error).__name__})",
            where=path,
            remedy="write it anew, or write JSONL",
        ) from None
    return records, []
