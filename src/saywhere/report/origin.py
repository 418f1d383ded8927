"""How a run was made: its facts, its settings, and the versions of the software."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saywhere.config import Config
from saywhere.report.evidence import Evidence, mapping
from saywhere.report.wording import duration, is_number, thousands
from saywhere.runs.status import status_of


@dataclass(frozen=True)
class Setting:
    """A key of the configuration."""

    key: str
    """dotted, as `--set` takes it"""
    value: str
    default: str
    meaning: str

    @property
    def is_changed(self) -> bool:
        """Is it another value than the default?"""
        return self.value != self.default


def state_of(run: Path) -> str:
    """Say that a run has not finished.

    Args:
        run: a run directory.

    Returns:
        A sentence; empty for a finished run, and for one that does not tell.
    """
    status = status_of(run)
    if status is None:
        return ""
    words = status.in_words()
    return f"{words[0].upper()}{words[1:]}; {status.advice()}."


def facts(evidence: Evidence) -> list[tuple[str, str]]:
    """List what the run was made from.

    Args:
        evidence: a run's files.

    Returns:
        Name and value; unknown ones are left out.
    """
    record = evidence.record
    data = mapping(record.get("data"))
    rows = [
        ("Status", _status(evidence)),
        ("Created", record.get("created")),
        ("Took", duration(record.get("seconds"))),
        ("Manifest", data.get("manifest")),
        ("Data digest", data.get("digest")),
        ("Rows", ", ".join(f"{split} {n}" for split, n in mapping(data.get("rows")).items())),
        ("Rows set aside", data.get("quarantined")),
        ("Text encoder", _encoder(evidence)),
        ("Parameters", _parameters(evidence)),
        ("Seed", record.get("seed")),
        ("Device", record.get("device")),
        ("Precision", record.get("precision")),
        ("Threads", record.get("threads")),
        ("Platform", record.get("platform")),
    ]
    # A 0 is shown: that no row was set aside is worth knowing.
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _status(evidence: Evidence) -> object:
    """In one word; what run.json says of a killed run is no longer true."""
    status = status_of(evidence.folder)
    return evidence.record.get("status") if status is None else status.state


def versions(evidence: Evidence) -> list[tuple[str, str]]:
    """List the software that the run was made with.

    Args:
        evidence: a run's files.

    Returns:
        Name and version.
    """
    own = [("saywhere", evidence.record.get("saywhere")), ("python", evidence.record.get("python"))]
    packages = [*own, *mapping(evidence.record.get("packages")).items()]
    return [(name, str(version)) for name, version in packages if version]


def settings(config: Config | None) -> list[Setting]:
    """List every setting of a run.

    Args:
        config: the resolved configuration; None where it could not be understood.

    Returns:
        The settings in the configuration's order; empty for None.
    """
    if config is None:
        return []
    default = Config()
    rows = []
    for section in type(config).model_fields:
        chosen, usual = getattr(config, section), getattr(default, section)
        # Of the class, since pydantic gives them up on instances.
        for name, field in type(chosen).model_fields.items():
            value, standard = _shown(getattr(chosen, name)), _shown(getattr(usual, name))
            rows.append(Setting(f"{section}.{name}", value, standard, field.description or ""))
    return rows


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(part) for part in value)
    return "–" if value in (None, "") else str(value)


def _encoder(evidence: Evidence) -> str:
    encoder = mapping(evidence.record.get("encoder"))
    known = [encoder.get(key) for key in ("name", "revision", "pooling")]
    return ", ".join(str(value) for value in known if value)


def _parameters(evidence: Evidence) -> str:
    counts = mapping(evidence.record.get("parameters")).items()
    # is_number refuses True, which is an int.
    known = [(part, n) for part, n in counts if isinstance(n, int) and is_number(n)]
    return ", ".join(f"{part} {thousands(n)}" for part, n in known)
