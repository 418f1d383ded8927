"""Which folder a run's path or a model's name stands for; looked up before torch is loaded.

Nothing here may import torch: a mistyped name is refused at once
(`tests/unit/cli/test_refusals.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from saywhere.errors import MissingFile
from saywhere.io.paths import cache_folder

WEIGHTS, BUNDLE = "checkpoint.safetensors", "model.safetensors"
"""A training's file, and that of a model to pass on."""
CHECKPOINTS = (Path("checkpoints/best"), Path("checkpoints/last"))
"""Folders of a run that hold its weights, the preferred one first."""
SIGNS_OF_A_RUN = ("run.json", "config.toml", "metrics.jsonl", "evaluation")
"""A folder with one of these is a run, finished or not."""
SUMS = "SHA256SUMS"
"""A model's digests, as `sha256sum` writes them."""
PICKLES = (".bin", ".pt", ".pt2", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz")
"""Files of weights that are pickles or may hold one: named in a refusal, never opened."""
LONGEST = 80
"""Characters of a name that a message repeats."""
NAMES = "names.json"
"""In a folder of models: other names that they answer to, each with its model's."""


def weights_file(folder: Path) -> Path | None:
    """The file that holds a run's or model's weights.

    Args:
        folder: a run directory, a checkpoint's own folder, or a model's folder.

    Returns:
        Of a run the best checkpoint's file, else the last one's; None where there are no weights.
    """
    wanted = [folder / checkpoint / WEIGHTS for checkpoint in CHECKPOINTS]
    # The folder of a checkpoint itself, and that of a model to pass on.
    wanted += [folder / WEIGHTS, folder / BUNDLE]
    return next((path for path in wanted if path.is_file()), None)


def find(run: Path) -> Path:
    """The folder of a run or model.

    Args:
        run: a folder with weights, or the name of a model.

    Returns:
        `run` itself if it holds weights, else the folder of the model of that name.

    Raises:
        MissingFile: where it is neither; names the nearest run or model.
    """
    run = Path(run)
    if weights_file(run) is not None:
        return run
    models = known()
    is_name = len(run.parts) == 1
    # A model of that very name comes first.
    by_name = taken_up() | models
    if is_name and str(run) in by_name:
        return by_name[str(run)]
    # Before "no checkpoint": who has a pickle should learn why it does not count.
    _refuse_pickles(run)
    if run.exists() or not is_name:
        raise MissingFile(
            f"no checkpoint in {run}",
            allowed=f"a run directory, a folder with {BUNDLE}, or a model's name",
            remedy="train first" if run.exists() else _nearest_run(run) or "check the path",
        )
    shown = str(run)[:LONGEST]
    raise MissingFile(
        f"no run and no model {shown!r}",
        allowed=f"models: {', '.join(models) or 'none'}",
        remedy=f"{_nearest_of_name(shown, by_name)}; see `saywhere models list`",
    )


def is_there(run: Path) -> bool:
    """Whether `find` would return a folder for this run or name."""
    try:
        find(run)
    except MissingFile:
        return False
    return True


def find_directory(run: Path) -> Path:
    """A run's directory, whatever it holds already; a training that was killed leaves one, too.

    Args:
        run: the directory.

    Returns:
        The same path.

    Raises:
        MissingFile: where it is none; names the nearest run beside it.
    """
    run = Path(run)
    if any((run / name).exists() for name in SIGNS_OF_A_RUN):
        return run
    raise MissingFile(
        f"no run in {run}",
        allowed=f"a run directory holds {', '.join(SIGNS_OF_A_RUN)}",
        remedy=_nearest_run(run) or "name what `saywhere train --out` made",
    )


def find_folder(folder: Path) -> Path:
    """A folder that must be there, a table of results for instance.

    Args:
        folder: its path.

    Returns:
        The same path.

    Raises:
        MissingFile: where nothing is there; names the nearest folder beside it.
    """
    folder = Path(folder)
    if folder.exists():
        return folder
    beside = {path.name: path for path in _beside(folder) if path.is_dir()}
    advice = _did_you_mean(folder.name, beside) or "check the path"
    raise MissingFile(f"no folder {folder}", remedy=advice)


def known() -> dict[str, Path]:
    """Every model that can be called by its name.

    Returns:
        Name → folder; the first of `places()` that has a name wins.
    """
    models: dict[str, Path] = {}
    for place in places():
        for path in sorted(place.glob(f"*/{BUNDLE}")):
            # The first place wins: a user's own model hides ours of the same name.
            models.setdefault(path.parent.name, path.parent)
    return models


def taken_up() -> dict[str, Path]:
    """Names of models that one of ours has taken up, and answers to.

    Returns:
        Name → folder of that model, never of somebody's own of the same name.
    """
    names = json.loads((ours() / NAMES).read_text(encoding="utf-8"))
    return {name: ours() / model for name, model in names.items()}


def ours() -> Path:
    """The folder of the models that came with the package."""
    return Path(__file__).parents[1] / "models"


def places() -> list[Path]:
    """Folders of models.

    Returns:
        Those of `$SAYWHERE_MODELS`, what was pulled, and what came with the package.
    """
    listed = os.environ.get("SAYWHERE_MODELS", "").split(os.pathsep)
    own = [Path(place) for place in listed if place]
    return [*own, pulled(), ours()]


def pulled() -> Path:
    """The folder that `saywhere models pull` writes to."""
    return cache_folder() / "models"


def is_run(folder: Path) -> bool:
    """May results be written into it? A model's folder is passed on as it is."""
    return not (folder / BUNDLE).is_file()


def _refuse_pickles(run: Path) -> None:
    """Say so where the only weights are of a kind that is never read. Raises MissingFile."""
    files = [run] if run.is_file() else run.glob("*")
    pickles = sorted(path.name for path in files if path.suffix in PICKLES)
    if not pickles:
        return
    name = pickles[0][:LONGEST]
    raise MissingFile(
        f"no weights in {run}, but {name}: a pickle can run any code, so none is ever read",
        allowed=BUNDLE,
        remedy="ask whoever made it for safetensors",
    )


def _nearest_of_name(name: str, models: Iterable[str]) -> str:
    """Advice for a misspelt name: the nearest model, or run of the usual places."""
    beside = [path for place in (Path(), Path("runs")) for path in _beside(place / name)]
    runs = {path.name: path for path in beside if _is_run_directory(path)}
    candidates = runs | {model: Path(model) for model in models}
    return _did_you_mean(name, candidates) or "name a model, or a run's directory"


def _nearest_run(run: Path) -> str | None:
    """Advice for a misspelt path: the nearest of the runs and models that lie beside it."""
    runs = {path.name: path for path in _beside(run) if _is_run_directory(path)}
    return _did_you_mean(run.name, runs)


def _did_you_mean(name: str, candidates: Mapping[str, Path]) -> str | None:
    close = get_close_matches(name, candidates, n=2, cutoff=0.5)
    if not close:
        return None
    return f"did you mean {' or '.join(repr(str(candidates[key])) for key in close)}?"


def _is_run_directory(folder: Path) -> bool:
    return weights_file(folder) is not None or (folder / "run.json").is_file()


def _beside(path: Path) -> list[Path]:
    """What lies in the folder of `path`; nothing where that cannot be read."""
    try:
        return sorted(path.parent.iterdir())
    except OSError:
        return []
