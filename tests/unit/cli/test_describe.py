from __future__ import annotations

import json
import shutil
from pathlib import Path

import typer
from typer.testing import CliRunner

from saywhere.cli.describe import describe
from saywhere.data.manifest import read_manifest

app = typer.Typer()
app.command()(describe)


def test_masks_become_sentences(manifest: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, [str(manifest), "--to", str(tmp_path / "new.jsonl"), "--target", "blob", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    rows = read_manifest(tmp_path / "new.jsonl").rows
    assert found["level"] == "described"
    assert found["rows"] == len(rows)
    assert all("blob" in row.prompts["described"][0] for row in rows)


def test_words_for_places_are_fitted_to_a_level_and_the_fit_is_told(
    manifest: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        app, [str(manifest), "--to", str(tmp_path / "new.jsonl"), "--like", "plain"]
    )
    assert result.exit_code == 0, result.output
    assert "places as 'plain' says them: all of " in result.stdout
    assert "test sentences" in result.stdout
    result = CliRunner().invoke(
        app, [str(manifest), "--to", str(tmp_path / "new.jsonl"), "--like", "plain", "--json"]
    )
    fit = json.loads(result.stdout)["place_rule"]
    assert fit["n"] > fit["test"]["n"] > 0


def test_a_mask_that_cannot_be_read_is_told_and_the_others_are_described(
    manifest: Path, tmp_path: Path
) -> None:
    shutil.copytree(manifest.parent, tmp_path / "set")  # the set is every test's
    manifest = tmp_path / "set" / manifest.name
    rows = read_manifest(manifest).rows
    for split in ("train", "test"):
        mask = next(row.mask for row in rows if row.split == split)
        assert mask is not None
        mask.write_bytes(b"no image")
    result = CliRunner().invoke(
        app, [str(manifest), "--to", str(tmp_path / "new.jsonl"), "--like", "plain"]
    )
    assert result.exit_code == 3, result.output
    assert "is not described" in result.output
    assert f"{len(rows) - 2:,} of {len(rows):,} rows described" in result.stdout
