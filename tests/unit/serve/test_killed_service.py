"""`kill -9` of the real server while several people keep over HTTP.

Each keep that was answered is there when the server is started again. $SAYWHERE_KILLS sets another
number of kills; the last line printed counts the rows.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from saywhere.io.images import read_mask
from saywhere.serve.store import Store
from unit.serve.conftest import png
from unit.serve.served import serving

requests = pytest.importorskip("requests")

N_KILLS = int(os.environ.get("SAYWHERE_KILLS", "4"))
N_PEOPLE = 4
SIZE = (120, 160)


class People:
    """Keep one mask after the other, each person in a thread, until the server is gone."""

    def __init__(self, address: str, first: int) -> None:
        self.address = address
        self.numbers: Iterator[int] = iter(range(first, first + 1_000_000))
        self.lock = threading.Lock()
        self.sent: set[str] = set()
        self.answered: set[str] = set()
        self.refused: list[str] = []
        self.has_answered = threading.Event()
        self.threads = [threading.Thread(target=self.work) for _ in range(N_PEOPLE)]
        for thread in self.threads:
            thread.start()

    def work(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            try:
                while True:
                    self.keep(session)
            except requests.RequestException:
                return

    def keep(self, session: requests.Session) -> None:
        with self.lock:
            number = next(self.numbers)
        key = f"{number:032x}"
        image = np.random.default_rng(number).integers(0, 256, SIZE, np.uint8)
        files = {"image": png(image)}
        files |= {name: png((image > level).astype(np.uint8) * 255) for name, level in LEVELS}
        self.sent.add(key)
        fields = {"key": key, "prompt": f"spot {number}", "model": "run"}
        response = session.post(f"{self.address}v1/keep", files=files, data=fields, timeout=120)
        if response.status_code == 200:
            self.answered.add(key)
            self.has_answered.set()
        else:
            self.refused.append(response.text)

    def wait(self) -> None:
        for thread in self.threads:
            thread.join()


LEVELS = (("mask", 99), ("suggested", 120))


def kept_until_killed(trained: Path, folder: Path, number: int) -> People:
    """What people sent, and what they were answered, by a random moment."""
    random = np.random.default_rng(number)
    with serving(trained, "--store", folder, folder=folder.parent) as (process, address):
        people = People(address, 1_000_000 * (number + 1))
        n_wanted = int(random.integers(4, 30))
        # From the first answer on; a server that refused all would be waited for in vain.
        assert people.has_answered.wait(300), people.refused
        while len(people.answered) < n_wanted and any(
            map(threading.Thread.is_alive, people.threads)
        ):
            people.threads[0].join(0.001)
        people.threads[0].join(0.05 * random.random())
        process.kill()
        people.wait()
    assert people.refused == []
    return people


@pytest.mark.slow
def test_every_keep_that_was_answered_survives(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    answered: set[str] = set()
    sent: set[str] = set()
    for number in range(N_KILLS):
        people = kept_until_killed(trained, folder, number)
        answered |= people.answered
        sent |= people.sent
        # What was on its way, and of which nobody knows, may be there; each person had one.
        assert len(sent - answered) <= N_PEOPLE * (number + 1)
    with serving(trained, "--store", folder, folder=tmp_path) as (_, address):
        n_kept = requests.get(f"{address}v1/kept", timeout=120).json()["n_kept"]
    store = Store(folder)
    keys = [row["key"] for row in store.rows()]
    assert len(keys) == len(set(keys)) == n_kept
    assert answered <= set(keys) <= sent
    for row in store.rows():
        assert read_mask(folder / row["mask"]).shape == SIZE
    assert list(folder.rglob("*.tmp")) == []
    pictures = {path.stem for path in folder.glob("*/*.png")}
    assert pictures == set(keys)
    store.close()
    survived = len(answered & set(keys))
    print(f"{survived} of {len(answered)} answered keeps survived {N_KILLS} kills of the server")
