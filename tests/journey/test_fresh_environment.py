"""A researcher's first day: the wheel that is built here, installed into an environment of its own,
used from a folder that is not the checkout.

The dependencies are this environment's (a path file lends them: installing gigabytes anew would
test pip); Saywhere itself is the wheel alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
DAY = """
import json
from pathlib import Path
import numpy as np
import saywhere

manifest = saywhere.make_phantoms("phantoms", n_train=24, n_val=4, n_test=6, size=32)
config = saywhere.Config().replace(**{
    "data.manifest": str(manifest),
    "data.size": 32,
    "data.channels": 1,
    "text.train_prompts": "taught",
    "text.evaluate_prompts": "plain",
    "network.width": 4,
    "train.epochs": 1,
    "train.device": "cpu",
    "train.threads": 1,
    "train.precision": "32-true",
    "evaluate.bootstrap": 200,
})
run = saywhere.train(config, "run")
summary = saywhere.evaluate(run, words=["right", "shuffled"])
image = np.full((50, 70, 3), 90, np.uint8)
left, right = saywhere.load(run).segment_many([image, image], ["upper left", "lower right"])
left.save("out", "left")
print(json.dumps({
    "from": saywhere.__file__,
    "version": saywhere.__version__,
    "n": summary["n"],
    "size": left.mask.shape,
    "is_bool": left.mask.dtype == bool,
    "differ": bool((left.pseudo_image != right.pseudo_image).any()),
    "saved": sorted(path.name for path in Path("out").iterdir()),
    "said": saywhere.describe(left.probability > 2, "polyp"),
    "case": len(saywhere.Dataset("phantoms", prompts="plain", size=32)[0]),
}))
"""
GRID = """
table = "first"
title = "With words and without"
base = "run/config.toml"
seeds = [0]
threads = 1
reference = "words"
axis = [[{ label = "words" }, { label = "image only", set = { "fusion.name" = "none" } }]]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network."""
    pytest.importorskip("hatchling", reason="pip install 'saywhere[dev]'")
    folder = tmp_path_factory.mktemp("wheel")
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--wheel-dir",
            str(folder),
            str(ROOT),
        ],
        folder,
    )
    (built,) = folder.glob("saywhere-*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with this wheel; returns its folder of programs."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    (site,) = folder.glob("lib/python*/site-packages")
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(programs / "python"),
            "install",
            "--no-deps",
            "--no-index",
            str(wheel),
        ],
        folder,
    )
    (site / "lent.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages"))
    )  # last: what it lends, pip must not replace
    return programs


def test_words_become_a_mask_right_after_the_install(fresh: Path, tmp_path: Path) -> None:
    """An annotator's first minute: no run, no model of one's own."""
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "image.png")
    program = str(fresh / "saywhere")
    listed = json.loads(_run([program, "models", "list", "--json"], tmp_path))
    assert {"general", "lung-infection"} <= {model["name"] for model in listed}
    assert {"polyp", "skin-lesion", "lungs", "breast-tumour"} <= {
        name for model in listed for name in model["other_names"]
    }
    _run(
        [
            program,
            "predict",
            "polyp",
            "image.png",
            "--prompt",
            "one small round polyp, right of the image",
            "--out",
            "masks",
        ],
        tmp_path,
    )
    (answer,) = (
        json.loads(line) for line in (tmp_path / "masks/predictions.jsonl").read_text().splitlines()
    )
    with Image.open(next((tmp_path / "masks").glob("*-mask.png"))) as mask:
        assert mask.size == (64, 48)
    assert 0 <= answer["presence"] <= 1


@pytest.mark.slow
def test_from_the_wheel_to_a_table_in_a_folder_of_ones_own(fresh: Path, tmp_path: Path) -> None:
    day = json.loads(_run([str(fresh / "python"), "-c", DAY], tmp_path).splitlines()[-1])
    assert Path(day.pop("from")).is_relative_to(fresh.parent)
    assert day.pop("version")
    assert day.pop("n") > 6
    saved = [f"left-{part}.png" for part in ("mask", "overlay", "probability", "pseudo")]
    assert day == {
        "size": [50, 70],
        "is_bool": True,
        "differ": True,
        "saved": sorted(saved),
        "said": "no polyp",
        "case": 4,
    }
    (tmp_path / "grid.toml").write_text(GRID)
    program = str(fresh / "saywhere")
    _run([program, "experiment", "grid.toml", "--out", "results"], tmp_path)
    table = _run([program, "compare", "results/first"], tmp_path)
    assert "| words | 1 |" in table
    assert "| image only | 1 |" in table
    _run([program, "report", "run", "--out", "report.html"], tmp_path)
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_the_wheel_carries_its_types_and_its_templates(wheel: Path) -> None:
    from zipfile import ZipFile

    names = set(ZipFile(wheel).namelist())
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "saywhere").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"saywhere/py.typed", "saywhere/report/templates/report.html.j2"} <= expected <= names


def _run(command: list[str], folder: Path) -> str:
    """In a folder, without a path to the checkout; returns what it printed."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_"))
    } | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    found = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout
