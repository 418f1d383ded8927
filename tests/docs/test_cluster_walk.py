"""The cluster guide, command by command, against a Ray head of this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pages import ROOT, commands, snippets

import saywhere
from page_run import PageRun
from ray_head import PATIENT, Head, ray_head
from saywhere.io import addresses

PAGE = "docs/how-to/cluster.md"
OURS = "tests/docs/test_cluster_walk.py"
GRID = """table = "policies"
title = "two"
base = "runs/demo/run/config.toml"
seeds = [0]
reference = "words"
set = { "train.epochs" = 1, "train.steps_per_epoch" = 2, "train.batch_size" = 2 }
axis = [[
  { label = "words", set = {} },
  { label = "image only", set = { "fusion.name" = "none" } },
]]
"""


class Walk:
    """What a reader types, in the shell in which he types it."""

    def __init__(self, folder: Path, bucket: str, stack: ExitStack) -> None:
        self.folder, self.bucket, self.stack = folder, bucket, stack
        here = f"{Path(saywhere.__file__).parents[1]}"
        self.environment = {**PATIENT, "HOME": str(folder), "PYTHONPATH": here}
        self.head: Head | None = None
        self.token = ""
        self.walked: list[str] = []

    def type(self, words: list[str]) -> None:
        """One command of the page."""
        if words[0] == "pip":
            return
        self.walked.append(" ".join(words[:3]))
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.environment[name] = value.replace("TOKEN", self.token)
        elif words[:2] == ["ray", "start"]:
            self.head = self.stack.enter_context(ray_head(words, self.environment))
        else:
            done = self.ended(words)
            assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
            if words[:2] == ["ray", "get-auth-token"]:
                self.token = done.stdout.split()[-1]

    def ended(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        words = [word.replace("s3://BUCKET", self.bucket) for word in words]
        environment = {**os.environ, **self.environment}
        if self.head is not None:
            words = [word.replace("HOST:10001", self.head.client) for word in words]
            environment["RAY_ADDRESS"] = self.head.address
        if words[0] == "saywhere":
            # The page's model is not made by tests.
            model = [word.replace("polyp", "runs/demo/run") for word in words[1:]]
            words = [sys.executable, "-m", "saywhere", *model]
        else:
            words = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
        return subprocess.run(
            words,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )


@pytest.fixture
def walk(page_run: PageRun, filled_bucket: str) -> Iterator[Walk]:
    pytest.importorskip("ray.data", reason="the extra `cluster` is not installed")
    (page_run.folder / "policies.toml").write_text(GRID, encoding="utf-8")
    with ExitStack() as stack:
        yield Walk(page_run.folder, filled_bucket, stack)


@pytest.mark.slow
def test_the_cluster_guide_walks_from_its_text(walk: Walk) -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for block in snippets(page):
        if OURS in (block.reason or ""):
            for words in commands(block.code):
                walk.type(words)
    assert walk.walked == [
        "export RAY_AUTH_MODE=token",
        "ray get-auth-token --generate",
        "ray start --head",
        "saywhere experiment policies.toml",
        "export RAY_AUTH_MODE=token",
        "export RAY_AUTH_TOKEN=TOKEN",
        "saywhere experiment policies.toml",
        "saywhere predict polyp",
    ]
    # The grid was finished on the cluster, and the second call had nothing to do.
    results = walk.folder / "results" / "policies"
    assert len(list(results.glob("*-seed0.json"))) == 2
    _is_as_here(walk)
    _needs_its_token(walk)


def _is_as_here(walk: Walk) -> None:
    """What the workers wrote into the bucket is what this process writes."""
    table = ["--manifest", f"{walk.bucket}/manifest.jsonl", "--split", "test"]
    job = ["runs/demo/run", *table, "--format", "parquet"]
    done = walk.ended(["saywhere", "predict", *job, "--out", "here", "--quiet"])
    assert done.returncode == 0, done.stderr
    for name in ("predictions.jsonl", "predictions.parquet"):
        copied = walk.folder / "afar" / name
        addresses.fetch(f"{walk.bucket}/predicted/{name}", copied)
        assert copied.read_bytes() == (walk.folder / "here" / name).read_bytes()


def _needs_its_token(walk: Walk) -> None:
    """Who does not say that there is a token is told so, without Ray's own words."""
    del walk.environment["RAY_AUTH_MODE"]
    picture = ["image.png", "--prompt", "disc", "--out", "refused"]
    line = ["saywhere", "predict", "runs/demo/run", *picture, "--on", "ray://HOST:10001"]
    done = walk.ended(line)
    assert done.returncode == 2
    assert "export RAY_AUTH_MODE=token" in done.stderr
    assert "Warning" not in done.stderr
