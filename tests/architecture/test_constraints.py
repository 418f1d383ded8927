"""constraints.txt pins each package once, so that a fresh machine can install."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LINES = (Path(__file__).parents[2] / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if line.strip() and not line.startswith("#")]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")


def test_no_package_has_two_pins_on_one_python() -> None:
    for version in VERSIONS:
        # A merge of two branches once kept both pins of a package, and pip refused them.
        names = Counter(
            canonicalize_name(pin.name)
            for pin in PINS
            if pin.marker is None or pin.marker.evaluate({"python_version": version})
        )
        assert [name for name, count in names.items() if count > 1] == [], version


def test_every_pin_is_one_version() -> None:
    for pin in PINS:
        assert [each.operator for each in pin.specifier] == ["=="], str(pin)
