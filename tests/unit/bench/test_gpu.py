"""benchmarks/measure/gpu.sh with small numbers on a CPU: what is packed is all that it needs."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from saywhere.config import TextConfig
from saywhere.data.manifest import read_manifest
from saywhere.errors import MissingEncoder
from saywhere.text.encoder import ENCODERS, Encoder, open_encoder

ROOT = Path(__file__).resolve().parents[3]


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"benchmarks/measure/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def packed(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of the small phantoms, with a limit that any checkout keeps."""
    folder = tmp_path_factory.mktemp("pack")
    lines = []
    for row in read_manifest(manifest).rows[::3]:
        prompts = {"p6": row.prompts["plain"], "p9": row.prompts["taught"]}
        about = {"id": row.id, "image": str(row.image), "mask": str(row.mask), "split": row.split}
        lines.append(json.dumps(about | {"prompts": prompts}) + "\n")
    source = folder / "manifest.jsonl"
    source.write_text("".join(lines))
    program("gpu_pack").main(source, folder / "gpu", 1000, packages=())
    return folder / "gpu"


def test_packed_vectors_are_the_encoders_own(packed: Path) -> None:
    encoder = program("gpu").PackedEncoder(packed / "embeddings.npz")
    assert isinstance(encoder, Encoder)
    whole = open_encoder(TextConfig())
    for key in ("name", "revision", "pooling", "dim", "max_length"):
        assert getattr(encoder, key) == getattr(whole, key)
    rows = read_manifest(packed / "data/manifest.jsonl").rows
    prompts = [row.prompts["p6"][0] for row in rows[:3]]
    np.testing.assert_allclose(encoder.embed(prompts), whole.embed(prompts), atol=1e-3)
    assert encoder.count_tokens(prompts[0]) == whole.count_tokens(prompts[0])
    with pytest.raises(MissingEncoder, match="was not packed"):
        encoder.embed(["a sentence that nobody packed"])
    assert "minilm" in ENCODERS


def test_what_does_not_fit_is_refused(manifest: Path, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="MiB even at quality"):
        program("gpu_pack").main(packed.parent / "manifest.jsonl", tmp_path / "gpu", 1, packages=())


def test_the_packages_that_travel_are_pinned() -> None:
    pack = program("gpu_pack")
    assert set(pack.PACKAGES) <= set(pack.pinned())


@pytest.mark.slow
def test_one_command_measures_and_trains_and_keeps_what_is_finished(
    packed: Path, tmp_path: Path
) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    environment = os.environ | {
        "PACK": str(packed),
        "OUT": str(tmp_path / "out"),
        "PYTHON": sys.executable,
        "TINY": "1",
        "PARTS": "unet missformer prediction seeds",
        "SECONDS_LEFT": "3000",
    }
    command = [bash, str(ROOT / "benchmarks/measure/gpu.sh")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "out/performance_cuda.json").read_text())
    assert set(found["training"]) == {"unet 4 32", "missformer 4 32"}
    assert found["prediction"]["pictures"] == 2
    assert found["training"]["unet 4 32"]["encoder"] == "cxr-bert"
    with tarfile.open(tmp_path / "out/cells.tar.gz") as archive:
        names = [Path(name).name for name in archive.getnames()]
    assert "image-augmentation-seed0.json" in names
    assert "image-text-augmentation-seed0.json" in names
    assert ended.stdout.splitlines()[-1] == "['unet', 'missformer', 'prediction', 'seed0']"
