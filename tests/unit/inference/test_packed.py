"""Long lists: what comes back is what went in, and it takes little memory."""

from __future__ import annotations

import gc
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.data.packed import BLOCK, Packed
from saywhere.inference import batch
from saywhere.inference.batch import run_jobs
from saywhere.inference.collected import Collected
from saywhere.inference.predictions_file import Prediction, Terms
from saywhere.inference.requests import Job, packed_jobs
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.stems import distinct
from saywhere.io.files import digest

N = 3 * BLOCK + 7
NAMES = st.text(st.characters(codec="utf-8"), max_size=8)


def numbers(n: int) -> Packed[int]:
    return Packed(lambda number: [number], lambda fields: fields[0], range(n))


@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, N])
def test_a_packed_list_is_that_list(n: int) -> None:
    packed = numbers(n)
    listed = list(range(n))
    assert (len(packed), list(packed), packed == listed, bool(packed)) == (n, listed, True, n > 0)
    assert packed[1:-1:BLOCK] == listed[1:-1:BLOCK]
    assert [packed[place] for place in range(-n, n)] == listed + listed
    with pytest.raises(IndexError):
        packed[n]
    packed.append(n)
    assert (packed[-1], packed == listed) == (n, False)


@given(
    st.lists(
        st.builds(
            Job,
            image=NAMES.map(lambda name: Path("a") / f"{name}\udce9.png"),
            prompt=NAMES,
            stem=NAMES,
            group=NAMES,
            frame=st.integers(0, 9),
            place=st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)),
        )
    )
)
def test_jobs_come_back_equal_whatever_their_names(jobs: list[Job]) -> None:
    assert list(packed_jobs(jobs)) == jobs


def test_a_hundred_thousand_jobs_take_a_few_megabytes() -> None:
    folder = Path("/data/archive/hospital/2026")
    jobs = packed_jobs(
        Job(folder / f"{number:06d}.png", "the left lung", f"{number:06d}", group=f"{number:06d}")
        for number in range(20_000)
    )
    n_bytes = sum(map(len, jobs._blocks))
    assert n_bytes / len(jobs) < 40


def prediction(number: int) -> Prediction:
    terms = Terms("left", f"{number:064x}", 0.5, "m" * 64)
    files = {"mask": f"{number}-mask.png"}
    return Prediction(f"{number}.png", terms, files, (3, 4), number, 0.5, None, 0.25, 0.1)


def test_predictions_come_in_the_order_of_their_jobs() -> None:
    collected = Collected()
    for first in (2, 0, 4):
        collected.add([first + 1, first], [prediction(first + 1), prediction(first)])
    expected = [prediction(number) for number in range(6)]
    assert [one.area_px for one in collected.in_order()] == list(range(6))
    assert [one.terms for one in collected.in_order()] == [one.terms for one in expected]


def test_equal_names_are_told_apart_however_many(tmp_path: Path) -> None:
    assert list(distinct(["a", "a-2", "a", "b", "a"])) == ["a", "a-2", "a-3", "b", "a-4"]
    # The search for the next number goes on where it stood: this would take hours.
    assert len(set(distinct(["scan"] * 100_000))) == 100_000


def test_a_long_batch_has_few_jobs_and_predictions_as_objects(
    trained: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "N_AHEAD", 16)
    segmenter = Segmenter(trained)
    folder = pictures / "many"
    folder.mkdir()
    for number in range(300):
        os.link(pictures / "two/a.png", folder / f"{number:03d}.png")
    jobs = packed_jobs(Job(path, "left", path.stem) for path in sorted(folder.iterdir()))
    kept: list[int] = []
    n_done = itertools.count(1)

    def advance(n: int) -> None:
        # Going through all objects takes a while.
        if next(n_done) % 50 == 0:
            kept.append(sum(isinstance(one, (Job, Prediction)) for one in gc.get_objects()))

    outcome = run_jobs(segmenter, jobs, pictures / "out", save="mask", advance=advance)
    assert [one.stem for one in outcome.predictions] == [job.stem for job in jobs]
    sha256 = digest(pictures / "two/a.png")
    assert {one.terms.image_sha256 for one in outcome.predictions} == {sha256}
    # Opened blocks are plain JSON; what is on its way are a few batches.
    assert 0 < max(kept) < 150
