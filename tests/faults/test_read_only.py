"""A folder that may not be written to: one clear error, nothing half done. Refusals are injected:
root may write anywhere.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from saywhere.__main__ import main
from saywhere.config import Config
from saywhere.errors import NotWritable
from saywhere.evaluation.evaluate import evaluate
from saywhere.training.trainer import train

REFUSALS = [errno.EROFS, errno.EACCES, errno.EPERM]


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], None]:
    """`read_only(folder, refusal)`: nothing below it may be made, changed or removed."""

    def protect(folder: Path, refusal: int) -> None:
        def guarded(name: str) -> None:
            original = getattr(Path, name)

            def refuse(path: Path, *inputs: Any, **options: Any) -> Any:
                is_read = name == "open" and not set(
                    str(inputs[0] if inputs else options.get("mode", "r"))
                ) & set("wax+")
                if (
                    path.is_relative_to(folder)
                    and not is_read
                    and not (name == "mkdir" and path.is_dir() and options.get("exist_ok"))
                ):
                    raise OSError(
                        refusal,
                        "Read-only file system" if refusal == errno.EROFS else "Permission denied",
                        str(path),
                    )
                return original(path, *inputs, **options)

            monkeypatch.setattr(Path, name, refuse)

        for name in (
            "write_bytes",
            "write_text",
            "mkdir",
            "unlink",
            "rename",
            "replace",
            "touch",
            "open",
        ):
            guarded(name)

    return protect


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_training_that_may_not_make_its_folder(
    read_only: Callable[[Path, int], None], config: Config, tmp_path: Path, refusal: int
) -> None:
    read_only(tmp_path / "place", refusal)
    with pytest.raises(
        NotWritable,
        match=r"cannot write .*place.* \((read-only|permission).*: "
        "choose a folder that you may write to",
    ) as caught:
        train(config, tmp_path / "place/run")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_run_that_became_read_only_is_neither_resumed_nor_evaluated_but_predicts(
    read_only: Callable[[Path, int], None],
    config: Config,
    run_copy: Path,
    manifest: Path,
    refusal: int,
) -> None:
    from saywhere.inference.segmenter import load

    before = {path: path.read_bytes() for path in run_copy.rglob("*") if path.is_file()}
    read_only(run_copy, refusal)
    with pytest.raises(NotWritable, match="cannot write"):
        train(config, run_copy, resume=True)
    with pytest.raises(NotWritable, match="cannot write"):
        evaluate(run_copy, words=["right"])
    assert {path: path.read_bytes() for path in run_copy.rglob("*") if path.is_file()} == before
    assert load(run_copy).segment(manifest.parent / "images/test_0000.png", "left").mask.shape == (
        32,
        32,
    )


def test_on_the_command_line_it_is_one_sentence(
    read_only: Callable[[Path, int], None],
    trained: Path,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read_only(tmp_path / "out", errno.EROFS)
    picture = manifest.parent / "images/test_0000.png"
    monkeypatch.setattr(
        "sys.argv",
        [
            "saywhere",
            "predict",
            str(trained),
            str(picture),
            "--prompt",
            "left",
            "--out",
            str(tmp_path / "out"),
        ],
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("saywhere: cannot write ")


def test_a_cache_that_may_not_be_written_is_said_and_not_needed(
    read_only: Callable[[Path, int], None],
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(config, tmp_path / "cached")
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    read_only(tmp_path / "cache", errno.EROFS)
    with caplog.at_level(logging.WARNING, "saywhere"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "cache").exists()
    for what in ("text embeddings", "decoded pictures"):
        (line,) = [text for text in caplog.messages if f"no cache of {what}: cannot write" in text]
        assert "set SAYWHERE_CACHE to a folder that you may write to" in line
    weights = [
        (tmp_path / run / "checkpoints/last/checkpoint.safetensors") for run in ("cached", "run")
    ]
    first, second = (load_file(path) for path in weights)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_folder_on_a_read_only_copy_still_answers(
    trained: Path, tmp_path: Path, manifest: Path
) -> None:
    from saywhere.inference.segmenter import load

    copy = shutil.copytree(trained, tmp_path / "copy")
    for path in [*copy.rglob("*"), copy]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert load(copy).segment(
            manifest.parent / "images/test_0000.png", "left"
        ).probability.shape == (32, 32)
    finally:
        for path in [copy, *copy.rglob("*")]:
            path.chmod(0o755)
