"""One queue, bounded; what waits together is segmented together."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from saywhere.errors import Busy
from saywhere.serve.queue import Desk, Job

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Slow:
    """A model that waits for a sign, and fails at one prompt."""

    def __init__(self) -> None:
        self.sign, self.batches = threading.Event(), []

    def segment_many(self, images: Any, prompts: list[str], threshold: Any = None) -> list[str]:
        self.sign.wait(20)
        self.batches.append(list(prompts))
        if "bad" in prompts:
            raise ValueError("bad")
        return [prompt.upper() for prompt in prompts]


def job(model: Any, prompt: str, threshold: float | None = None) -> Job:
    return Job(model, IMAGE, prompt, threshold)


def test_what_waits_together_is_segmented_together_and_thresholds_apart() -> None:
    desk, model = Desk(), Slow()
    first = desk.submit(job(model, "first"))
    others = [desk.submit(job(model, prompt)) for prompt in ("a", "b")] + [
        desk.submit(job(model, "c", 0.3))
    ]
    model.sign.set()
    assert [answer.result(20)[0] for answer in [first, *others]] == ["FIRST", "A", "B", "C"]
    assert sorted(model.batches[1:] if len(model.batches) == 3 else model.batches) in (
        [["a", "b"], ["c"]],
        [["c"], ["first", "a", "b"]],
    )
    assert desk.close()


def test_a_bad_one_spoils_only_itself() -> None:
    desk, model = Desk(), Slow()
    answers = [desk.submit(job(model, prompt)) for prompt in ("first", "a", "bad", "b")]
    model.sign.set()
    assert [answers[i].result(20)[0] for i in (0, 1, 3)] == ["FIRST", "A", "B"]
    with pytest.raises(ValueError, match="bad"):
        answers[2].result(20)
    assert desk.close()


def test_one_too_many_is_told_when_to_come_back() -> None:
    desk = Desk(places=2)
    desk.take()
    desk.take()
    with pytest.raises(Busy, match="takes 2 requests at once") as caught:
        desk.take()
    assert caught.value.retry_after_s >= 1
    desk.give()
    desk.take()
    assert desk.n_taken == 2


def test_closing_finishes_what_was_begun_and_takes_no_one_else() -> None:
    desk, model = Desk(), Slow()
    answer = desk.submit(job(model, "begun"))
    threading.Timer(0.2, model.sign.set).start()
    assert desk.close(patience_s=20)
    assert answer.result(0)[0] == "BEGUN"
    assert not desk.is_open
    with pytest.raises(Busy, match="about to stop"):
        desk.take()


def test_closing_has_an_end() -> None:
    desk, model = Desk(), Slow()
    desk.submit(job(model, "never"))
    assert not desk.close(patience_s=0.1)
    model.sign.set()
