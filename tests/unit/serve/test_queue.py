"""One queue, bounded; what waits together is segmented together."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from saywhere.errors import Busy
from saywhere.serve.queue import Job, SegmentQueue

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Slow:
    """A model that waits for a sign, and fails at one prompt."""

    def __init__(self) -> None:
        self.sign = threading.Event()
        self.batches: list[list[str]] = []

    def segment_many(self, images: Any, prompts: list[str], **_: Any) -> list[str]:
        self.sign.wait(20)
        self.batches.append(list(prompts))
        if "bad" in prompts:
            raise ValueError("bad")
        return [prompt.upper() for prompt in prompts]


def job(model: Any, prompt: str, threshold: float | None = None) -> Job:
    return Job(model, IMAGE, prompt, threshold)


def test_what_waits_together_is_segmented_together_and_thresholds_apart() -> None:
    waiting = SegmentQueue()
    model = Slow()
    first = waiting.submit(job(model, "first"))
    others = [waiting.submit(job(model, prompt)) for prompt in ("a", "b")] + [
        waiting.submit(job(model, "c", 0.3))
    ]
    model.sign.set()
    assert [answer.result(20)[0] for answer in [first, *others]] == ["FIRST", "A", "B", "C"]
    assert sorted(model.batches[1:] if len(model.batches) == 3 else model.batches) in (
        [["a", "b"], ["c"]],
        [["c"], ["first", "a", "b"]],
    )
    assert waiting.close()


def test_a_bad_one_spoils_only_itself() -> None:
    waiting = SegmentQueue()
    model = Slow()
    answers = [waiting.submit(job(model, prompt)) for prompt in ("first", "a", "bad", "b")]
    model.sign.set()
    assert [answers[i].result(20)[0] for i in (0, 1, 3)] == ["FIRST", "A", "B"]
    with pytest.raises(ValueError, match="bad"):
        answers[2].result(20)
    assert waiting.close()


def test_one_too_many_is_told_when_to_come_back() -> None:
    waiting = SegmentQueue(places=2)
    waiting.take()
    waiting.take()
    with pytest.raises(Busy, match="takes 2 requests at once") as caught:
        waiting.take()
    assert caught.value.retry_after_s >= 1
    waiting.give()
    waiting.take()
    assert waiting.n_taken == 2


def test_closing_finishes_what_was_begun_and_takes_no_one_else() -> None:
    waiting = SegmentQueue()
    model = Slow()
    answer = waiting.submit(job(model, "begun"))
    threading.Timer(0.2, model.sign.set).start()
    assert waiting.close(patience_s=20)
    assert answer.result(0)[0] == "BEGUN"
    assert not waiting.is_open
    with pytest.raises(Busy, match="about to stop"):
        waiting.take()


def test_closing_has_an_end() -> None:
    waiting = SegmentQueue()
    model = Slow()
    waiting.submit(job(model, "never"))
    assert not waiting.close(patience_s=0.1)
    model.sign.set()
