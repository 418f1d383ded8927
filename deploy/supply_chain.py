"""What Saywhere is installed with: python deploy/supply_chain.py licences|sbom|hashes

`licences` fails where a package that runs with Saywhere has a licence that is not on the list of
licences.toml. `sbom` writes the same packages as CycloneDX JSON. `hashes` writes a constraints file
of the development set with the sha256 of wheels that lie in a folder. Nothing is asked of the
network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
POLICY = HERE / "licences.toml"
NOT_AT_RUN_TIME = {"dev", "docs", "examples"}
"""Extras whose packages no user's program loads."""


def closure(package: str, extras: Iterable[str]) -> set[str]:
    """Every installed package that one needs, by its canonical name, itself included.

    Args:
        package: a package that is installed.
        extras: of it.
    """
    wanted = [(canonicalize_name(package), extra) for extra in ("", *extras)]
    seen: set[tuple[str, str]] = set()
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            # Of another system or Python: a marker that holds elsewhere.
            continue
        seen.add((name, extra))
        for text in needs:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                below = canonicalize_name(need.name)
                wanted += [(below, more) for more in ("", *need.extras)]
    return {name for name, _ in seen}


def run_time() -> set[str]:
    """The packages that run with Saywhere, whichever extras a user chooses."""
    extras = metadata.metadata("saywhere").get_all("Provides-Extra") or []
    return closure("saywhere", set(extras) - NOT_AT_RUN_TIME) - {"saywhere"}


def faults(licences: Mapping[str, str], policy: Mapping[str, Any]) -> list[str]:
    """What the policy does not allow, a sentence each.

    Args:
        licences: package → its licence, as its maker wrote it.
        policy: the content of licences.toml.
    """
    allowed = {name.lower() for name in policy["allowed"]}
    packages = policy["packages"]
    problems = []
    for name, licence in sorted(licences.items()):
        if canonicalize_name(name) in packages:
            continue
        # Brackets around a part group it; in "ISC License (ISCL)" they belong to the name.
        parts = [licence] if licence.lower() in allowed else re.split(r" AND | OR |; ", licence)
        unknown = [
            part for part in parts if not {part.lower(), part.strip(" ()").lower()} & allowed
        ]
        if unknown:
            problems.append(f"{name}: {unknown[0]!r} is not on the list of {POLICY.name}")
    return problems


def of_run_time(document: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """An SBOM of the whole environment, without what does not run with Saywhere.

    Args:
        document: CycloneDX JSON.
        names: canonical names of the packages that stay.
    """
    components = [
        component
        for component in document.get("components", [])
        if canonicalize_name(component["name"]) in names
    ]
    refs = {component["bom-ref"] for component in components}
    root = document.get("metadata", {}).get("component", {}).get("bom-ref")
    dependencies = []
    for entry in document.get("dependencies", []):
        if entry["ref"] in refs | {root}:
            below = [ref for ref in entry.get("dependsOn", []) if ref in refs]
            dependencies.append({"ref": entry["ref"], "dependsOn": below})
    # Neither moment nor number of the writing: equal environments give equal files.
    about = {key: value for key, value in document["metadata"].items() if key != "timestamp"}
    rest = {key: value for key, value in document.items() if key != "serialNumber"}
    return rest | {"metadata": about, "components": components, "dependencies": dependencies}


def hash_lines(versions: Mapping[str, str], wheels: Iterable[Path]) -> Iterator[str]:
    """Lines of a constraints file: each version with the sha256 of every wheel of it.

    Args:
        versions: canonical name → version.
        wheels: files; those of other packages and versions are passed over.
    """
    digests: dict[str, list[str]] = {}
    for wheel in sorted(wheels):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        # A local version (+cpu) is another file of the same release.
        if versions.get(name) in (str(version), version.public):
            with wheel.open("rb") as file:
                digests.setdefault(name, []).append(hashlib.sha256(file.read()).hexdigest())
    for name in sorted(versions):
        hashes = "".join(f" --hash=sha256:{digest}" for digest in sorted(digests.get(name, [])))
        yield f"{name}=={versions[name]}{hashes}" if hashes else f"# {name}: no wheel here"


def main() -> int:
    """Run one of the three; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["licences", "sbom", "hashes"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--wheels", type=Path, help="a folder of wheels, for hashes")
    given = parser.parse_args()
    if given.task == "licences":
        return _licences()
    if given.task == "sbom":
        text = json.dumps(of_run_time(_environment(), run_time()), indent=1) + "\n"
    else:
        names = closure("saywhere", {"dev"}) - {"saywhere"}
        versions = {name: metadata.version(name).partition("+")[0] for name in names}
        text = "\n".join(hash_lines(versions, given.wheels.rglob("*.whl"))) + "\n"
    given.out.write_text(text, encoding="utf-8")
    missing = re.findall(r"^# .*", text, re.MULTILINE)
    print("\n".join(missing) or f"{given.out} is written")
    return bool(missing)


def _licences() -> int:
    names = run_time()
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"]
    listed = subprocess.run(
        [*command, "--with-system"], check=True, capture_output=True, text=True
    ).stdout
    licences = {
        package["Name"]: package["License"]
        for package in json.loads(listed)
        if canonicalize_name(package["Name"]) in names
    }
    problems = faults(licences, tomllib.loads(POLICY.read_text(encoding="utf-8")))
    print(
        "\n".join(problems) or f"{len(licences)} packages at run time, each licence is on the list"
    )
    return bool(problems)


def _environment() -> dict[str, Any]:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--of", "JSON"]
    written = subprocess.run([*command, sys.executable], check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(written.stdout)
    return document


if __name__ == "__main__":
    sys.exit(main())
