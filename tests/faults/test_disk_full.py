"""A full disk: one clear error, and what was written before still loads (R8)."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.config import Config
from saywhere.errors import NotWritable
from saywhere.evaluation.evaluate import evaluate
from saywhere.inference.batch import run_jobs
from saywhere.inference.requests import jobs_for
from saywhere.inference.segmenter import Segmenter
from saywhere.runs.checkpoint import load
from saywhere.training.trainer import train


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`full(name)`: from now on writes to files of this name end halfway, for want of room."""

    def fill(name: str) -> None:
        write_bytes = Path.write_bytes

        def refuse(path: Path, content: bytes) -> int:
            if name not in path.name:
                return write_bytes(path, content)
            write_bytes(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        opened = Path.open

        def refuse_opened(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
            if name in path.name and "w" in mode:
                raise OSError(errno.ENOSPC, "No space left on device")
            return opened(path, mode, *more, **options)

        monkeypatch.setattr(Path, "write_bytes", refuse)
        monkeypatch.setattr(Path, "open", refuse_opened)

    return fill


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "metrics.jsonl", "run.json"])
def test_a_training_says_so_and_its_last_checkpoint_loads_and_resumes(
    full: Callable[[str], None],
    config: Config,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 7:
            full(name)

    with pytest.raises(
        NotWritable,
        match=rf"cannot write .*{name} \(no space left on device; [\d,]+ bytes free\): "
        "make room on the disk",
    ) as caught:
        train(config, tmp_path / "run", listen=listen)
    assert caught.value.exit_code == 1
    assert load(tmp_path / "run/checkpoints/last").state["epoch"] >= 1
    assert load(tmp_path / "run/checkpoints/best").state["epoch"] >= 1
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.undo()
    train(config, tmp_path / "run", resume=True)
    for kept in ("checkpoints/last/checkpoint.safetensors", "metrics.jsonl"):
        assert (tmp_path / "run" / kept).read_bytes() == (trained / kept).read_bytes()


def test_an_evaluation_leaves_the_one_before(full: Callable[[str], None], run_copy: Path) -> None:
    evaluate(run_copy, words=["right"])
    before = {path.name: path.read_bytes() for path in (run_copy / "evaluation").glob("*.*")}
    full("cases.csv")
    with pytest.raises(NotWritable, match=r"cannot write .*cases\.csv"):
        evaluate(run_copy, words=["right", "empty"])
    assert {
        path.name: path.read_bytes() for path in (run_copy / "evaluation").glob("*.*")
    } == before


def test_predictions_stop_with_the_reason(
    full: Callable[[str], None], trained: Path, manifest: Path, tmp_path: Path
) -> None:
    full("predictions.jsonl")
    jobs = jobs_for([manifest.parent / "images/test_0000.png"], ["left"])
    with pytest.raises(NotWritable, match=r"cannot write .*predictions\.jsonl"):
        run_jobs(Segmenter(trained), jobs, tmp_path / "out")


def test_a_limit_of_the_system_itself_is_met_in_one_sentence(
    children: Any, toml: Path, tmp_path: Path
) -> None:
    ended = children.run("train", toml, "--out", tmp_path / "run", file_kib=200)
    assert ended.code == 1
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("saywhere: cannot write ")
    assert "checkpoint.safetensors (file too large;" in last
    assert "Traceback" not in ended.err
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "failed"
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_store_that_does_not_fit_is_no_crash(
    children: Any, config: Config, tmp_path: Path
) -> None:
    from saywhere.datasets.synthetic import make_phantoms

    manifest = make_phantoms(tmp_path / "set", n_train=40, n_val=2, n_test=2, size=64)
    path = tmp_path / "c.toml"
    path.write_text(
        config.replace(
            **{"data.manifest": str(manifest), "data.size": 64, "fusion.name": "none"}
        ).to_toml()
    )
    ended = children.run("train", path, "--out", tmp_path / "run", file_kib=100)
    assert ended.code == 1
    assert ended.err.strip().splitlines()[-1].startswith("saywhere: cannot write ")
    assert not (tmp_path / "run").exists()
    assert np.all([not path.name.endswith(".tmp") for path in tmp_path.rglob("*")])


def test_a_disk_with_less_room_than_the_store_needs_is_no_crash_either(
    children: Any, config: Config, tmp_path: Path
) -> None:
    """Writing to mapped memory without room behind it would end the process by SIGBUS."""
    import subprocess

    from saywhere.datasets.synthetic import make_phantoms

    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        manifest = make_phantoms(tmp_path / "set", n_train=60, n_val=2, n_test=2, size=64)
        path = tmp_path / "c.toml"
        path.write_text(
            config.replace(
                **{"data.manifest": str(manifest), "data.size": 64, "fusion.name": "none"}
            ).to_toml()
        )
        ended = children.run("train", path, "--out", tmp_path / "run", cache=str(small / "cache"))
        assert ended.code == 1, ended.err
        assert "(no space left on device;" in ended.err.strip().splitlines()[-1]
        assert not [path for path in (small / "cache/stores").iterdir()]
    finally:
        subprocess.run(["umount", str(small)], capture_output=True, check=False)
