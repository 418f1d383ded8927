"""`saywhere predict`"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from console import Ended
from small_run import rows_of

Say = Callable[..., Ended]
SIDES = "; left means the left of the image"


@pytest.fixture
def picture(manifest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(manifest.parent / "images/test_0000.png", tmp_path / "a.png"))


def test_it_writes_mask_and_overlay_and_says_where(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict",
        trained,
        picture,
        "--prompt",
        "the lesion in the upper left",
        "--out",
        tmp_path / "out",
    )
    assert ended == Ended(0, f"1 prediction in {tmp_path / 'out'}{SIDES}\n", "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a-mask.png",
        "a-overlay.png",
        "predictions.jsonl",
    }
    assert Image.open(tmp_path / "out/a-mask.png").getextrema() in ((0, 255), (0, 0), (255, 255))


def test_json_is_one_document_and_nothing_else(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict",
        trained,
        picture,
        "-p",
        "upper left",
        "-p",
        "lower right",
        "--out",
        tmp_path / "out",
        "--json",
    )
    found = json.loads(ended.out)
    assert [record["prompt"] for record in found["predictions"]] == ["upper left", "lower right"]
    assert found["failures"] == []
    assert found["predictions"] == rows_of(tmp_path / "out/predictions.jsonl")


def test_a_manifest_brings_its_own_words(
    say: Say, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict",
        trained,
        "--manifest",
        manifest,
        "--split",
        "test",
        "--out",
        tmp_path / "out",
        "--json",
    )
    test = [row for row in rows_of(manifest) if row["split"] == "test"]
    assert [record["prompt"] for record in json.loads(ended.out)["predictions"]] == [
        row["prompts"]["plain"] for row in test
    ]
    assert len(list((tmp_path / "out").glob("*-mask.png"))) == len(test)


def test_of_many_it_names_those_to_look_at_first(
    say: Say, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict", trained, "--manifest", manifest, "--split", "test", "--out", tmp_path / "out"
    )
    sure = {
        record["mask"]: record["confidence"] or 0.0
        for record in rows_of(tmp_path / "out/predictions.jsonl")
    }
    assert len(sure) >= 5
    named = re.findall(r"(\S+-mask\.png) \((\d+% sure|nothing marked)\)", ended.out)
    assert [sure[mask] for mask, _ in named] == sorted(sure.values())[:3]
    assert all(
        how == (f"{sure[mask]:.0%} sure" if sure[mask] else "nothing marked") for mask, how in named
    )


def test_an_unreadable_picture_is_exit_3_and_the_others_are_done(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(b"no picture")
    ended = say(
        "predict",
        trained,
        picture,
        tmp_path / "b.png",
        "--prompt",
        "left",
        "--out",
        tmp_path / "out",
    )
    assert ended.code == 3
    assert ended.out == f"1 prediction in {tmp_path / 'out'}{SIDES}\n"
    assert "set aside: 1 job, see" in ended.err
    assert [row["code"] for row in rows_of(tmp_path / "out/failures.jsonl")] == ["unreadable_file"]
    assert (tmp_path / "out/a-mask.png").is_file()


@pytest.mark.parametrize("blank", ["", "  \t ", "\u200b"])
def test_a_blank_prompt_means_no_words_and_says_so(
    say: Say, trained: Path, picture: Path, tmp_path: Path, blank: str
) -> None:
    ended = say("predict", trained, picture, "--prompt", blank, "--out", tmp_path / "out")
    assert ended.code == 0
    assert (
        "saywhere: a blank prompt means no words: the model marks what it finds by itself"
        in ended.err
    )


def test_a_prompt_that_is_cut_off_and_one_that_is_strange_are_warned_of(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict",
        trained,
        picture,
        "--prompt",
        "revenue of the shipping company " * 300,
        "--out",
        tmp_path / "out",
    )
    assert ended.code == 0
    assert "1 prompt longer than the 128 tokens that the encoder reads" in ended.err
    assert "some prompts are unlike those that the model was trained on" in ended.err


def test_a_prompt_that_denies_is_warned_of_and_asked_all_the_same(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict",
        trained,
        picture,
        "--prompt",
        "no spot in the upper left",
        "--out",
        tmp_path / "out",
    )
    assert ended.code == 0
    assert (
        "1 prompt with a no, not, without or the like: the model was taught no such words, "
        "and what they deny may be marked all the same" in ended.err
    )
    assert "upper left" not in ended.err  # a prompt may name a person
    assert (
        "no, not, without"
        not in say(
            "predict",
            trained,
            picture,
            "--prompt",
            "the spot, upper left",
            "--out",
            tmp_path / "other",
        ).err
    )


def test_a_prompt_of_a_book_is_refused_before_an_encoder_meets_it(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    ended = say("predict", trained, picture, "--prompt", "x" * 10_001, "--out", tmp_path / "out")
    assert ended.code == 2
    assert "a prompt of 10,001 characters; at most 10,000: say it in a sentence" in " ".join(
        ended.err.split()
    )
    assert not list(tmp_path.glob("out/*.png"))


def test_an_image_only_run_needs_no_prompt(
    say: Say, image_only: Path, trained: Path, picture: Path, tmp_path: Path
) -> None:
    assert say("predict", image_only, picture, "--out", tmp_path / "out").code == 0
    ended = say("predict", trained, picture, "--out", tmp_path / "out2")
    assert ended.code == 2
    assert (
        'no --prompt; say what to segment: --prompt "one small round polyp, upper right"'
        in ended.err
    )


def test_what_is_not_there_is_exit_2_and_nothing_is_written(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    ended = say(
        "predict",
        trained,
        picture,
        tmp_path / "none.png",
        "--prompt",
        "left",
        "--out",
        tmp_path / "out",
    )
    assert (ended.code, ended.out) == (2, "")
    assert (
        ended.err == f"saywhere: no such file or folder: {tmp_path / 'none.png'}: check the path\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_folder_of_pictures_and_its_own_answers(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("x.png", "y.jpg"):
        Image.open(picture).save(folder / name)
    ended = say("predict", trained, folder, "--prompt", "left", "--out", tmp_path / "out", "--json")
    assert [Path(record["image"]).name for record in json.loads(ended.out)["predictions"]] == [
        "x.png",
        "y.jpg",
    ]


def test_a_second_call_skips_what_is_done_and_again_redoes_it(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    call = ("predict", trained, picture, "-p", "left", "-p", "right", "--out", tmp_path / "out")
    assert say(*call).out == f"2 predictions in {tmp_path / 'out'}{SIDES}\n"
    assert (
        say(*call).out == f"2 predictions in {tmp_path / 'out'}, 2 of them done before "
        f"(--again redoes them){SIDES}\n"
    )
    assert say(*call, "--again").out == f"2 predictions in {tmp_path / 'out'}{SIDES}\n"
    ended = say("predict", trained, picture, "-p", "up", "--out", tmp_path / "out", "--json")
    assert "2 earlier predictions of other images or prompts stay in" in ended.err
    assert (len(json.loads(ended.out)["predictions"]), json.loads(ended.out)["skipped"]) == (1, 0)


def test_jobs_have_their_own_prompts_and_a_bad_line_is_exit_3(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    lines = [
        '{"image": "a.png", "prompts": ["left", "right"]}',
        "no job",
        '{"image": "gone.png", "prompt": "left", "id": "b"}',
    ]
    (tmp_path / "jobs.jsonl").write_text("\n".join(lines))
    ended = say(
        "predict", trained, "--jobs", tmp_path / "jobs.jsonl", "--out", tmp_path / "out", "--json"
    )
    found = json.loads(ended.out)
    assert ended.code == 3
    assert [(record["mask"], record["prompt"]) for record in found["predictions"]] == [
        ("a-1-mask.png", "left"),
        ("a-2-mask.png", "right"),
    ]
    assert [failure["code"] for failure in found["failures"]] == ["manifest", "missing_file"]
    assert found["failures"] == rows_of(tmp_path / "out/failures.jsonl")
    assert "set aside: 2 jobs" in ended.err
    assert "jobs.jsonl, row 2" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing to predict; INPUT… with --prompt, or --manifest M, or --jobs FILE.jsonl"),
        (("a.png", "--jobs", "j.jsonl"), "both INPUT and --jobs"),
        (("--manifest", "m.jsonl", "--jobs", "j.jsonl"), "both --manifest and --jobs"),
        (
            ("--jobs", "j.jsonl", "--prompt", "left"),
            "both --prompt and --jobs; the lines of --jobs have their own prompts",
        ),
        (
            ("--manifest", "m.jsonl", "--prompt", "left"),
            "both --prompt and --manifest; a manifest's rows have their own prompts",
        ),
        (("--jobs", "j.jsonl", "--split", "test"), "--split without --manifest"),
        (("--jobs", "none.jsonl"), "none.jsonl"),
    ],
)
def test_one_source_of_pictures_and_prompts(
    say: Say, trained: Path, options: tuple[str, ...], message: str
) -> None:
    ended = say("predict", trained, *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_files_of_a_folder_that_are_not_read_are_listed(
    say: Say, trained: Path, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    picture.rename(folder / "a.png")
    for name in ("b.dcm", "c.dcm", "d.heic"):
        (folder / name).write_bytes(b"")
    ended = say("predict", trained, folder, "-p", "upper left", "--out", tmp_path / "out", "--json")
    assert ended.code == 0
    assert f"2 files are skipped in {folder}; its name says DICOM" in ended.err
    assert "(b.dcm, c.dcm)" in ended.err
    skipped = json.loads(ended.out)["skipped_files"]
    assert [Path(file["path"]).name for file in skipped] == ["b.dcm", "c.dcm", "d.heic"]


def test_a_model_that_was_taught_denials_is_said_to_leave_them_empty(
    say: Say, picture: Path, tmp_path: Path
) -> None:
    ended = say("predict", "general", picture, "--prompt", "no polyp", "--out", tmp_path / "out")
    assert ended.code == 0
    assert "the model was taught that they leave the mask empty" in ended.err
    assert "marked all the same" not in ended.err
