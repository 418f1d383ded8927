"""Why to look twice: among several prompts, the reader must know which one a warning is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from unit.serve.browsing import browser, opened
from unit.serve.served import serving

__all__ = ["browser"]
EMPTIED = "nothing named so was found (presence 0.01)"
UNLIKE = "the picture is unlike those that the model was trained on"


@pytest.fixture
def page(browser: Any, trained: Path, tmp_path: Path) -> Iterator[Any]:
    with serving(trained, folder=tmp_path) as (_, address):
        page, trouble = opened(browser, address)
        yield page
        assert trouble == []
        page.close()


def label(prompt: str, *warnings: str) -> Mapping[str, Any]:
    return {"prompt": prompt, "facts": {"unfamiliarity": 0, "warnings": list(warnings)}}


def test_a_warning_names_its_words_unless_it_is_about_all(page: Any) -> None:
    script = "labels => import('/doubts.js').then((m) => m.doubts(labels, true))"
    lung = label("the left lung", EMPTIED)
    assert page.evaluate(script, [lung]) == f"{EMPTIED}."
    both = page.evaluate(script, [label("one polyp"), lung])
    assert both == f"“the left lung”: {EMPTIED}."
    lungs = [label(words, UNLIKE, EMPTIED) for words in ("a lung", "")]
    three = [label("one polyp", UNLIKE), *lungs]
    assert page.evaluate(script, three) == f"{UNLIKE}. “a lung”, “no words”: {EMPTIED}."
