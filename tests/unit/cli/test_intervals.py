"""In a terminal of 80 columns no verb breaks an interval over lines, or cuts it off."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.table import Table

from saywhere.cli import evaluate, probe_tables
from saywhere.cli.plain_output import console, print_sentences
from saywhere.metrics.statistics import with_span

WIDE = {"mean": 0.123, "low": 0.111, "high": 0.135}
SPAN = with_span(**WIDE)
GAP = {"difference": 0.123, "low": 0.111, "high": 0.135, "verdict": "too few cases to tell"}
CONDITIONS = ("right", "unseen", "shuffled", "contradictory")


def drawn(table: Table) -> str:
    file = io.StringIO()
    stream = console(width=80)
    stream.file = file
    stream.print(table)
    return file.getvalue()


def evaluation() -> dict[str, Any]:
    numbers = {"n": 12345, "dice_mean": WIDE, "dice_pooled": 0.5, "iou_mean": {"mean": 0.5}}
    return {
        "split": "test",
        "n": 12345,
        "level": "described",
        "words": dict.fromkeys(CONDITIONS, numbers),
        "listening": dict.fromkeys(CONDITIONS[1:], GAP),
        "verdict": "",
        "verdict_by": "contradictory",
    }


def tables() -> Iterator[tuple[Table, int]]:
    """Each with its number of intervals."""
    summary: Any = evaluation()
    yield evaluate._measures(summary), 4
    yield evaluate._comparisons(summary), 3
    score = {"auc": WIDE, "dice": WIDE, "spread": 0.5}
    stages = {stage: score for stage in ("before", "alone", "jointly trained")}
    generator: Any = {"n": 1234, "steps": 400, "prompt_sets": {"described": stages}}
    yield probe_tables.generator_table(generator), 6
    ways = dict.fromkeys(("turned with the image", "left", "none", "image only"), WIDE)
    invariance: Any = {"n": 1234, "agreement": {"mirrored, left and right": ways}}
    yield probe_tables.invariance_table(invariance), 4
    mosaic: Any = {"n": 200, "side": 3, "dice_mean": dict.fromkeys(CONDITIONS, WIDE)}
    yield probe_tables.mosaic_table(mosaic), 4


@pytest.mark.parametrize("number", range(5))
def test_a_table_keeps_its_intervals_whole(number: int) -> None:
    table, n_intervals = list(tables())[number]
    text = drawn(table)
    assert len(re.findall(r"[+-]?0\.123 \[\+?0\.111, \+?0\.135\]", text)) == n_intervals, text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


SENTENCE = "the surest 80% of the answers of this very model: " + "; ".join([f"Dice {SPAN}"] * 5)


@pytest.mark.parametrize("width", range(40, 90))
def test_sentences_break_between_words_and_not_in_an_interval(width: int) -> None:
    file = io.StringIO()
    stream = console(width=width, force_terminal=True, no_color=True)
    stream.file = file
    print_sentences(stream, SENTENCE)
    lines = file.getvalue().splitlines()
    assert sum(line.count(SPAN) for line in lines) == 5
    assert max(map(len, lines)) <= width
    assert " ".join(lines) == SENTENCE


def test_in_a_log_a_sentence_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_sentences(console(), SENTENCE)
    assert capsys.readouterr().out == f"{SENTENCE}\n"
