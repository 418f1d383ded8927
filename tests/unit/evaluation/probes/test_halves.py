"""Does the mask stay in the half that was named?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from saywhere.errors import MissingFile
from saywhere.evaluation.probes.halves import probe_halves
from saywhere.hub.bundle import write
from saywhere.hub.metadata import About
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io.images import read_mask
from small_run import rows_of


def test_of_a_model_that_marks_the_left_half_whatever_is_said_half_is_inside(
    trained: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(
        self: Segmenter, pictures: list[Path], prompts: list[str], **rest: object
    ) -> list[Result]:
        found = original(self, pictures, prompts)
        for result in found:
            result.mask[:] = False
            result.mask[:, : result.mask.shape[1] // 2] = True
            result.probability[:] = 0.25
            result.probability[0, 0] = 0.75
        return found

    original = Segmenter.segment_many
    monkeypatch.setattr(Segmenter, "segment_many", left)
    summary = probe_halves(trained, tmp_path, n_cases=1000)
    rows = [row for row in rows_of(manifest) if row["split"] == "test"]
    assert summary["n"] == len(rows)
    assert summary["inside"]["mean"] == 0.5
    assert summary["empty_area"]["mean"] == 0.5
    assert summary["presence"]["mean"] == summary["empty_presence"]["mean"] == 0.75
    expected = []
    for row in rows:
        truth = read_mask(manifest.parent / row["mask"])
        marked = np.zeros_like(truth)
        marked[:, : truth.shape[1] // 2] = True
        for named in (marked, ~marked):
            if (truth & named).any():
                expected.append(
                    f1_score((truth & named).ravel(), marked.ravel(), zero_division=0.0)
                )
    assert summary["dice"]["mean"] == pytest.approx(np.mean(expected), abs=1e-9)
    assert json.loads((tmp_path / "halves.json").read_text()) == summary
    assert (tmp_path / "halves.png").is_file()


def test_a_model_that_was_passed_on_asks_for_data(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    write(trained, tmp_path / "spot", "spot", About())
    with pytest.raises(MissingFile, match=r"does not know where your data lies.*--data"):
        probe_halves(tmp_path / "spot", tmp_path / "out", n_cases=2)
    assert probe_halves(tmp_path / "spot", tmp_path / "out", n_cases=2, manifest=manifest)["n"] == 2
