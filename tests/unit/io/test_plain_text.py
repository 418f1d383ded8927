"""What acts on a terminal is written out, and JSON stays the same JSON."""

from __future__ import annotations

import json

import pytest

from saywhere.io.plain_text import visible, visible_line

HOSTILE = [
    ("\x1b[2J", "\\u001b[2J"),
    ("\x9b2J", "\\u009b2J"),
    ("\x07\x08\r", "\\u0007\\u0008\\u000d"),
    ("\x7f", "\\u007f"),
    ("\u202egnp.exe", "\\u202egnp.exe"),
    ("\u2066\u2069\u200e\u061c", "\\u2066\\u2069\\u200e\\u061c"),
    ("\u2028", "\\u2028"),
    ("\ufeff\u200b", "\\ufeff\\u200b"),
    ("\U000e0041", "\\udb40\\udc41"),
    ("\udcff", "\\udcff"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_what_acts_is_written_out(text: str, shown: str) -> None:
    assert visible(f"a{text}b") == f"a{shown}b"
    assert visible_line(f"a{text}b") == f"a{shown}b"


def test_words_of_any_script_stay() -> None:
    text = "linke Lunge ä é 上 肺 ﷺ עברית فارسی 🫁 👩‍⚕️ ½ – “x”\n\tnext"
    assert visible(text) == text


def test_a_line_stays_one_line() -> None:
    assert visible_line("a\n\tb\r\nc") == "a\\u000a\\u0009b\\u000d\\u000ac"


def test_json_is_read_back_as_it_was() -> None:
    content = {"id": "".join(text for text, _ in HOSTILE if text != "\udcff"), "other": "ä\n"}
    text = visible(json.dumps(content, ensure_ascii=False, indent=2))
    assert json.loads(text) == content
    assert "\x9b" not in text
