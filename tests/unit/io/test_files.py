from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from saywhere.errors import NotWritable
from saywhere.io import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    files.write_bytes(path, b"old")

    def write_and_fail() -> None:
        with files.writing(path) as temporary:
            temporary.write_bytes(b"half of the n")
            raise RuntimeError("a bug in the body")

    with pytest.raises(RuntimeError, match="a bug in the body"):
        write_and_fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = {bytes([n]) * 200_000 for n in range(8)}
    seen = set()
    files.write_bytes(path, min(contents))
    is_done = threading.Event()

    def read() -> None:
        while not is_done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for content in sorted(contents) * 5:
        files.write_bytes(path, content)
    is_done.set()
    reader.join()
    assert seen <= contents


def test_a_killed_write_leaves_the_old_file_and_a_temporary_that_the_sweep_removes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "weights"
    files.write_bytes(path, b"old")
    script = f"""
import os, signal
from pathlib import Path
from saywhere.io.files import writing
with writing(Path({str(path)!r})) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run([sys.executable, "-c", script], check=False)
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    mine = tmp_path / f".weights.{os.getpid()}.tmp"
    mine.write_bytes(b"still being written")
    assert len(files.sweep(tmp_path)) == 1
    assert sorted(tmp_path.iterdir()) == sorted([path, mine])


@pytest.mark.parametrize(
    ("code", "said", "remedy"),
    [
        (errno.ENOSPC, "no space left on device", "make room"),
        (errno.EROFS, "read-only file system", "choose a folder"),
        (errno.EACCES, "permission denied", "choose a folder"),
    ],
)
def test_a_disk_that_refuses_is_named_with_path_and_free_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str, remedy: str
) -> None:
    path = tmp_path / "report.html"
    files.write_text(path, "old")

    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(NotWritable) as caught:
        files.write_text(path, "new")
    message = str(caught.value)
    assert str(path) in message
    assert said in message
    assert "bytes free" in message
    assert remedy in message
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_where_a_folder_is_needed_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NotWritable, match="choose a folder"):
        files.write_text(tmp_path / "taken" / "report.html", "new")


def test_a_folder_that_no_one_can_make_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:  # as /proc does
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        NotWritable, match=r"cannot write .*made/file.txt \(no such file or directory"
    ):
        files.write_text(tmp_path / "made" / "file.txt", "text")


def test_an_error_about_another_file_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    def read_what_is_not_ours() -> None:
        with files.writing(tmp_path / "ours"):
            raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "theirs"))

    with pytest.raises(PermissionError, match="theirs"):
        read_what_is_not_ours()


def test_json_holds_plain_values_and_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.json"
    files.write_json(
        path,
        {
            "dice": np.float32(0.5),
            "n": np.int64(3),
            "worst": float("inf"),
            "path": Path("a/b"),
            "each": np.array([1.0, np.nan]),
            "ü": (1,),
        },
    )
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {
        "dice": 0.5,
        "n": 3,
        "worst": None,
        "path": "a/b",
        "each": [1.0, None],
        "ü": [1],
    }
    assert "ü" in text


def test_an_addition_is_there_when_it_returns_and_a_refused_one_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.jsonl"
    files.append_bytes(path, b"one\n")
    files.append_bytes(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (_ for _ in ()).throw(full))
    with pytest.raises(NotWritable, match=r"cannot write .*ledger\.jsonl .*no space left"):
        files.append_bytes(path, b"three\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_folder_that_another_process_put_there_in_between_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "store"
    with files.writing_folder(place) as temporary:
        (temporary / "ours").touch()
        place.mkdir()
        (place / "theirs").touch()
        monkeypatch.setattr(Path, "exists", lambda self: False)  # it came right after the look
    monkeypatch.undo()
    assert [path.name for path in tmp_path.rglob("*")] == ["store", "theirs"]
