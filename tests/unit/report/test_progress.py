"""Where a grid stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from saywhere.experiments.grid import Grid
from saywhere.report.progress import write_progress


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    (tmp_path / "base.toml").write_text("[train]\nepochs = 3\n")
    axis = [[{"label": "image"}, {"label": "<text>", "set": {"text.blank": 0.1}}]]
    return Grid.model_validate(
        {
            "table": "t",
            "title": "A & B",
            "base": tmp_path / "base.toml",
            "seeds": [0, 1],
            "jobs": 2,
            "axis": axis,
        }
    )


def write(folder: Path, name: str, content: object) -> None:
    (folder / "t").mkdir(exist_ok=True)
    (folder / "t" / f"{name}.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


def test_it_counts_what_is_finished_failed_and_left_and_says_when_it_will_end(
    grid: Grid, tmp_path: Path
) -> None:
    finished = {
        "status": "finished",
        "seconds": 300,
        "summary": {"words": {"right": {"dice_mean": {"mean": 0.8125}}}},
    }
    write(tmp_path, "image-seed0", finished)
    write(tmp_path, "text-seed0", {"status": "failed", "reason": "no <manifest>"})
    write(tmp_path, "image-seed1", '{"status": "fin')
    page = write_progress(grid, tmp_path, side_by_side=2).read_text()
    shown = re.sub(r"<[^>]+>", "", page)
    assert "1 of 4 cells finished · 1 failed · 2 left · about 5 min to go" in " ".join(
        shown.split()
    )
    assert "0.812" in page
    assert "failed: no &lt;manifest&gt;" in page
    assert "&lt;text&gt;" in page
    assert 'http-equiv="refresh"' in page


def shown(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", page.read_text()).split())


def test_the_end_is_of_the_seeds_that_run_by_what_their_kind_of_cell_takes(
    grid: Grid, tmp_path: Path
) -> None:
    done = {"status": "finished", "summary": {"words": {"right": {"dice_mean": {"mean": 0.8}}}}}
    write(tmp_path, "image-seed0", done | {"seconds": 60})
    write(tmp_path, "text-seed0", done | {"seconds": 600})
    assert "2 left · about 11 min to go." in shown(write_progress(grid, tmp_path, side_by_side=1))
    assert "2 left · about 6 min to go." in shown(write_progress(grid, tmp_path, side_by_side=2))
    assert "2 left · about 11 min to go for seed 1." in shown(
        write_progress(grid, tmp_path, [1], side_by_side=1)
    )
    assert "2 left. As of" in shown(write_progress(grid, tmp_path, [0], side_by_side=1))
    write(tmp_path, "image-seed1", done | {"seconds": 60})
    assert "1 left · about 10 min to go." in shown(
        write_progress(grid, tmp_path, side_by_side=8)
    )  # one cell is not run in eight parts


def test_a_failed_cell_that_is_run_again_is_left(grid: Grid, tmp_path: Path) -> None:
    done = {
        "status": "finished",
        "seconds": 60,
        "summary": {"words": {"right": {"dice_mean": {"mean": 0.8}}}},
    }
    for name in ("image-seed0", "text-seed0", "image-seed1"):
        write(tmp_path, name, done)
    write(tmp_path, "text-seed1", {"status": "failed", "reason": "a full disk"})
    assert "1 failed · 0 left. As of" in shown(write_progress(grid, tmp_path, side_by_side=1))
    again = shown(
        write_progress(grid, tmp_path, side_by_side=1, again={"text-seed1", "image-seed1"})
    )  # another process finished the second
    assert "0 failed · 1 left · about 1 min to go." in again
    assert "a full disk" not in again


def test_how_much_a_cluster_does_at_once_is_not_known_and_no_end_is_told(
    grid: Grid, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "image-seed0",
        {
            "status": "finished",
            "seconds": 300,
            "summary": {"words": {"right": {"dice_mean": {"mean": 0.8}}}},
        },
    )
    assert "3 left. As of" in shown(write_progress(grid, tmp_path))


def test_a_grid_that_is_done_does_not_reload(grid: Grid, tmp_path: Path) -> None:
    for name in ("image-seed0", "text-seed0", "image-seed1", "text-seed1"):
        write(tmp_path, name, {"status": "failed", "reason": "x"})
    assert 'http-equiv="refresh"' not in write_progress(grid, tmp_path).read_text()


def test_nothing_is_loaded_from_elsewhere(grid: Grid, tmp_path: Path) -> None:
    page = write_progress(grid, tmp_path).read_text()
    assert not re.findall(r"""(?:src|href)\s*=|url\(|@import|<script""", page)
