"""A decoder that hangs, crashes or swallows memory costs one file, and no more."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.errors import UnreadableFile
from saywhere.io import decoding_pool, images, uploads
from saywhere.io.decode import TruncatedFile, decode_bytes
from saywhere.io.decoding_pool import DecodingPool, TooMuchWork


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodingPool]:
    pool = DecodingPool()
    yield pool
    pool.close()


def test_facts_and_arrays_come_back_as_they_were(pool: DecodingPool) -> None:
    content = bytes(range(256)) * 1_000
    facts, arrays = pool.run("slow_decoders:echo", content, name="ä", number=1.5)
    counted = np.frombuffer(content, np.uint8)
    assert facts["options"] == {"name": "ä", "number": 1.5}
    assert facts["process"] != os.getpid()
    wanted = [counted, counted.astype(np.float32), counted > 1, np.empty((0, 3), np.int16)]
    for array, original in zip(arrays, wanted, strict=True):
        assert (array.dtype, array.shape) == (original.dtype, original.shape)
        assert np.array_equal(array, original)
        assert array.flags.writeable


def test_one_child_stays_warm(pool: DecodingPool) -> None:
    first = pool.run("slow_decoders:echo", b"1")[0]["process"]
    n_started = pool.n_started
    again = [pool.run("slow_decoders:echo", b"1")[0]["process"] for _ in range(5)]
    assert again == [first] * 5
    assert pool.n_started == n_started


def test_a_refusal_keeps_its_class_and_its_words_and_the_child(pool: DecodingPool) -> None:
    before = pool.run("slow_decoders:echo", b"1")[0]["process"]
    with pytest.raises(UnreadableFile, match="7 heads in image; one: cut 6 off"):
        pool.run("slow_decoders:refuse", b"")
    with pytest.raises(RuntimeError, match=r"decoding failed \(ArithmeticError\)") as failed:
        pool.run("slow_decoders:fail", b"")
    assert "secret" not in str(failed.value)
    assert pool.run("slow_decoders:echo", b"1")[0]["process"] == before


def test_what_a_library_prints_is_no_answer_and_no_line_of_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    pool = DecodingPool()
    for _ in range(2):
        assert pool.run("slow_decoders:chatter", b"")[0] == {"said": True}
    pool.close()
    assert capfd.readouterr() == ("", "")
    # Which warning, and where; never the value, which may be a patient's.
    assert {record.name for record in caplog.records} == {"saywhere"}
    told = [record.getMessage() for record in caplog.records]
    assert "pydicom: the value %r is wrong" in told
    assert any("UserWarning at slow_decoders.py" in line for line in told)
    assert "Doe" not in " ".join(told)


@pytest.mark.parametrize(
    ("function", "options", "error", "words"),
    [
        ("sleep", {"seconds": 600}, TooMuchWork, "too much time"),
        ("swallow", {"n_bytes": 3_000_000_000}, TooMuchWork, "too much memory"),
        ("crash", {}, UnreadableFile, "makes its decoder crash"),
        pytest.param(
            "spin",
            {},
            TooMuchWork,
            "too much time",
            marks=pytest.mark.skipif(os.name == "nt", reason="Windows counts no processor time"),
        ),
    ],
)
def test_a_decoder_that_goes_wrong_is_ended_and_the_next_file_is_read(
    function: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    pool = DecodingPool(cpu_s=1, wall_s=5.0 if function == "sleep" else 100.0)
    pool.warm()
    with pytest.raises(error, match=words):
        pool.run(f"slow_decoders:{function}", b"1234", **options)
    facts, _ = pool.run("slow_decoders:echo", b"1")
    assert facts["options"] == {}
    assert pool.n_started == 2
    pool.close()


def test_a_file_that_hangs_holds_up_no_other() -> None:
    pool = DecodingPool(wall_s=60.0)
    pool.warm()

    def hang() -> None:
        with pytest.raises(UnreadableFile):
            pool.run("slow_decoders:sleep", b"", seconds=600)

    hanging = threading.Thread(target=hang, daemon=True)
    hanging.start()
    # It has taken the warm child once there is none to take.
    while pool._idle:
        hanging.join(0.01)
    for _ in range(3):
        assert pool.run("slow_decoders:echo", b"1")[1][0].tolist() == [49]
    assert hanging.is_alive()
    assert pool.n_started == 2
    pool.close()


def test_files_that_come_at_once_wait_for_the_warm_child_and_start_no_other() -> None:
    pool = DecodingPool(patience_s=600.0)
    pool.warm()
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(pool.run, "slow_decoders:echo", b"1") for _ in range(40)]
    assert len({run.result()[0]["process"] for run in runs}) == 1
    assert pool.n_started == 1
    pool.close()


@pytest.mark.parametrize("n_cores", [1, 2])
def test_one_child_for_each_core_stays_warm(
    n_cores: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(decoding_pool, "n_cores", lambda: n_cores)
    pool = DecodingPool(patience_s=0.01)
    sign = tmp_path / "sign"
    with ThreadPoolExecutor(3) as threads:
        waiting = [
            threads.submit(pool.run, "slow_decoders:wait", b"", sign=str(sign)) for _ in range(3)
        ]
        while pool.n_started < 3:
            threading.Event().wait(0.01)
        sign.touch()
    assert all(run.result() for run in waiting)
    assert len(pool._idle) == n_cores
    assert not pool._at_work
    pool.close()


def test_where_no_child_can_be_started_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    pool = DecodingPool()
    for _ in range(2):
        assert pool.run("slow_decoders:echo", b"1")[0]["process"] == os.getpid()
    (line,) = [record.message for record in caplog.records]
    assert "no child process can be started (Operation not permitted)" in line


def test_an_upload_is_decoded_as_a_file_is() -> None:
    random = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (40, 30, 3), np.uint8)).save(stream, "PNG")
    content = stream.getvalue()
    for channels in (1, 3):
        pixels = uploads.read_image(content, channels)
        decoded = decode_bytes(content, Path("image"))
        assert np.array_equal(pixels, images.image_pixels(decoded, Path("image"), channels))
    with pytest.raises(TruncatedFile, match="a truncated PNG"):
        uploads.read_image(content[:-20], 3)
    stream = io.BytesIO()
    Image.fromarray(np.eye(8, dtype=np.uint8) * 7).save(stream, "PNG")
    assert np.array_equal(uploads.read_mask(stream.getvalue(), "mask"), np.eye(8, dtype=bool))


def test_a_child_ends_with_its_parent() -> None:
    program = (
        "from saywhere.io.decoding_pool import DecodingPool\n"
        "pool = DecodingPool()\n"
        "print(pool.run('slow_decoders:echo', b'')[0]['process'], flush=True)\n"
        "import os; os._exit(1)"
    )
    path = os.pathsep.join(sys.path)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=os.environ | {"PYTHONPATH": path}
    )
    child = int(ended.stdout)
    for _ in range(1_000):
        if not Path(f"/proc/{child}").exists():
            return
        threading.Event().wait(0.01)
    pytest.fail("the child is still there")


def test_no_module_of_the_working_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "struct", "saywhere"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    pool = decoding_pool.DecodingPool()
    assert pool.run("slow_decoders:echo", b"1")[1][0].tolist() == [49]
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="pipes have a size of their own elsewhere")
def test_a_pipe_holds_a_picture_so_that_nobody_waits_for_each_piece(
    pool: DecodingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    pool.warm()
    (child,) = pool._idle
    for pipe in (child.stdin, child.stdout):
        assert pipe is not None
        assert fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) == decoding_pool.PIPE_BYTES

    def refuse(*_: object) -> int:
        raise PermissionError(1, "no more memory for pipes")

    # A user may have used it up: then a child is slower, and no less.
    monkeypatch.setattr(fcntl, "fcntl", refuse)
    other = DecodingPool()
    facts, _ = other.run("slow_decoders:echo", b"abc")
    assert facts["process"] != os.getpid()
    other.close()
