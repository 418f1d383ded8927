"""Format numbers of what lies on disk: older ones open, and a newer one is refused in words.

A number rises only when an older version of Saywhere would read the new files wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saywhere.errors import BadCheckpoint
from saywhere.io import strict_json

RUN_FORMAT = 1
"""Of a run directory, in run.json. Runs made before there was a number count as 1."""
MODEL_FORMAT = 1
"""Of a model's folder, in config.json. Models made before there was a number count as 1."""
STAMPED = {"run": ("run.json", RUN_FORMAT), "model": ("config.json", MODEL_FORMAT)}
"""Kind of folder → the file that holds its number, and the newest number that is read."""


def refuse_newer(kind: str, document: Mapping[str, Any], where: object) -> None:
    """Refuse what a later version of Saywhere made, before anything else is read of it.

    Args:
        kind: "run" or "model".
        document: the content of the stamped file. One without a number is format 1.
        where: folder or address, for the message.

    Raises:
        BadCheckpoint: its format is newer than this version reads, or no number.
    """
    newest = STAMPED[kind][1]
    number = document.get("format", 1)
    # True counts as 1 in Python, and is no format.
    if type(number) is int and 1 <= number <= newest:
        return
    # The file may come from a stranger: a message repeats a few characters of it.
    made_by = str(document.get("saywhere", "of an unknown version"))[:40]
    raise BadCheckpoint(
        f"a {kind} of format {str(number)[:20]} (made by Saywhere {made_by})",
        where=where,
        allowed=f"this version reads formats up to {newest}",
        remedy=f"update Saywhere (pip install -U saywhere), or take a {kind} that is older",
    )


def refuse_newer_folder(folder: Path) -> None:
    """Refuse a run's or model's folder that a later version of Saywhere made.

    Args:
        folder: of a run or model; any other folder passes. So does a damaged or missing stamp,
            since the weights do not depend on it and have a number of their own.

    Raises:
        BadCheckpoint: its format is newer than this version reads.
    """
    for kind, (name, _) in STAMPED.items():
        try:
            document = strict_json.read_table(folder / name)
        except (OSError, ValueError):
            continue
        refuse_newer(kind, document, folder)
