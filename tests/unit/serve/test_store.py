"""Nothing kept is lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.errors import NotWritable, UsageError
from saywhere.serve.store import Store
from saywhere.training.trainer import train

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
MASK = np.zeros((20, 30), bool)
MASK[3:9, 4:20] = True


def keep(store: Store, number: int, prompt: str = "one polyp, left") -> dict[str, Any]:
    return store.keep(f"{number:032x}", IMAGE, MASK, ~MASK, prompt, who="A.", model="polyp")


def test_what_is_kept_passes_the_check_of_a_training(tmp_path: Path) -> None:
    store = Store(tmp_path / "kept")
    for number in range(3):
        keep(store, number, f"polyp number {number}, “left”\n")
    report = check(read_manifest(tmp_path / "kept"), ["prompt"])
    assert [fault.reason for fault in report.faults if fault.row] == []
    assert len(report.manifest.rows) == 3


def test_another_process_finds_it_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    store.close()
    again = Store(tmp_path)
    keep(again, 1)
    keep(again, 2)
    assert [row["key"][-1] for row in again.rows()] == ["1", "2"]


def test_a_mask_kept_anew_takes_the_place_of_the_same_persons_before_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number, (who, prompt) in enumerate(
        [("A.", "left"), ("A.", "right"), ("B.", "left"), ("A.", "left"), ("A.", "left")]
    ):
        store.keep(f"{number:032x}", IMAGE, MASK, ~MASK, prompt, who=who, source="the image")
    store.keep(f"{5:032x}", IMAGE, MASK, ~MASK, "left", who="A.", source="another image")
    rows = read_manifest(tmp_path).rows
    assert [row.id[-1] for row in rows] == ["1", "2", "4", "5"]
    assert len(store.rows()) == 6  # nothing is taken out of the file
    report = check(read_manifest(tmp_path), ["prompt"])
    assert report.faults == []


def test_an_image_stays_in_the_split_and_the_group_that_somebody_gave_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number, prompt in enumerate(("left", "right")):
        store.keep(f"{number:032x}", IMAGE, MASK, ~MASK, prompt, who="A.", source="the image")
    store.close()
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(
        manifest.read_text().replace('"split": "train"', '"split": "val", "group": "patient 7"')
    )
    again = Store(tmp_path)
    again.keep(f"{2:032x}", IMAGE, ~MASK, MASK, "left", who="A.", source="the image")
    again.keep(f"{3:032x}", IMAGE, ~MASK, MASK, "left", who="A.", source="another image")
    rows = read_manifest(tmp_path).rows
    assert [(row.id[-1], row.split, row.group) for row in rows] == [
        ("1", "val", "patient 7"),
        ("2", "val", "patient 7"),
        ("3", "train", None),
    ]


def test_nothing_there_and_no_words_are_no_faults_where_a_person_kept_them(
    tmp_path: Path, config: Any, one_encoder: None
) -> None:
    store = Store(tmp_path / "kept")
    for number in range(4):
        keep(store, number, f"the spot number {number}")
    store.keep(f"{4:032x}", IMAGE, np.zeros_like(MASK), MASK, "a spot that is not there")
    store.keep(f"{5:032x}", IMAGE, MASK, MASK, " ")
    assert check(read_manifest(tmp_path / "kept"), ["prompt"]).faults == []
    changes = {
        "data.manifest": str(tmp_path / "kept"),
        "text.train_prompts": "prompt",
        "text.evaluate_prompts": "prompt",
        "text.unseen_prompts": None,
    }
    run = train(
        config.replace(**changes, **{"train.epochs": 1, "data.channels": 3}), tmp_path / "run"
    )
    assert not (run / "quarantine.jsonl").read_text()


def test_a_manifest_saved_by_an_editor_without_a_last_line_end_loses_nothing(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    for number in (1, 2):
        keep(store, number)
    store.close()
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"train"', '"val"').rstrip("\n"))
    again = Store(tmp_path)
    assert [row["key"][-1] for row in again.rows()] == ["1", "2"]
    keep(again, 3)
    assert [row.split for row in read_manifest(tmp_path).rows] == ["val", "val", "train"]


@pytest.mark.parametrize("ending", ["", "\n"])
@pytest.mark.parametrize(
    "line", ['{"id": "a", "image": "a.png", "mask": "b.png"}', "[1]", '{"id": "half, ima']
)
def test_a_folder_that_holds_another_manifest_is_refused_and_left_as_it_is(
    tmp_path: Path, line: str, ending: str
) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    store.close()
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(before := manifest.read_text() + line + "\n" + line + ending)
    with pytest.raises(
        UsageError,
        match=r"line 2 of manifest\.jsonl is nothing that was kept by this page.*--store",
    ):
        Store(tmp_path)
    assert manifest.read_text() == before


@pytest.mark.parametrize("ending", ["", "\n"])
@pytest.mark.parametrize(
    "line",
    [
        '{"id": "case a", "image": "a.png"}',
        '[{"id": "a"}]',
        "id,image,mask",
        '{"id": "case a", "image": "a.png"},',
        "[" * 100_000,
    ],
)
def test_one_line_of_another_manifest_is_enough_to_refuse(
    tmp_path: Path, line: str, ending: str
) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(before := line + ending)
    with pytest.raises(UsageError, match="line 1"):
        Store(tmp_path)
    assert manifest.read_text() == before


@pytest.mark.parametrize(
    "half",
    [
        "{",
        '{"i',
        '{"id": ',
        '{"id": "0a',
        f'{{"id": "{"0" * 32}',
        f'{{"id": "{"0" * 32}", "key": "{"0" * 32}", "ima',
    ],
)
def test_a_line_that_a_crash_cut_in_half_is_mended_and_the_rest_is_there(
    tmp_path: Path, half: str
) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    store.close()
    with (tmp_path / "manifest.jsonl").open("a") as manifest:
        manifest.write(half)
    again = Store(tmp_path)
    keep(again, 2)
    assert [
        json.loads(line)["key"][-1]
        for line in (tmp_path / "manifest.jsonl").read_text().splitlines()
    ] == ["1", "2"]


def test_one_server_at_a_time(tmp_path: Path) -> None:
    first = Store(tmp_path)
    with pytest.raises(
        UsageError, match=r"another server keeps its work in .*choose another --store"
    ):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_a_full_disk_loses_nothing_and_the_same_act_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    real = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "manifest.jsonl":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        NotWritable,
        match=r"cannot keep this \(no space left on device\).*what was kept before is still there",
    ):
        keep(store, 2)
    monkeypatch.undo()
    assert [row["key"][-1] for row in store.rows()] == ["1"]
    keep(store, 2)
    assert [row["key"][-1] for row in store.rows()] == ["1", "2"]


def test_a_write_that_stops_in_the_middle_leaves_no_half_line(tmp_path: Path) -> None:
    """A real limit on the file's size, as a quota is."""
    code = """
import resource, signal, sys
import numpy as np
from saywhere.errors import NotWritable
from saywhere.serve.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(sys.argv[1])
image, mask = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool)
store.keep("1" * 32, image, mask, mask, "one")
size = (store.folder / "manifest.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
try:
    store.keep("2" * 32, image, mask, mask, "two")
except NotWritable:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.keep("2" * 32, image, mask, mask, "two")
    print([row["prompt"] for row in store.rows()])
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "['one', 'two']"


def test_who_reads_while_others_write_loses_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            store.rows()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(40):
        keep(store, number)
    done.set()
    for reader in readers:
        reader.join()
    assert len(store.rows()) == store.n_kept == 40


def test_other_work_under_a_used_key_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, 1)
    with pytest.raises(UsageError, match="one key, one work"):
        keep(store, 1, "another prompt")


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match="choose another --store"):
        Store(tmp_path / "file" / "kept")
