"""The report: one file, everything optional, nothing fetched, nothing believed."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from saywhere.config import Config
from saywhere.errors import MissingFile, NotWritable
from saywhere.report.build import build_report

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7 * 7 }} & café ‮"
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """The page as a browser's parser sees it: elements, texts, and whether every element was closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(run: Path) -> Page:
    built = Page(build_report(run).read_text(encoding="utf-8"))
    assert built.open == []
    return built


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
        "The words are heard.", "Does it listen", "Right words the image's own prompt", "Unseen wording", "No words", "Shuffled words", "Contradictory words",
        "Fuse first, then augment", "One image, several prompts", "Best, median and worst", "Measures",
        "Training", "How it was made", "Configuration", "Warnings", "not a medical device",
    ]  # fmt: skip
    places = [text.index(heading) for heading in order]
    assert places == sorted(places)


def test_the_first_lines_say_the_verdict_with_its_interval(run: Path) -> None:
    text = page(run).text
    assert (
        "Right words are worth 0.828 Dice over contradictory ones (95 % interval 0.807 to 0.847; 100 images)."
        in text
    )
    assert "With them, mean Dice is 0.871 (0.841 to 0.901)." in text


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
        assert "The words are heard" in text
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
    assert "Expected Dice mean of what its confidence promised, where 0.871 was found 0.861" in text
    assert "How far off that is mean distance from the Dice of a case 0.042" in text
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
        "roi_weight = 0.1",
        "2 min 7 s",
    )
    for fact in (*made_from, "2 rows were set aside"):
        assert fact in text


def test_every_picture_says_what_it_shows_and_has_its_size(run: Path) -> None:
    built = page(run)
    pictures = built.of("img")
    assert len(pictures) == 3 * 4 + 1 + 3 * 2
    for picture in pictures:
        pixels = Image.open(BytesIO(base64.b64decode(picture["src"].partition(",")[2])))
        assert pixels.size == (int(picture["width"]), int(picture["height"])) == (400, 300)
    alts = {picture["alt"] for picture in pictures}
    assert "Predicted mask over image phantom-017 for “one bright round lesion, centre”" in alts
    assert "True mask over image phantom-002" in alts
    assert all(figure.get("aria-label") or figure.get("aria-hidden") for figure in built.of("svg"))


def test_a_mask_is_drawn_where_it_is(run: Path) -> None:
    truth = next(
        picture
        for picture in page(run).of("img")
        if picture["alt"] == "True mask over image phantom-002"
    )
    pixels = np.asarray(
        Image.open(BytesIO(base64.b64decode(truth["src"].partition(",")[2])))
    ).astype(int)
    blue = pixels[..., 2] - pixels[..., 0] > 25
    rows, columns = np.nonzero(blue)
    assert rows.mean() / 300 == pytest.approx(0.75, abs=0.02)
    assert columns.mean() / 400 == pytest.approx(0.72, abs=0.02)


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


@pytest.mark.parametrize(
    "name", ["../../../secret.png", "secret-link.png", "/etc/hostname", ".", "pseudo0.png\x00"]
)
def test_a_picture_from_elsewhere_is_never_put_in_the_page(
    run: Path, fake: SimpleNamespace, tmp_path: Path, name: str
) -> None:
    Image.new("RGB", (8, 8), (255, 0, 255)).save(tmp_path / "secret.png")
    (run / "evaluation/pictures/secret-link.png").symlink_to(tmp_path / "secret.png")
    pictures = {
        "cases": [
            {
                "rank": "best",
                "id": "a",
                "prompt": "p",
                "dice": 0.5,
                "image": name,
                "prediction": "prediction0.png",
                "truth": name,
            }
        ]
    }
    fake.write(run / "evaluation/pictures.json", pictures)
    built = page(run)
    assert [picture["alt"] for picture in built.of("img")] == [
        "Predicted mask over image a, Dice 0.500"
    ]
    assert "is left out" in built.text


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
        '{"epoch": "x", "loss": 1}\nnot json\n3\n{"epoch": 4, "loss": NaN}\n{"epoch": 5, "loss": 0.5}\n{"epo'
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
        "Image only: there are no words to hear. Mean Dice 0.886 (95 % interval 0.856 to 0.916; 100 images)."
        in built.text
    )
    assert "Does it listen" not in built.text
    assert "Right words are worth" not in built.text


def test_a_deaf_run_is_said_to_be_deaf(run: Path, fake: SimpleNamespace) -> None:
    listening = {"contradictory": fake.heard(0.002, "not heard", p=0.4)}
    fake.write(
        run / "evaluation/summary.json",
        {**fake.summary(), "listening": listening, "verdict": "not heard", "spread": 0.0004},
    )
    text = page(run).text
    assert (
        "The words are not heard. Right words are worth 0.002 Dice over contradictory ones (95 % interval −0.019 to 0.021; 100 images)."
        in text
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
        "The words are not heard. Right words are worth 0.002 Dice over another image's (95 %"
        in page(run).text
    )


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("running", "still going on"), ("interrupted", "--resume"), ("failed", "This run failed")],
)
def test_an_unfinished_run_says_so(
    run: Path, fake: SimpleNamespace, status: str, sentence: str
) -> None:
    fake.write(run / "run.json", {**fake.record(), "status": status})
    assert sentence in page(run).text


def test_where_no_run_is_the_error_says_what_a_run_holds(tmp_path: Path) -> None:
    with pytest.raises(
        MissingFile, match=r"no run in .*; a run directory holds run\.json, config\.toml.*train"
    ):
        build_report(tmp_path)
    with pytest.raises(MissingFile, match="no run in"):
        build_report(tmp_path / "absent")


def test_a_place_that_cannot_be_written_is_an_error_of_ours(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((NotWritable, MissingFile)):
        build_report(run, tmp_path / "file" / "report.html")
