"""Where a run's own data lies, also from another folder than the training's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from saywhere.config import DataConfig
from saywhere.data.manifest import locate
from saywhere.errors import MissingFile, SaywhereError


def own_data(data: DataConfig, run: Path) -> DataConfig:
    """Find the manifest of a run that is looked at from another folder.

    A configuration's paths are relative to the folder that the training ran in. Runs lie below it,
    so the folders above the run are tried. The manifest must be the one that was trained on.

    Args:
        data: Of the run's configuration.
        run: The run's folder.

    Returns:
        `data`, with the paths that lead there.

    Raises:
        MissingFile: The manifest is nowhere; it says what to do.
    """
    written = data.manifest
    if written is None or written.exists():
        return data
    for folder in run.resolve().parents:
        # An absolute path leads to one place only, and that was looked at above.
        if not written.is_absolute() and is_trained_on(folder / written, run):
            ids = data.ids
            moved = ids if ids is None or ids.exists() else folder / ids
            return data.model_copy(update={"manifest": folder / written, "ids": moved})
    raise MissingFile(
        f"no manifest {written}",
        where=run,
        allowed=f"looked for from {Path.cwd()}, and from the folders above the run",
        remedy="name it with --data, or call from the folder that the training ran in",
    )


def is_trained_on(manifest: Path, run: Path) -> bool:
    """Is a manifest the one that a run was trained on, by its digest?

    Args:
        manifest: Its file or folder, which need not be there.
        run: The run's folder.

    Returns:
        True also where the run holds no digest, and the manifest is there.
    """
    try:
        content = locate(manifest).read_bytes()
    except (OSError, SaywhereError):
        return False
    try:
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
        digest = facts["data"]["digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True
    return bool(digest == hashlib.sha256(content).hexdigest())
