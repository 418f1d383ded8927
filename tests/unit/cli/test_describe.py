from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from saywhere.cli.describe import describe
from saywhere.data.manifest import read_manifest, write_manifest
from saywhere.errors import UsageError
from saywhere.io.images import write_mask

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
        # A damaged file and a missing one are faults of their rows alone.
        mask.write_bytes(b"no image") if split == "train" else mask.unlink()
    result = CliRunner().invoke(
        app, [str(manifest), "--to", str(tmp_path / "new.jsonl"), "--like", "plain"]
    )
    assert result.exit_code == 3, result.output
    assert "is not described" in result.output
    assert f"{len(rows) - 2:,} of {len(rows):,} rows described" in result.stdout


def labelled(folder: Path, labels: list[str | None]) -> Path:
    """A manifest with a row a label, each with its own mask."""
    rows = []
    for number, label in enumerate(labels):
        mask = np.zeros((40, 40), bool)
        mask[2:12, 2:12] = True
        write_mask(folder / f"{number}.png", mask)
        row = {"id": str(number), "image": f"{number}.png", "mask": f"{number}.png"}
        rows.append({**row, "split": "train"} | ({"label": label} if label else {}))
    write_manifest(folder / "manifest.jsonl", rows)
    return folder / "manifest.jsonl"


def test_each_label_of_a_label_map_has_its_own_noun(tmp_path: Path) -> None:
    source = labelled(tmp_path, ["polyp", "tool", None])
    to = tmp_path / "new.jsonl"
    nouns = ["--target", "lump", "--target", "tool=instrument"]
    result = CliRunner().invoke(app, [str(source), "--to", str(to), *nouns])
    assert result.exit_code == 0, result.output
    assert [row.prompts["described"][0].split(",")[0] for row in read_manifest(to).rows] == [
        "one medium round polyp",
        "one medium round instrument",
        "one medium round lump",
    ]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["tol=instrument"], "no label 'tol' in .*did you mean 'tool'?"),
        (["a", "b"], "--target 'b'; NOUN once, and LABEL=NOUN once a label"),
        (["tool="], "--target 'tool='; NOUN once"),
        (["=x"], "--target '=x'; NOUN once"),
    ],
)
def test_a_target_that_fits_no_label_is_refused(
    targets: list[str], message: str, tmp_path: Path
) -> None:
    source = labelled(tmp_path, ["polyp", "tool"])
    options = [part for target in targets for part in ("--target", target)]
    result = CliRunner().invoke(app, [str(source), "--to", str(tmp_path / "n.jsonl"), *options])
    assert isinstance(result.exception, UsageError)
    assert re.search(message, str(result.exception))
    assert not (tmp_path / "n.jsonl").exists()


def test_an_earlier_manifest_of_that_name_is_kept(tmp_path: Path) -> None:
    source = labelled(tmp_path, [None])
    to = tmp_path / "new.jsonl"
    assert "kept" not in CliRunner().invoke(app, [str(source), "--to", str(to)]).stderr
    before = to.read_bytes()
    assert "kept" not in CliRunner().invoke(app, [str(source), "--to", str(to)]).stderr
    result = CliRunner().invoke(app, [str(source), "--to", str(to), "--target", "spot"])
    assert "another new.jsonl was there: it is kept beside the new one" in result.stderr
    assert (tmp_path / "new.jsonl.1").read_bytes() == before


def test_rows_without_a_mask_do_not_count_as_described(tmp_path: Path) -> None:
    source = labelled(tmp_path, [None, None])
    first, second = source.read_text().splitlines()
    source.write_text(first + "\n" + second.replace('"mask": "1.png", ', "") + "\n")
    result = CliRunner().invoke(app, [str(source), "--to", str(tmp_path / "new.jsonl")])
    assert result.exit_code == 0
    assert "1 of 2 rows described" in result.stdout
