"""What the README and docs/service.md show works over real HTTP: curl lines and Python client."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unit.serve.served import serving

ROOT = Path(__file__).parents[3]
TEXTS = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/service.md")]
CURLS = sorted(
    {
        line.removeprefix("$ ")
        for text in TEXTS
        for line in text.splitlines()
        # An archive is fetched from in test_dicom_answer.py.
        if re.match(r"(\$ )?curl (?!.*reference=).*:7860/v1/", line)
    }
)
SHOWN = "http://127.0.0.1:7860/"


@pytest.fixture(scope="module")
def served(
    trained: Path, manifest: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("client")
    shutil.copy(manifest.parent / "images/test_0000.png", folder / "image.png")
    if find_spec("highdicom"):
        from dicom_file import file, ramp
        from unit.serve.test_volumes import packed, series

        (folder / "film.dcm").write_bytes(file(ramp(900)))
        (folder / "ct.zip").write_bytes(packed(series()))
    if find_spec("nibabel"):
        import nibabel

        voxels = np.arange(20 * 20 * 18, dtype=np.int16).reshape(20, 20, 18)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / "ct.nii.gz")
    with serving(trained, folder=folder) as (_, address):
        yield address, folder


def nibabel_shape(path: Path) -> tuple[int, ...]:
    import nibabel

    shape: tuple[int, ...] = nibabel.load(path).shape
    return shape


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize("line", CURLS)
def test_a_line_of_curl(served: tuple[str, Path], line: str) -> None:
    address, folder = served
    if "dicom" in line:
        pytest.importorskip("highdicom")
    if ".nii" in line:
        pytest.importorskip("nibabel")
    words = shlex.split(line.replace(SHOWN, address), comments=True)
    ended = subprocess.run(
        [words[0], "--noproxy", "*", "-sSf", *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    if "-o" not in words:
        assert {"results", "models", "prompt"} & set(json.loads(ended.stdout))
        return
    written = folder / words[words.index("-o") + 1]
    if written.suffix == ".png":
        assert set(np.unique(np.asarray(Image.open(written)))) <= {0, 255}
    elif written.suffix == ".dcm":
        assert written.read_bytes()[128:132] == b"DICM"
    else:
        assert nibabel_shape(written) == (20, 20, 18)


def test_five_lines_of_python(served: tuple[str, Path]) -> None:
    address, folder = served
    (code,) = re.findall(r"```python\n(import requests\n.*?)```", TEXTS[1], re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    pytest.importorskip("requests")
    environment = os.environ | {"no_proxy": "*"}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code.replace(SHOWN, address)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(
        r"upper left \(\d+, \d+\) \d+\nlower right \(\d+, \d+\) \d+\n", ended.stdout
    )


def test_there_is_something_to_test() -> None:
    assert len(CURLS) >= 4
