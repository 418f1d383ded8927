"""A folder such as the pages presume: the demo's run (a small one), its phantoms, a picture, and
the checkout's configurations.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT

from page_run import PageRun
from s3_server import bucket as bucket
from saywhere.data.manifest import read_manifest
from saywhere.datasets import synthetic
from saywhere.experiments import executors
from saywhere.io import addresses
from saywhere.networks import registry
from saywhere.text import encoder
from small_run import *  # noqa: F403


@pytest.fixture
def page_run(
    evaluated: Path,
    manifest: Path,
    cxr_bert_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[PageRun]:
    shutil.copytree(evaluated, tmp_path / "runs" / "demo" / "run")
    shutil.copytree(manifest.parent, tmp_path / "runs" / "demo" / "phantoms")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "cxr-bert").symlink_to(cxr_bert_folder)
    _draw(tmp_path, manifest)
    _make_work_small(monkeypatch)
    run = PageRun(tmp_path, monkeypatch, capfd)
    with run.servers:
        yield run


@pytest.fixture
def filled_bucket(bucket: str, manifest: Path) -> str:
    """The test split's pictures with their manifest, as a page about buckets presumes them."""
    for row in read_manifest(manifest).split("test"):
        addresses.send(row.image, f"{bucket}/images/{row.image.name}")
    addresses.send(manifest, f"{bucket}/manifest.jsonl")
    return bucket


def _draw(folder: Path, manifest: Path) -> None:
    """One picture with its mask, and a folder of such pairs as users have them."""
    rows = {row.image: row for row in read_manifest(manifest).rows}.values()
    for row in rows:
        assert row.mask is not None
        for name, source in (("images", row.image), ("masks", row.mask)):
            (folder / "my_data" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / "my_data" / name / row.image.name)
            shutil.copy(source, folder / f"{name.removesuffix('s')}.png")


def _make_work_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few phantoms, and a grid's cells in this process; what a page registers is forgotten after
    it.
    """

    def few(folder: Path, **_: Any) -> Path:
        return synthetic.make_phantoms(folder, n_train=8, n_val=4, n_test=4, size=32, seed=11)

    monkeypatch.setattr("saywhere.datasets.phantoms.make_phantoms", few)
    monkeypatch.setattr(
        executors, "_processes", lambda jobs, work, side_by_side: ((job, work(job)) for job in jobs)
    )
    monkeypatch.setattr(registry, "NETWORKS", dict(registry.NETWORKS))
    monkeypatch.setattr(encoder, "ENCODERS", dict(encoder.ENCODERS))
