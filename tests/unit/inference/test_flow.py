"""Reading, network and writing overlap: bounded, in order, each picture once, nothing lost."""

from __future__ import annotations

import gc
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.errors import NotWritable
from saywhere.inference import read_ahead
from saywhere.inference.batch import run_jobs
from saywhere.inference.flow import Done, Flow, Remark, Scored
from saywhere.inference.read_ahead import ReadAhead, in_order
from saywhere.inference.requests import Job
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.units import Unit
from saywhere.inference.writers import png
from saywhere.io import files, source_reader

N_PICTURES = 12


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    segmenter = Segmenter(trained, device="cpu")
    segmenter.config = segmenter.config.replace(**{"evaluate.batch_size": 4})
    return segmenter


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Two prompts on each of twelve pictures of different sizes."""
    random = np.random.default_rng(0)
    jobs = []
    for number in range(N_PICTURES):
        path = tmp_path / f"{number:02}.png"
        Image.fromarray(random.integers(0, 255, (30 + number, 40), np.uint8)).save(path)
        for prompt in ("upper left", "lower right"):
            jobs.append(Job(path, prompt, f"{number:02}-{prompt[:5]}"))
    return jobs


class Gauge:
    """How many are in flight, and the most that ever were."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def add(self, change: int) -> None:
        with self.lock:
            self.now += change
            self.most = max(self.most, self.now)


def test_no_more_than_allowed_are_ahead_and_order_is_kept() -> None:
    taken = Gauge()

    def items() -> Iterator[int]:
        for number in range(50):
            taken.add(1)
            yield number

    with ThreadPoolExecutor(4) as pool:
        results = []
        for result in in_order(pool, lambda number: number**2, items(), lambda: 6):
            results.append(result)
            taken.add(-1)
    assert results == [number**2 for number in range(50)]
    assert taken.most == 6


def test_large_pictures_wait_in_smaller_number(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = ReadAhead(None, most=32)  # type: ignore[arg-type]
    assert ahead._most_now() == 32
    ahead._largest = read_ahead.MOST_BYTES // 5
    assert ahead._most_now() == 5
    ahead._largest = read_ahead.MOST_BYTES * 2
    assert ahead._most_now() == 1, "one at a time, however large"


def test_each_picture_is_read_once_and_few_are_held(
    segmenter: Segmenter, jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: Counter[str] = Counter()
    networks: list[int] = []
    held = Gauge()
    decode, scores, write = source_reader.decode_bytes, Segmenter.scores, png.write

    def counting(content: bytes, path: Path, *rest: Any) -> Any:
        decoded[path.name] += 1
        held.add(1)
        return decode(content, path, *rest)

    def scoring(self: Segmenter, pictures: Any, readings: Any) -> Any:
        networks.append(len(pictures))
        return scores(self, pictures, readings)

    def writing(*arguments: Any) -> Any:
        # A picture has two prompts, so it is let go by halves.
        held.add(-1 if arguments[0][0].prompt == "lower right" else 0)
        return write(*arguments)

    monkeypatch.setattr(source_reader, "decode_bytes", counting)
    monkeypatch.setattr(Segmenter, "scores", scoring)
    monkeypatch.setattr("saywhere.inference.writers.WRITERS", {"png": _with(png.WRITER, writing)})
    outcome = run_jobs(segmenter, jobs, tmp_path / "out")
    assert [prediction.stem for prediction in outcome.predictions] == [job.stem for job in jobs]
    assert decoded == Counter({f"{number:02}.png": 1 for number in range(N_PICTURES)})
    assert networks == [4] * 6, "jobs of several pictures and prompts share a pass"
    # Those that wait, a batch, and what two threads each and their queue hold.
    assert held.most < N_PICTURES


def _with(writer: Any, write: Any) -> Any:
    from dataclasses import replace

    return replace(writer, write=write)


def test_together_is_as_one_at_a_time(
    segmenter: Segmenter, jobs: list[Job], tmp_path: Path
) -> None:
    together = run_jobs(segmenter, jobs, tmp_path / "all", save="mask,probability")
    for job, prediction in zip(jobs, together.predictions):
        alone = run_jobs(segmenter, [job], tmp_path / "alone", save="mask,probability")
        one = alone.predictions[-1]
        assert (one.area_px, one.size) == (prediction.area_px, prediction.size)
        mask, probability = (tmp_path / folder / one.files["mask"] for folder in ("all", "alone"))
        assert mask.read_bytes() == probability.read_bytes(), "masks to the byte"
        levels = [
            np.asarray(Image.open(tmp_path / folder / one.files["probability"])).astype(int)
            for folder in ("all", "alone")
        ]
        # A batch sums in another order: the seventh digit may round to the next level.
        assert np.abs(levels[0] - levels[1]).max() <= 1


def test_a_bad_picture_loses_no_other_and_the_order_stays(
    segmenter: Segmenter, jobs: list[Job], tmp_path: Path
) -> None:
    bad = [jobs[6].image, jobs[-1].image]
    for path in bad:
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    counted: list[int] = []
    outcome = run_jobs(segmenter, jobs, tmp_path / "out", advance=counted.append)
    assert sum(counted) == len(jobs)
    good = [job.stem for job in jobs if job.image not in bad]
    assert [prediction.stem for prediction in outcome.predictions] == good
    assert [Path(failure.image or "") for failure in outcome.failures] == [
        path for path in bad for _ in range(2)
    ]
    lines = (tmp_path / "out/predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["stem"] for line in lines] == good


def test_a_full_disk_ends_the_flow_and_what_was_written_counts(
    segmenter: Segmenter, jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = files.writing

    def full(path: Path) -> Any:
        if path.name.startswith("08"):
            raise NotWritable("the disk is full", where=path)
        return original(path)

    monkeypatch.setattr("saywhere.io.images.writing", full)
    with pytest.raises(NotWritable):
        run_jobs(segmenter, jobs, tmp_path / "out")
    monkeypatch.undo()
    assert not [one for one in threading.enumerate() if one.name.startswith(("read", "writ"))]
    again = run_jobs(segmenter, jobs, tmp_path / "out")
    # Sixteen jobs came before those that found no room, and some after them.
    assert 16 <= again.n_skipped <= 22
    assert len(again.predictions) == len(jobs)


def test_answers_are_let_go_once_they_are_written(segmenter: Segmenter, jobs: list[Job]) -> None:
    """Else memory grows with the number of pictures."""
    many = [replace(job, stem=f"{n}-{job.stem}") for n in range(10) for job in jobs]
    alive: list[int] = []

    def write(units: Sequence[Done]) -> Sequence[Done]:
        alive.append(sum(isinstance(one, Scored) for one in gc.get_objects()))
        return units

    flow = Flow(segmenter, n_threads=1)
    for done in flow.each([Unit([job], ["mask"]) for job in many], write, lambda n: None):
        assert len(done.scored) == 1
    # The units of a batch are written together.
    assert len(alive) == len(many) / segmenter.batch_size
    assert max(alive) <= 6 * segmenter.batch_size
    assert 6 * segmenter.batch_size < len(many) / 2


def test_a_remark_counts_a_file_once_wherever_its_pictures_stand() -> None:
    remark = Remark()
    for name in ("a.dcm", "b.dcm", "a.dcm", "a.dcm", "b.dcm"):
        remark.add(Path(name))
    assert (remark.first, remark.n_files) == (Path("a.dcm"), 2)
