"""Where a verb takes a run, a model's name serves: what it stands for."""

from __future__ import annotations

import os
from pathlib import Path

from saywhere.errors import MissingFile, nearest
from saywhere.io.paths import cache_folder
from saywhere.runs.directory import Run

WEIGHTS, BUNDLE = "checkpoint.safetensors", "model.safetensors"
"""A training's file, and that of a model to pass on."""
SUMS = "SHA256SUMS"
"""A model's digests, as `sha256sum` writes them."""
PICKLES = (".bin", ".pt", ".pt2", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz")
"""Files of weights that are pickles or may hold one: named in a refusal, never opened."""


def weights_file(folder: Path) -> Path | None:
    """The weights of a run (its best checkpoint, else its last one), of a checkpoint's own folder, or of a model's; None where there are none."""
    run = Run(folder)
    wanted = (run.best / WEIGHTS, run.last / WEIGHTS, folder / WEIGHTS, folder / BUNDLE)
    return next((path for path in wanted if path.is_file()), None)


def find(asked: Path) -> Path:
    """The folder of a run or model: `asked` itself if it holds weights, else the model of that name. Raises MissingFile."""
    asked = Path(asked)
    if weights_file(asked) is not None:
        return asked
    models = known()
    if len(asked.parts) == 1 and str(asked) in models:
        return models[str(asked)]
    if pickles := sorted(
        path.name
        for path in ([asked] if asked.is_file() else asked.glob("*"))
        if path.suffix in PICKLES
    ):
        raise MissingFile(
            f"no weights in {asked}, but {pickles[0][:80]}: a pickle can run any code, so none is ever read",
            allowed=BUNDLE,
            remedy="ask whoever made it for safetensors",
        )
    if asked.exists() or len(asked.parts) > 1:
        raise MissingFile(
            f"no checkpoint in {asked}",
            allowed=f"a run directory, a folder with {BUNDLE}, or a model's name",
            remedy="train first",
        )
    raise MissingFile(
        f"no run and no model {str(asked)[:80]!r}",
        allowed=f"models: {', '.join(models) or 'none'}",
        remedy=f"{nearest(str(asked)[:80], models)}; see `saywhere models list`"
        if models
        else "name a run directory",
    )


def known() -> dict[str, Path]:
    """Name → folder of every model that is here; the first place that has a name wins."""
    found: dict[str, Path] = {}
    for place in places():
        for path in sorted(place.glob(f"*/{BUNDLE}")):
            found.setdefault(path.parent.name, path.parent)
    return found


def places() -> list[Path]:
    """Folders of models: those of `$SAYWHERE_MODELS`, what was pulled, and what came with the package."""
    asked = [
        Path(place) for place in os.environ.get("SAYWHERE_MODELS", "").split(os.pathsep) if place
    ]
    return [*asked, pulled(), Path(__file__).parents[1] / "models"]


def pulled() -> Path:
    """Where `saywhere models pull` puts them."""
    return cache_folder() / "models"


def is_run(folder: Path) -> bool:
    """May results be written into it? A model's folder is passed on as it is."""
    return not (folder / BUNDLE).is_file()
