"""Whoever adds a part is told which files of CONTRIBUTING.md's list are still missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from saywhere.cli import info
from saywhere.config.fusions import FUSIONS
from saywhere.datasets import SETS
from saywhere.inference.writers import WRITERS
from saywhere.networks.registry import NETWORKS
from saywhere.text.encoder import ENCODERS

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = {
    "A network": "tests/networks",
    "A text encoder": "tests/encoders",
    "A fusion that joins features, inside of the network": "tests/unit/fusion",
    "A fusion before the network: another pseudo-image": "tests/unit/fusion",
    "A data set": "tests/unit/datasets",
    "An output format": "tests/unit/inference/writers",
}
"""Part of CONTRIBUTING.md → where its step on tests says that they stand."""


def parts_with_tests() -> Iterator[tuple[str, str]]:
    """Folder of tests, and the name of the code that a test there must use."""
    for network in NETWORKS.values():
        yield "tests/networks", network.__name__
    for opener in ENCODERS.values():
        yield "tests/encoders", opener.__name__
    for fusion in FUSIONS.values():
        if fusion.part:
            yield "tests/unit/fusion", fusion.part.partition(":")[2]
    for name in SETS:
        yield "tests/unit/datasets", name
    for writer in WRITERS.values():
        yield "tests/unit/inference/writers", writer.write.__module__.rpartition(".")[2]


@pytest.mark.parametrize(("folder", "name"), list(parts_with_tests()))
def test_every_part_has_tests_of_its_own(folder: str, name: str) -> None:
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / folder).glob("test_*.py")]
    assert any(re.search(rf"\b{name}\b", text) for text in tests), (
        f"no test in {folder} uses {name}: CONTRIBUTING.md says which one to write"
    )


@pytest.mark.parametrize("name", WRITERS)
def test_every_output_format_is_described(name: str) -> None:
    page = (ROOT / "docs/reference/files.md").read_text(encoding="utf-8")
    formats = page.split("## Predictions\n")[1].split("\n## ")[0]
    assert f"| `{name}`" in formats, f"docs/reference/files.md, Predictions: no line on {name}"


def test_every_encoder_has_its_facts() -> None:
    assert list(info.ENCODERS) == list(ENCODERS), "src/saywhere/cli/info.py: ENCODERS"


@pytest.mark.parametrize(("heading", "folder"), FOLDERS.items())
def test_each_list_names_files_that_are_there_and_the_folder_of_its_tests(
    heading: str, folder: str
) -> None:
    part = CONTRIBUTING.split(f"## {heading}\n")[1].split("\n## ")[0]
    named = re.findall(r"`((?:src|tests|docs|configs|benchmarks)/[\w./-]+)`", part)
    linked = re.findall(r"\]\(([\w./-]+)\)", part)
    assert any(path.startswith(f"{folder}/") for path in named)
    # NAME stands for the new part's own.
    given = [path for path in (*named, *linked) if "NAME" not in path]
    assert [path for path in given if not (ROOT / path).exists()] == []


def test_networks_with_a_depth_are_named_where_the_key_is_described() -> None:
    """`network.depth` says which networks have it, as its docs are read without torch."""
    from saywhere.config import NetworkConfig
    from saywhere.networks.registry import has_depth

    described = str(NetworkConfig.model_fields["depth"].description)
    deep = {name for name in NETWORKS if has_depth(name)}
    assert set(re.findall(r"\w+", described)) & set(NETWORKS) == deep, (
        "src/saywhere/config/model_sections.py: the description of depth"
    )
