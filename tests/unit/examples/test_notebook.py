"""The notebook runs from top to bottom, shows pictures, and is kept without outputs."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import saywhere

NOTEBOOK = Path(__file__).parents[3] / "examples/first_steps.ipynb"
SOURCE = Path(saywhere.__file__).parents[1]


def run(tmp_path: Path, epochs: int | None) -> list[dict[str, Any]]:
    """Every output, in order, with `EPOCHS` set; None: as it stands."""
    nbclient = pytest.importorskip("nbclient", reason="pip install 'saywhere[examples]'")
    pytest.importorskip("ipykernel", reason="pip install 'saywhere[examples]'")
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    if epochs is not None:
        (cell,) = [
            cell
            for cell in notebook.cells
            if cell.cell_type == "code" and "EPOCHS = " in cell.source
        ]
        cell.source = re.sub(r"EPOCHS = \d+", f"EPOCHS = {epochs}", cell.source)
    environment = os.environ | {
        "PYTHONPATH": str(SOURCE),
        "JUPYTER_ALLOW_INSECURE_WRITES": "1",
        "IPYTHONDIR": str(tmp_path),
    }
    client = nbclient.NotebookClient(
        notebook,
        timeout=1800,
        startup_timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env=environment)
    return [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]


def check(outputs: list[dict[str, Any]]) -> tuple[float, float]:
    """The pictures are there; returns the two numbers of the last line."""
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2
    shown = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert "Segmenter(" in shown
    assert "right − this" in shown
    (last,) = [output["text"] for output in outputs if output.get("name") == "stdout"]
    right, shuffled = map(
        float,
        re.fullmatch(r"Dice with right words (\S+), with another case's (\S+)\n", last).groups(),
    )  # type: ignore[union-attr]
    return right, shuffled


def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    right, _ = check(run(tmp_path, epochs=1))
    assert 0 <= right <= 1


@pytest.mark.slow
def test_in_full_the_words_are_heard(tmp_path: Path) -> None:
    right, shuffled = check(run(tmp_path, epochs=None))
    assert right > shuffled + 0.25


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert sys.prefix not in json.dumps(cells)
