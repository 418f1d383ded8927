"""ONNX Runtime answers as PyTorch does, and loads neither PyTorch nor transformers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saywhere
from saywhere.cli import compute
from saywhere.errors import BadCheckpoint, MissingFile, UsageError
from saywhere.hub.onnx import keep
from saywhere.hub.parity import ParityError
from saywhere.inference import onnx_files
from saywhere.inference.original_frame import to_frame
from saywhere.inference.runtimes import trial
from saywhere.inference.runtimes.exported import OnnxRuntime
from saywhere.inference.runtimes.runtime import ONNX, Runtime
from saywhere.io import cache
from saywhere.io.framing import Box
from saywhere.runs.locate import weights_file

pytest.importorskip("onnxruntime")
PROMPTS = ["the lesion in the upper left", "lower right", ""]
WITHOUT_PYTORCH = """
import json, sys
sys.argv = ["saywhere", *sys.argv[1:]]
from saywhere.__main__ import main
try:
    main()
except SystemExit as ended:
    code = ended.code
heavy = [name for name in ("torch", "transformers", "kornia") if name in sys.modules]
print(json.dumps({"code": code, "heavy": heavy}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def kept(trained: Path) -> Path:
    """The folder of the trained run's ONNX files."""
    return keep(trained)


def test_answers_are_pytorchs_to_the_tolerance_of_the_export(
    trained: Path, kept: Path, pictures: Path
) -> None:
    ours, exported = saywhere.load(trained), saywhere.load(trained, runtime="onnx")
    assert exported.digest == ours.digest, "one model, whatever computes it"
    assert repr(exported) == repr(ours)
    random = np.random.default_rng(0)
    shapes = ((32, 32), (75, 41), (20, 130))
    images = [random.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
    some = [Image.open(pictures / "one/a.png"), *images]
    pairs = [(image, prompt) for image in some for prompt in PROMPTS]
    asked = ([image for image, _ in pairs], [prompt for _, prompt in pairs])
    for one, other in zip(ours.segment_many(*asked), exported.segment_many(*asked)):
        assert other.probability.shape == one.probability.shape
        assert np.abs(one.probability - other.probability).max() < 1e-4
        assert (one.mask == other.mask).mean() >= 0.999
        assert one.pseudo_image is not None
        assert other.pseudo_image is not None
        assert np.abs(one.pseudo_image - other.pseudo_image).max() < 1e-4
        assert other.unfamiliarity == pytest.approx(one.unfamiliarity, rel=1e-3)
    long = "upper left " * 200
    assert exported.encoder.count_tokens(long) == ours.encoder.count_tokens(long)
    assert np.abs(exported.encoder.embed([long]) - ours.encoder.embed([long])).max() < 1e-4


def test_the_command_loads_neither_pytorch_nor_transformers(
    trained: Path, kept: Path, pictures: Path, tmp_path: Path
) -> None:
    call = ["predict", trained, pictures / "one", "--prompt", "never seen before: a 7th lesion"]
    options = ["--out", tmp_path / "out", "--runtime", "onnx", "--json", "--save", "mask,pseudo"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYTORCH, *map(str, call), *map(str, options)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(saywhere.__file__).parents[1])},
    )
    assert json.loads(done.stderr.splitlines()[-1]) == {"code": 0, "heavy": []}
    document = json.loads(done.stdout)
    assert len(document["predictions"]) == 2
    ours = saywhere.load(trained)
    for line in document["predictions"]:
        mask = np.asarray(Image.open(tmp_path / "out" / line["mask"])) > 0
        expected = ours.segment(line["image"], line["prompt"]).mask
        assert (mask == expected).mean() >= 0.999


def test_files_are_made_once_and_listed_with_the_cache(trained: Path, kept: Path) -> None:
    before = (kept / onnx_files.ABOUT).stat().st_mtime_ns
    assert keep(trained) == kept
    assert (kept / onnx_files.ABOUT).stat().st_mtime_ns == before
    assert [entry.what for entry in cache.list_folders() if entry.folder == kept] == [
        "a model as ONNX"
    ]


def test_auto_measures_anew_once_there_are_files_and_never_takes_them_for_mirroring(
    trained: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path))
    real = trial.measure

    def measure(runtimes: Sequence[Runtime], threshold: float) -> list[trial.Measured]:
        """ONNX Runtime is the fastest, however busy this machine is."""
        found = real(runtimes, threshold)
        return [replace(one, seconds=1.0 - (one.runtime == ONNX)) for one in found]

    monkeypatch.setattr(trial, "measure", measure)
    assert saywhere.load(trained, runtime="auto").runtime.name != ONNX
    weights = weights_file(trained)
    assert weights is not None
    shutil.copytree(kept, onnx_files.folder_for(weights))
    assert saywhere.load(trained, runtime="auto").runtime.name == ONNX
    assert saywhere.load(trained, runtime="auto", mirror=True).runtime.name != ONNX


@pytest.mark.parametrize(
    ("runtime", "device", "exports"),
    [("torch", "auto", 0), ("auto", "cuda", 0), ("auto", "cpu", 1), ("onnx", "auto", 1)],
)
def test_a_call_exports_where_that_may_help(
    runtime: str,
    device: str,
    exports: int,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path))
    exported: list[Path] = []
    monkeypatch.setattr("saywhere.hub.onnx.keep", exported.append)
    compute.export_once(trained, runtime, device, quiet=True)
    assert exported == [trained] * exports


def test_auto_goes_on_without_an_export_that_fails_and_tries_it_once(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path))
    tried: list[Path] = []

    def fails(run: Path) -> None:
        tried.append(run)
        raise ParityError("0.2 apart")

    monkeypatch.setattr("saywhere.hub.onnx.keep", fails)
    compute.export_once(trained, "auto", "cpu", quiet=True)
    assert "goes on without ONNX Runtime: 0.2 apart" in capsys.readouterr().err
    saywhere.load(trained, runtime="auto", device="cpu")
    compute.export_once(trained, "auto", "cpu", quiet=True)
    assert len(tried) == 1
    with pytest.raises(ParityError):
        compute.export_once(trained, "onnx", "cpu", quiet=True)


def test_what_cannot_be_had_is_refused_in_words(
    trained: Path, run_copy: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="the ONNX runtime on cuda; it computes on the CPU"):
        saywhere.load(trained, runtime="onnx", device="cuda")
    with pytest.raises(UsageError, match="no runtime 'onx': did you mean 'onnx'"):
        saywhere.load(trained, runtime="onx")
    with pytest.raises(UsageError, match="mirroring with the ONNX runtime"):
        saywhere.load(trained, runtime="onnx", mirror=True)
    with pytest.raises(UsageError, match="has no PyTorch network"):
        _ = saywhere.load(trained, runtime="onnx").model
    weights = weights_file(run_copy)
    assert weights is not None
    with monkeypatch.context() as patch:
        patch.setattr(onnx_files, "digest", lambda path: "0" * 64)
        with pytest.raises(MissingFile, match=r"saywhere export .* --to onnx --keep"):
            saywhere.load(run_copy, runtime="onnx")
    weights.write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(BadCheckpoint, match="not a Saywhere checkpoint"):
        saywhere.load(run_copy, runtime="onnx")


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box(0, 0, 16, 16), (240, 320)),
        (Box(2, 0, 12, 16), (37, 61)),
        (Box(0, 5, 16, 6), (9, 4)),
        (Box(0, 0, 16, 16), (1, 1)),
    ],
)
def test_answers_are_enlarged_as_pytorch_does(box: Box, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((1, 2, 16, 16), np.float32)
    expected = to_frame(torch.from_numpy(picture), box, *size)
    ours = OnnxRuntime.in_frame(None, picture, box, *size)  # type: ignore[arg-type]
    assert (ours.dtype, ours.shape) == (np.float32, (*size, 2))
    assert np.abs(ours - expected).max() < 1e-5


@pytest.mark.parametrize("package", [*onnx_files.EXPORTING, *onnx_files.RUNNING])
def test_without_one_package_no_model_is_exported_unasked(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert onnx_files.can_export()
    monkeypatch.setattr(onnx_files, "find_spec", lambda name: None if name == package else name)
    assert not onnx_files.can_export()
