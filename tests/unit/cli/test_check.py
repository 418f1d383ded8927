from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from console import Ended
from saywhere.cli.check import check
from saywhere.datasets.synthetic import make_phantoms
from saywhere.errors import NotWritable, UsageError
from saywhere.io import files

app = typer.Typer()
app.command()(check)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two training rows and one for testing, all clean."""
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 2:5] = 255
    rows = []
    for number, split in enumerate(("train", "train", "test")):
        ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
        Image.fromarray(ramp + np.uint8(number * 20)).save(tmp_path / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / f"{number}-mask.png")
        rows.append(
            {
                "id": f"case [{number}]",
                "image": f"{number}.png",
                "mask": f"{number}-mask.png",
                "split": split,
                "prompt": "the left one, not the right",
            }
        )
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(option) for option in options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_lesions_that_the_networks_size_loses_are_counted(manifest: Path) -> None:
    mask = np.zeros((128, 128), np.uint8)
    mask[10, 10] = 255
    for number in range(3):
        ramp = np.tile(np.arange(128, dtype=np.uint8), (128, 1)) + np.uint8(number)
        Image.fromarray(ramp).save(manifest.with_name(f"{number}.png"))
        Image.fromarray(mask).save(manifest.with_name(f"{number}-mask.png"))
    code, said = run(manifest, "--size", 32, "--encoder", "none", "--json")
    [warning] = json.loads(said)["warnings"]
    assert code == 0
    assert warning.startswith("3 of 3 lesions, in 3 of 3 masks")
    assert "too small for 32 px: each is drawn as one pixel" in warning


def test_a_clean_manifest_exits_0_and_leaves_no_file(manifest: Path) -> None:
    code, said = run(manifest)
    assert code == 0
    assert "3 rows, 3 clean, 0 set aside" in said
    assert "left 3 · right 3" in said
    assert not manifest.with_name("quarantine.jsonl").exists()


def test_a_faulty_manifest_exits_3_and_lists_the_faults_beside_it(manifest: Path) -> None:
    (manifest.parent / "1.png").unlink()
    code, said = run(manifest.parent)
    assert code == 3
    assert "missing_file" in said
    assert "case [1]" in said
    (line,) = manifest.with_name("quarantine.jsonl").read_text().splitlines()
    fault = json.loads(line)
    assert (fault["row"], fault["id"], fault["kind"]) == (2, "case [1]", "missing_file")


def test_json_is_all_there_is_on_stdout(manifest: Path) -> None:
    (manifest.parent / "2.png").write_bytes(b"")
    code, said = run(manifest, "--json")
    assert code == 3
    summary = json.loads(said)
    assert (summary["rows"], summary["clean"], summary["quarantined"], summary["kinds"]) == (
        3,
        2,
        1,
        {"truncated": 1},
    )
    assert summary["splits"] == {"train": {"rows": 2, "clean": 2}, "test": {"rows": 1, "clean": 0}}
    assert summary["levels"]["prompt"] == {
        "texts": 3,
        "distinct": 1,
        "blank": 0,
        "positions": {"left": 3, "right": 3},
    }


def test_quiet_says_it_by_the_exit_code(manifest: Path) -> None:
    assert run(manifest, "--quiet") == (0, "")
    (manifest.parent / "1.png").unlink()
    assert run(manifest, "--quiet") == (3, "")


def test_a_mended_manifest_empties_the_old_list(manifest: Path) -> None:
    manifest.with_name("quarantine.jsonl").write_text("{}\n")
    assert run(manifest)[0] == 0
    assert manifest.with_name("quarantine.jsonl").read_text() == ""


def test_a_read_only_folder_asks_for_another_place(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.png").unlink()
    before = sorted(tmp_path.iterdir())
    real = files.os.fsync
    read_only = OSError(files.errno.EROFS, "Read-only file system")
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (_ for _ in ()).throw(read_only))
    with pytest.raises(
        NotWritable,
        match=r"cannot write .*quarantine\.jsonl .*read-only file system.*: "
        "name another place for the list with --out FILE",
    ):
        run(manifest)
    assert sorted(tmp_path.iterdir()) == before
    monkeypatch.setattr(files.os, "fsync", real)
    assert run(manifest, "--out", tmp_path / "lists" / "faults.jsonl")[0] == 3
    assert (tmp_path / "lists" / "faults.jsonl").read_text().count("\n") == 1
    assert not manifest.with_name("quarantine.jsonl").exists()


def test_the_manifest_is_never_written_over(manifest: Path) -> None:
    with pytest.raises(UsageError, match="--out is the manifest itself"):
        run(manifest, "--out", manifest)


def test_a_named_level_must_be_in_every_row(manifest: Path) -> None:
    assert run(manifest, "--level", "prompt")[0] == 0
    with pytest.raises(UsageError, match="no prompts named 'p6'"):
        run(manifest, "--level", "p6")


def test_it_tells_how_far_opposite_words_are_apart_before_and_after_scaling(tmp_path: Path) -> None:
    manifest = make_phantoms(tmp_path / "phantoms", n_train=4, n_val=0, n_test=0, size=32)
    pairs = {pair["pair"]: pair for pair in json.loads(run(manifest, "--json")[1])["opposites"]}
    assert pairs
    for pair in pairs.values():
        assert pair["cosine_before"] > 0.8  # a general encoder hardly tells them apart
        assert pair["cosine_after"] < pair["cosine_before"]
    assert json.loads(run(manifest, "--encoder", "none", "--json")[1])["opposites"] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [("{\n", "row 1"), ('{"id": "a"}\n', "row 1, column image"), ("", "no rows")],
)
def test_a_manifest_that_is_none_is_exit_2_in_one_sentence(
    say: Callable[..., Ended], tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "m.jsonl").write_text(content)
    ended = say("check", tmp_path / "m.jsonl")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert message in ended.err


def test_faults_are_exit_3_of_the_whole_command(say: Callable[..., Ended], manifest: Path) -> None:
    (manifest.parent / "1.png").unlink()
    assert say("check", manifest, "--quiet") == Ended(3, "", "")


def test_a_line_that_is_no_row_is_set_aside_like_any_other_fault(
    say: Callable[..., Ended], manifest: Path
) -> None:
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], "{no json", *lines[1:], '{"id": "d"}']) + "\n")
    ended = say("check", manifest, "--json")
    summary = json.loads(ended.out)
    assert ended.code == 3
    assert (summary["rows"], summary["clean"], summary["quarantined"], summary["kinds"]) == (
        5,
        3,
        2,
        {"no_row": 2},
    )
    faults = [
        json.loads(line) for line in manifest.with_name("quarantine.jsonl").read_text().splitlines()
    ]
    assert [(fault["row"], fault["kind"]) for fault in faults] == [(2, "no_row"), (5, "no_row")]
    assert "not valid JSON" in faults[0]["reason"]
    assert "no image" in faults[1]["reason"]
    assert "set aside" in say("check", manifest).out


def test_a_split_that_nothing_reads_by_itself_is_warned_of(
    say: Callable[..., Ended], manifest: Path
) -> None:
    manifest.write_text(manifest.read_text().replace('"test"', '"tset"'))
    ended = say("check", manifest, "--json")
    assert ended.code == 0
    told = (
        "split 'tset' (1 row) is read only where a configuration names it; "
        "by itself it takes train, val, test: did you mean 'test'?"
    )
    assert json.loads(ended.out)["warnings"] == [told]
    assert ended.err == f"saywhere: warning: {told}\n"
    assert say("check", manifest, "--quiet") == Ended(0, "", "")


def test_a_mask_that_may_be_inverted_is_warned_of_and_stays(manifest: Path) -> None:
    mask = np.full((8, 8), 255, np.uint8)
    mask[0, 0] = 0
    Image.fromarray(mask).save(manifest.parent / "2-mask.png")
    code, printed = run(manifest, "--json")
    summary = json.loads(printed)
    assert (code, summary["clean"]) == (0, 3)
    assert summary["warnings"] == [
        "1 mask has more than 90% foreground: inverted? background is 0 (the first: case [2])"
    ]


def test_the_last_line_names_what_comes_next(manifest: Path) -> None:
    result = CliRunner().invoke(app, [str(manifest), "--encoder", "none"])
    assert result.stdout.splitlines()[-1] == (
        f"next: saywhere train CONFIG.toml --set data.manifest={manifest} "
        "--set text.train_prompts=prompt --set text.evaluate_prompts=prompt"
    )
    named = '"prompts": {"p1": "flat polyp", "p6": "a flat polyp, left"}, "remark"'
    manifest.write_text(manifest.read_text().replace('"prompt"', named))
    result = CliRunner().invoke(app, [str(manifest), "--encoder", "none"])
    assert "--set data.target='flat polyp' --set" in result.stdout.splitlines()[-1]
    manifest.write_text(manifest.read_text().replace(named, '"remark"'))
    result = CliRunner().invoke(app, [str(manifest), "--encoder", "none"])
    assert result.stdout.splitlines()[-1] == (
        f"next: saywhere describe {manifest} --to {manifest.with_name('described.jsonl')}"
    )
