"""What run.json says: one flat table, written in one order."""

from __future__ import annotations

from saywhere.runs.formats import RUN_FORMAT
from saywhere.runs.process import this_process
from saywhere.runs.run_facts import DataFacts, RunFacts, versions


def test_versions_are_those_that_are_imported() -> None:
    import kornia
    import torch

    packages = versions().packages
    assert (packages["torch"], packages["kornia"]) == (torch.__version__, kornia.__version__)


def test_versions_stand_beside_the_other_keys() -> None:
    data = DataFacts("m.jsonl", "0", {"train": 2, "validation": 1}, 0)
    facts = RunFacts(
        versions=versions(),
        status="running",
        process=this_process(),
        created="2026-01-01T00:00:00Z",
        device="cpu",
        threads=1,
        precision="32-true",
        seed=0,
        reproducibility="With one thread.",
        data=data,
        arm={"name": "fuse-first"},
        encoder=None,
        parameters={"network": 3, "text": 0},
        warnings=[],
    )
    document = facts.to_json()
    assert list(document)[:7] == [
        "format",
        "saywhere",
        "commit",
        "packages",
        "python",
        "platform",
        "status",
    ]
    assert document["data"]["rows"] == {"train": 2, "validation": 1}
    assert document["encoder"] is None
    assert document["format"] == RUN_FORMAT
