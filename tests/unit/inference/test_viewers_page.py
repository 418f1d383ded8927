"""The commands of the guide to viewers, with files of this test, and what they write."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from console import Ended, invoke
from dicom_file import make, to_bytes
from orthanc_server import orthanc
from saywhere.io import dicomweb

pytest.importorskip("highdicom")
PAGE = Path(__file__).parents[3] / "docs/how-to/viewers.md"
COMMANDS = [
    shlex.split(line)
    for line in re.findall(r"^saywhere (predict .*)$", PAGE.read_text(encoding="utf-8"), re.M)
]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    return lambda *arguments: invoke(monkeypatch, capfd, *arguments)


def test_each_command_of_the_guide_writes_what_it_says(
    say: Callable[..., Ended], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = make(np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8))
    (tmp_path / "study").mkdir()
    (tmp_path / "study/1.dcm").write_bytes(to_bytes(dataset))
    Image.new("RGB", (50, 40)).save(tmp_path / "image.png")
    slicer, archive, qupath = COMMANDS
    # The guide's model marks polyps; this run marks anything at this threshold.
    lower = ("--threshold", "0.001")
    ended = say(*_with_run(slicer, trained), *lower)
    assert ended.code == 0, ended.err
    assert len(list((tmp_path / "masks").glob("*-seg.dcm"))) == 1
    ended = say(*_with_run(qupath, trained), *lower)
    assert ended.code == 0, ended.err
    assert (tmp_path / "masks/image.geojson").is_file()
    with orthanc(tmp_path) as port:
        root = f"dicomweb://127.0.0.1:{port}/dicom-web/studies/{dataset.StudyInstanceUID}"
        dicomweb.store(dicomweb.parse(root), [to_bytes(dataset)])
        shown = "dicomweb://pacs.example.org/dicom-web/studies/1.2.3"
        words = [root if word == shown else word for word in _with_run(archive, trained)]
        ended = say(*words, *lower)
        assert (ended.code, "1 DICOM SEG stored" in ended.out) == (0, True), ended


def _with_run(command: list[str], run: Path) -> list[str]:
    assert command[:2] == ["predict", "polyp"]
    return ["predict", str(run), *command[2:]]
