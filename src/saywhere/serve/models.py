"""The models that the service offers, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from saywhere.data.manifest import read_manifest
from saywhere.errors import MissingFile, SaywhereError, UsageError, nearest
from saywhere.hub.facts import read_facts
from saywhere.inference.segmenter import Segmenter, load
from saywhere.runs import locate

N_SUGGESTED, LONGEST = 60, 200


class ServedRecord(TypedDict):
    """A model's entry in `GET /v1/models`."""

    name: str
    digest: str
    network: str
    fusion: str
    size_px: int
    hears_words: bool
    frame: str
    left: str
    threshold: float
    suggestions: list[str]


@dataclass(frozen=True)
class Served:
    """A model that the service offers."""

    name: str
    segmenter: Segmenter
    suggestions: tuple[str, ...]
    """prompts for the page to offer"""

    def facts(self) -> ServedRecord:
        """Describe the model.

        Returns:
            Its entry in `GET /v1/models`.
        """
        config = self.segmenter.config
        return {
            "name": self.name,
            "digest": self.segmenter.digest,
            "network": config.network.name,
            "fusion": config.fusion.name,
            "size_px": config.data.size,
            "hears_words": self.segmenter.hears_words,
            "frame": self.segmenter.prompt_facts.frame,
            "left": self.segmenter.prompt_facts.left,
            "threshold": config.evaluate.threshold,
            "suggestions": list(self.suggestions),
        }


class Models:
    """Models by name, in the order in which they were named."""

    def __init__(self, served: Sequence[Served]) -> None:
        """Offer these models.

        Args:
            served: one or more, each of another name.
        """
        self._served = {model.name: model for model in served}

    def __iter__(self) -> Iterator[Served]:
        """Give the models in their order."""
        return iter(self._served.values())

    def named(self, name: str | None) -> Served:
        """Choose a model.

        Args:
            name: its name; None: the only one.

        Returns:
            The model.

        Raises:
            UsageError: there is no such model (it names the nearest), or none is named and there
                are several.
        """
        if name is None:
            return self._only()
        if name in self._served:
            return self._served[name]
        folder = locate.taken_up().get(name)
        for model in self:
            if model.segmenter.folder == folder:
                return model
        raise UsageError(f"no model {name[:80]!r}", remedy=nearest(name[:80], self._served))

    def _only(self) -> Served:
        # The first of several would be a guess: a polyp's model marks something in every film.
        if len(self._served) == 1:
            return next(iter(self._served.values()))
        raise UsageError(
            "no model is named",
            allowed=f"{len(self._served)} are served: {', '.join(self._served)}"[:500],
            remedy="name one of them in the field model",
        )


def open_models(runs: Sequence[Path], device: str = "auto") -> Models:
    """Load each run or model and encode a prompt with it, so that no first request waits.

    Args:
        runs: run directories or models' names; none: every model on this machine.
        device: where they run: auto, cpu, cuda, cuda:1 or mps.

    Returns:
        The models.

    Raises:
        MissingFile: a run is not there, or there is no model at all.
        BadCheckpoint: weights are damaged.
        MissingEncoder: a text encoder's files are not there.
        UsageError: two runs have one name, or the device is not here.
    """
    runs = runs or list(locate.known().values())
    if not runs:
        raise MissingFile(
            "no model to serve",
            remedy="name a run: saywhere serve runs/demo/run (`make demo` makes it)",
        )
    opened = [load(run, device=device) for run in runs]
    served = [
        Served(_name_of(run, segmenter), segmenter, _suggestions(segmenter))
        for run, segmenter in zip(runs, opened)
    ]
    names = [model.name for model in served]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(
            f"two runs are called {min(twice)!r}",
            allowed="a model is named by its folder",
            remedy="rename one of the folders",
        )
    for model in served:
        model.segmenter.embed(["the lesion"])
    return Models(served)


def _name_of(run: Path, segmenter: Segmenter) -> str:
    """Its folder's; clients of a name that another model has taken up go on calling it so."""
    if locate.taken_up().get(str(run)) == segmenter.folder:
        return str(run)
    # Resolved, since a folder given as "." has no name.
    return segmenter.folder.resolve().name


def _suggestions(segmenter: Segmenter) -> tuple[str, ...]:
    """What the model's makers offer, else the most frequent prompts of its own data."""
    offered = (read_facts(segmenter.folder).get("about") or {}).get("suggestions")
    if isinstance(offered, list) and offered:
        return tuple(str(text)[:LONGEST] for text in offered[:N_SUGGESTED])
    config = segmenter.config
    if config.data.manifest is None or not config.fusion.uses_text:
        return ()
    try:
        rows = read_manifest(Path(config.data.manifest)).rows
    except SaywhereError:
        return ()
    counted = Counter(
        text
        for row in rows
        for text in row.prompts.get(config.text.evaluate_prompts, ())[:1]
        if text
    )
    return tuple(text for text, _ in counted.most_common(N_SUGGESTED))
