"""Typed records: a JSON object whose shape is known has a type, and `Any` is for what is not."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "saywhere"
UNTYPED = "dict[str, Any]"
OPEN = {
    "config/toml.py": (1, "`Document`: TOML or JSON from outside, before a schema has checked it"),
    "runs/config_diff.py": (1, "`Settings`: each dotted key has a value of another type"),
    "runs/older_values.py": (1, "the same, of keys that came later"),
    "data/records.py": (1, "`Fields`: the columns of somebody's manifest"),
    "data/dataset.py": (1, "a MONAI transform takes and returns dictionaries of anything"),
    "evaluation/summary.py": (1, "a dictionary that prints as a table; SummaryRecord has its keys"),
    "networks/registry.py": (1, "keyword arguments of networks, which differ in what they take"),
    "networks/adapter.py": (2, "keyword arguments of other people's networks"),
    "training/device.py": (1, "keyword arguments of torch, one of whose names changes"),
    "cli/prepare.py": (1, "keyword arguments of the sets' prepare functions, which differ"),
    "serve/schemas.py": (1, "FastAPI's own type of `responses`"),
    "serve/segment_route.py": (1, "the same"),
    "serve/review_routes.py": (1, "the same"),
    "serve/kept_routes.py": (1, "further columns of a row, as keyword arguments"),
    "serve/label_studio_schemas.py": (1, "`OpenFields`: the data of somebody's tasks"),
    "serve/strict.py": (1, "a document of OpenAPI"),
    "serve/run.py": (1, "keyword arguments of uvicorn"),
    "inference/answer.py": (1, "a line of predictions.jsonl; writers add keys of their own"),
    "inference/record_parts.py": (1, "`Line`: the same"),
    "inference/writers/writer.py": (1, "`Line`: the same"),
    "inference/writers/parquet.py": (1, "a line as columns"),
    "io/strict_json.py": (1, "a table of a stranger's file"),
    "io/decoding_child.py": (1, "`Header`: a message over a pipe"),
    "io/dicom/codes.py": (1, "keyword arguments of pydicom"),
}
"""File → how many untyped dictionaries it may have, and why."""
MOST = 25


def test_untyped_dictionaries_only_stand_where_the_shape_is_open() -> None:
    counts = {
        path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8").count(UNTYPED)
        for path in sorted(SOURCE.rglob("*.py"))
    }
    too_many = {name: count for name, count in counts.items() if count > OPEN.get(name, (0, ""))[0]}
    # A known shape is a TypedDict, or a dataclass with `to_json`.
    assert too_many == {}
    assert sum(counts.values()) <= MOST
