"""The report: one file, everything optional, nothing fetched, nothing believed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from saywhere.config import Config
from saywhere.errors import MissingFile, NotWritable
from saywhere.report.build import build_report
from saywhere.report.evidence import gather
from unit.report.parsed import page

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7 * 7 }} & café ‮"


def test_the_report_lies_in_the_run_or_where_it_was_asked_for(run: Path, tmp_path: Path) -> None:
    assert build_report(run) == run / "report.html"
    assert build_report(run, tmp_path / "elsewhere.html") == tmp_path / "elsewhere.html"
    assert (run / "report.html").read_bytes() == (tmp_path / "elsewhere.html").read_bytes()


def test_one_file_asks_for_nothing_else_and_needs_no_script(run: Path) -> None:
    built = page(run)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {
        tag for tag, _ in built.elements
    }
    for _, attributes in built.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "data", "poster"):
            assert re.match(r"$|data:image/jpeg;base64,|#", attributes.get(name, "")), attributes
    html = (run / "report.html").read_text(encoding="utf-8")
    assert "@import" not in html
    assert "url(" not in html
    assert {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    } in built.of("meta")
    assert (run / "report.html").stat().st_size < 5e6


def test_the_parts_come_in_the_readers_order(run: Path) -> None:
    text = page(run).text
    order = [
        "The prompt is heard.",
        "Does it listen",
        "Right prompt the image's own",
        "Unseen wording",
        "Empty prompt",
        "Another image's prompt",
        "Contradictory prompt",
        "Fuse first, then augment",
        "Dice per image",
        "One image, several prompts",
        "Best, median and worst",
        "Measures",
        "Training",
        "How it was made",
        "Configuration",
        "Warnings",
        "not a medical device",
    ]
    places = [text.index(heading) for heading in order]
    assert places == sorted(places)


def test_the_first_lines_say_the_verdict_with_its_interval(run: Path) -> None:
    text = page(run).text
    assert (
        "The right prompt is worth 0.828 Dice over a contradictory one "
        "(95 % interval 0.807 to 0.847; 100 images)." in text
    )
    assert "With it, mean Dice is 0.871 (0.841 to 0.901)." in text


def test_both_averages_are_named_for_what_they_are(run: Path) -> None:
    text = page(run).text
    assert "Dice mean over images 0.871 0.841 to 0.901" in text
    assert "Dice pooled over all pixels 0.883" in text
    assert "IoU pooled over all pixels 0.766" in text
    assert "Surface Dice, within 2 px mean over images 0.697" in text
    assert "images where it is infinite (one mask empty) 3" in text


def test_it_says_whether_its_confidence_tells(run: Path, fake: SimpleNamespace) -> None:
    text = page(run).text
    assert "Its confidence tells" in text
    for shown in ("The surest 80 %", "0.893", "+0.022", "0.86", "0.93", "0.82"):
        assert shown in text
    summary = fake.summary()
    fake.write(
        run / "evaluation/summary.json",
        summary | {"trust": summary["trust"] | {"tells": False, "confidence": None}},
    )
    assert "It is not shown that its confidence tells" in page(run).text
    for broken in (None, 3, {}, {"gain": 4}, {"gain": {"mean": "x"}, "share": 10**400}):
        fake.write(run / "evaluation/summary.json", summary | {"trust": broken})
        text = page(run).text
        assert "The prompt is heard" in text
        assert "Its confidence tells" not in text
    fake.write(run / "evaluation/summary.json", summary | {"trust": None})
    assert "know when it is wrong" not in page(run).text


def test_it_says_how_good_the_expected_dice_was_where_the_run_has_one(
    run: Path, fake: SimpleNamespace
) -> None:
    assert "Expected Dice" not in page(run).text
    summary = fake.summary()
    fake.write(
        run / "evaluation/summary.json",
        summary | {"expected": {"right": {"n": 100, "mean": 0.861, "dice": 0.871, "error": 0.042}}},
    )
    text = page(run).text
    assert "Expected Dice mean over images; the measured mean is 0.871 0.861" in text
    assert "Error of the expected Dice mean distance from the Dice of an image 0.042" in text
    for broken in (None, 3, {"right": 4}, {"right": {"mean": "x"}}):
        fake.write(run / "evaluation/summary.json", summary | {"expected": broken})
        assert "Its confidence tells" in page(run).text


def test_what_it_was_made_from_is_there(run: Path) -> None:
    text = page(run).text
    made_from = (
        "sha256:9f2c41d07be3aa10",
        "train 128, val 32, test 100",
        "minilm, e4ce9877, mean",
        "kornia 0.9.0",
        "loss.roi_weight",
        "2 min 7 s",
    )
    for fact in (*made_from, "2 rows were set aside"):
        assert fact in text


def test_cases_of_another_form_are_named_and_left_out(run: Path) -> None:
    (run / "evaluation/cases.csv").write_text("id,words,dice\na,right,much\nb,right,7\nc,right,nan")
    text = page(run).text
    assert "cases.csv names no Dice and is left out" in text
    assert "below 0.5" not in text


def test_settings_are_a_table_with_their_meaning_and_their_default(run: Path) -> None:
    (run / "config.toml").write_text(Config().replace(**{"data.size": 96}).to_toml())
    built = page(run)
    row = "data.size height and width in pixels that the network sees; a multiple of 8 96 224"
    assert row in built.text
    assert built.text.count("train.epochs") == 1  # the default: only among all settings
    assert not any("[data]" in text for text in built.texts)  # no raw TOML
    (run / "config.toml").write_text("[data]\nsize = 96\nunheard = 1\n")
    text = page(run).text
    assert "Configuration, as the file stands [data] size = 96 unheard = 1" in text


def test_hostile_text_stays_text(run: Path, fake: SimpleNamespace) -> None:
    data = {"manifest": HOSTILE, "rows": {HOSTILE: 1}}
    fake.write(
        run / "run.json",
        {
            **fake.record(),
            "warnings": [HOSTILE],
            "device": HOSTILE,
            "packages": {HOSTILE: HOSTILE},
            "data": data,
        },
    )
    pictures = json.loads((run / "evaluation/pictures.json").read_text())
    for entry in [*pictures["cases"], *pictures["prompts"], *pictures["prompts"][0]["answers"]]:
        entry.update({key: HOSTILE for key in ("id", "prompt", "rank") if key in entry})
    fake.write(run / "evaluation/pictures.json", pictures)
    words = {**fake.summary(), "split": HOSTILE, "level": HOSTILE}
    fake.write(
        run / "evaluation/summary.json",
        {**words, "words": {**words["words"], HOSTILE: fake.measured(0.5)}},
    )
    rows = [{"label": HOSTILE, "n": 3, "dice_mean": {"mean": HOSTILE, "low": HOSTILE, "high": 1}}]
    fake.write(run / "comparison.json", {"title": HOSTILE, "note": HOSTILE, "rows": rows})
    (run / "config.toml").write_text(f"# {HOSTILE}\n{Config().to_toml()}", encoding="utf-8")
    built = page(run)
    assert "script" not in {tag for tag, _ in built.elements}
    assert all(picture["src"].startswith("data:") for picture in built.of("img"))
    assert not any(name.startswith("on") for _, attributes in built.elements for name in attributes)
    assert built.text.count("<script>alert(1)</script>") > 15
    assert "{{ 7 * 7 }}" in built.text


def test_a_run_that_was_not_evaluated_says_how(run: Path) -> None:
    shutil.rmtree(run / "evaluation")
    text = page(run).text
    assert "Not evaluated yet." in text
    assert f"saywhere evaluate {run} saywhere report {run}" in text
    assert "Loss" in text
    assert "Measures" not in text


@pytest.mark.parametrize(
    "missing",
    [
        "run.json",
        "config.toml",
        "metrics.jsonl",
        "comparison.json",
        "evaluation/summary.json",
        "evaluation/pictures.json",
    ],
)
@pytest.mark.parametrize(
    "damage", [None, b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"null", b"[" * 100_000]
)
def test_every_part_may_be_missing_or_broken(run: Path, missing: str, damage: bytes | None) -> None:
    (run / missing).unlink()
    if damage is not None:
        (run / missing).write_bytes(damage)
    text = page(run).text
    assert "not a medical device" in text
    if damage in (b"\xff\xfe\x00", b"{") and missing != "metrics.jsonl":
        assert f"{Path(missing).name}" in text[text.index("Warnings") :]


def test_parts_of_another_shape_leave_gaps_and_do_not_stop_the_rest(
    run: Path, fake: SimpleNamespace
) -> None:
    fake.write(
        run / "evaluation/summary.json",
        {
            "words": {"right": 3, "empty": None},
            "listening": {"empty": {"verdict": {}, "n": 10**400}},
            "verdict": {},
            "spread": 10**400,
        },
    )
    fake.write(
        run / "evaluation/pictures.json",
        {"cases": [None, {}, {"image": 4, "prompt": None}], "prompts": {"a": 1}},
    )
    fake.write(
        run / "comparison.json", {"rows": [1, {}, {"label": "a", "dice_mean": {"mean": None}}]}
    )
    (run / "metrics.jsonl").write_text(
        '{"epoch": "x", "loss": 1}\nnot json\n3\n{"epoch": 4, "loss": NaN}\n'
        '{"epoch": 5, "loss": 0.5}\n{"epo'
    )
    fake.write(
        run / "run.json",
        {
            "warnings": "none",
            "packages": [],
            "data": 7,
            "encoder": "minilm",
            "parameters": {"network": 10**400},
            "seconds": "long",
        },
    )
    text = page(run).text
    assert "Whether it listens was not measured." in text
    assert "picture missing" in text
    assert "metrics.jsonl, line 2, is no JSON and is left out" in text
    assert "line 6" not in text  # half written, while the run goes on


def test_an_image_only_run_is_called_that_and_shows_no_listening(
    run: Path, fake: SimpleNamespace
) -> None:
    (run / "config.toml").write_text(Config().replace(**{"fusion.name": "none"}).to_toml())
    fake.write(
        run / "evaluation/summary.json", {"split": "test", "words": {"right": fake.measured(0.886)}}
    )
    built = page(run)
    assert (
        "Image only: there is no prompt to hear. "
        "Mean Dice 0.886 (95 % interval 0.856 to 0.916; 100 images)." in built.text
    )
    assert "Does it listen" not in built.text
    assert "The right prompt is worth" not in built.text


def test_a_deaf_run_is_said_to_be_deaf(run: Path, fake: SimpleNamespace) -> None:
    listening = {"contradictory": fake.heard(0.002, "not heard", p=0.4)}
    fake.write(
        run / "evaluation/summary.json",
        {**fake.summary(), "listening": listening, "verdict": "not heard", "spread": 0.0004},
    )
    text = page(run).text
    assert (
        "The prompt is not heard. The right prompt is worth 0.002 Dice over a contradictory one "
        "(95 % interval −0.019 to 0.021; 100 images)." in text
    )
    assert "collapsed: it hardly changes between prompts (spread 0.0004)" in text
    assert "p = 0.400" in text


def test_the_headline_rests_on_the_words_that_decide(run: Path, fake: SimpleNamespace) -> None:
    listening = {
        "contradictory": fake.heard(0.03, "hardly heard"),
        "shuffled": fake.heard(0.002, "not heard", p=0.4),
    }
    fake.write(
        run / "evaluation/summary.json",
        {**fake.summary(), "listening": listening, "verdict": "not heard"},
    )
    assert (
        "The prompt is not heard. The right prompt is worth 0.002 Dice over another image's (95 %"
        in page(run).text
    )


def test_too_few_cases_are_no_verdict(run: Path, fake: SimpleNamespace) -> None:
    listening = {"contradictory": fake.heard(0.3, "heard") | {"n": 5}}
    fake.write(run / "evaluation/summary.json", {**fake.summary(), "listening": listening})
    text = page(run).text
    assert "Too few cases to tell whether the prompt is heard: fewer than 20." in text
    assert "over a contradictory one (95 % interval 0.279 to 0.319; 5 images)" in text
    assert "words are heard." not in text
    assert "+0.300 too few cases to tell" in text


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        # Without a record of its process, as an earlier version left it.
        ("running", "whether it goes on cannot be seen from here"),
        ("interrupted", "--resume"),
        ("failed", "The training failed"),
    ],
)
def test_an_unfinished_run_says_so(
    run: Path, fake: SimpleNamespace, status: str, sentence: str
) -> None:
    fake.write(run / "run.json", {**fake.record(), "status": status})
    assert sentence in page(run).text


def test_where_no_run_is_the_error_says_what_a_run_holds(tmp_path: Path) -> None:
    # In a folder of its own: beside `tmp_path` lie other tests' runs, one of which would be named.
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(
        MissingFile, match=r"no run in .*; a run directory holds run\.json, config\.toml.*train"
    ):
        build_report(folder)
    with pytest.raises(MissingFile, match="no run in"):
        build_report(tmp_path / "absent")


def test_a_place_that_cannot_be_written_is_an_error_of_ours(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((NotWritable, MissingFile)):
        build_report(run, tmp_path / "file" / "report.html")


def test_images_without_a_target_earn_no_dice_and_are_counted(
    run: Path, fake: SimpleNamespace
) -> None:
    summary = fake.summary()
    dice = {"mean": 0.512, "low": 0.44, "high": 0.58}
    summary["words"]["right"] |= {
        "positives": {"n": 60, "dice_mean": dice},
        "negatives": {"n": 40, "left_empty": 30},
    }
    fake.write(run / "evaluation/summary.json", summary)
    header = "id,words,prompt,dice,true_positive,false_negative"
    rows = ["a,right,x,0.5,4,4", "b,right,x,1,0,0", "c,empty,,0,0,0"]
    (run / "evaluation/cases.csv").write_text("\n".join([header, *rows]) + "\n")
    text = page(run).text
    left = "Of 40 images without a target, 30 left empty (75 %)"
    assert f"With it, mean Dice is 0.512 (0.440 to 0.580). {left}." in text
    assert f"0.512 0.440 to 0.580 60 images with a target {left}" in text
    assert "Dice mean over images with a target 0.512" in text
    assert "Left empty share of 40 images without a target 0.750" in text
    # The normal images stand in no distribution; of the empty prompt there is none left.
    assert gather(run).dice == {"right": [0.5]}


@pytest.mark.parametrize("odd", [None, 3, {"n": "x"}, {"n": 2}, {"n": 10**400, "left_empty": 1}])
def test_negatives_of_a_stranger_are_not_taken_on_trust(
    run: Path, fake: SimpleNamespace, odd: object
) -> None:
    summary = fake.summary()
    summary["words"]["right"]["negatives"] = odd
    fake.write(run / "evaluation/summary.json", summary)
    assert "left empty (" not in page(run).text


def test_normal_images_alone_have_no_dice(run: Path, fake: SimpleNamespace) -> None:
    summary = fake.summary()
    alone = {"positives": {"n": 0, "dice_mean": None}, "negatives": {"n": 4, "left_empty": 1}}
    summary["words"] = {"right": summary["words"]["right"] | alone}
    summary["listening"] = {}
    fake.write(run / "evaluation/summary.json", summary)
    text = page(run).text
    assert "Mean Dice – (0 images with a target). Of 4 images without a target, 1 left" in text
