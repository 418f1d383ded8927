"""What a model's folder holds, and its config.json. Reading it needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from saywhere.config import Document
from saywhere.errors import BadCheckpoint
from saywhere.evaluation.probes.probe_record import HalvesRecord, MosaicRecord
from saywhere.evaluation.summary_record import LearnedRecord, SummaryRecord
from saywhere.hub.metadata import AboutRecord
from saywhere.io import strict_json
from saywhere.runs import calibration_file, formats, locate, picture_file, presence_file
from saywhere.runs.presence_file import PresenceRecord
from saywhere.runs.run_record import RunRecord
from saywhere.text.prompt_facts import PromptFactsRecord

FORMAT = formats.MODEL_FORMAT
"""Of a model's folder, in config.json."""
CONFIG = "config.json"
FILES = (locate.BUNDLE, CONFIG, "config.toml", "README.md")
"""Files that every model has, beside the digests."""
LEARNED = (calibration_file.FILE, picture_file.FILE, presence_file.FILE)
"""What `calibrate` adds to them."""
TABLES = ("about", "config", "run", "evidence", "expected", "presence")
"""Keys of config.json that hold tables."""


class ModelEvidence(TypedDict, total=False):
    """What was measured of a run. A key is absent where nothing was measured."""

    evaluation: SummaryRecord
    """`evaluation/summary.json`, without the maker's paths"""
    mosaic: MosaicRecord
    """`probe/mosaic.json`"""
    halves: HalvesRecord
    """`probe/halves.json`"""


class TrainedRecord(RunRecord, total=False):
    """What run.json holds, without the maker's paths."""

    continued: bool
    """trained on from other weights; absent where it was not"""


class ModelFacts(TypedDict, total=False):
    """The content of a model's config.json. One of another maker may lack any key."""

    model_type: str
    """always `saywhere`"""
    format: int
    """of the folder, see `FORMAT`"""
    saywhere: str
    """the version that made it"""
    name: str
    about: AboutRecord
    """what a person says of it, see `hub.metadata.About`"""
    prompts: PromptFactsRecord
    """whose left, script and language of its prompts"""
    config: Document
    """the resolved configuration, without the maker's paths"""
    run: TrainedRecord
    """how it was trained: device, versions, seconds, seed"""
    evidence: ModelEvidence
    expected: LearnedRecord
    presence: PresenceRecord
    n_parameters: int


def read_facts(folder: Path) -> ModelFacts:
    """Read a model's config.json.

    Args:
        folder: a model's folder.

    Returns:
        Its content; empty where the file is missing or damaged, since the weights do not depend
        on it. The known tables are tables.
    """
    try:
        return read_whole_facts(folder)
    except BadCheckpoint:
        return {}


def read_whole_facts(folder: Path) -> ModelFacts:
    """Read a model's config.json, which a stranger may have written.

    Args:
        folder: a model's folder.

    Returns:
        Its content; empty where there is no such file.

    Raises:
        BadCheckpoint: it is no JSON within the limits of `strict_json`, or holds something else
            where a table belongs; its text says what.
    """
    try:
        content = strict_json.read_table(folder / CONFIG)
        for key in TABLES:
            _check_table(key, content.get(key))
        for kind, measured in (content.get("evidence") or {}).items():
            _check_table(f"evidence.{kind}", measured)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadCheckpoint(
            f"{CONFIG} cannot be used ({reason})",
            where=folder,
            remedy="pull the model again, or ask whoever made it",
        ) from None
    return content  # type: ignore[return-value]


def _check_table(key: str, value: object) -> None:
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{key[:40]} is no table")


def refuse_newer(facts: ModelFacts, where: object) -> None:
    """Refuse a model that a later version of Saywhere made, before anything else is read of it.

    Args:
        facts: its config.json. One without a number is format 1.
        where: its folder or address, for the message.

    Raises:
        BadCheckpoint: its format is newer than this version reads, or no number.
    """
    formats.refuse_newer("model", facts, where)


def files_of(folder: Path) -> list[str]:
    """List what is passed on of a model's folder.

    Args:
        folder: a model's folder.

    Returns:
        Names of files: FILES, and what `calibrate` learned where it was called.
    """
    return [*FILES, *(name for name in LEARNED if (folder / name).is_file())]
