"""Each prompt is encoded once; a torn, flipped or foreign entry is never used."""

from __future__ import annotations

import errno
import hashlib
import logging
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from saywhere.errors import NotWritable
from saywhere.io.paths import cache_folder
from saywhere.text import shards
from saywhere.text.cache import EmbeddingCache


class Counting:
    """An encoder of digests, that keeps a list of what it encoded."""

    name = "counting"
    dim = 8
    pooling = "mean"
    max_length = 16

    def __init__(self, revision: str = "a") -> None:
        self.revision = revision
        self.encoded: list[str] = []

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        self.encoded += prompts
        return np.stack([self.vector(prompt) for prompt in prompts])

    def vector(self, prompt: str) -> np.ndarray:
        digest = hashlib.sha256(f"{self.revision} {prompt!r}".encode()).digest()
        return np.frombuffer(digest, np.uint8)[:8].astype(np.float32)

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        self.encoded += prompts
        return [
            self.vector(prompt) + np.arange(self.count_tokens(prompt), dtype=np.float32)[:, None]
            for prompt in prompts
        ]

    def count_tokens(self, prompt: str) -> int:
        return len(prompt.split()) + 2


PROMPTS = ["upper left", "lower right", "", "🫁", "upper left", "\udcff"]


def right(cache: EmbeddingCache, prompts: Sequence[str] = PROMPTS) -> bool:
    vector = cache.encoder.vector  # type: ignore[attr-defined]
    return np.array_equal(cache.get(prompts), np.stack([vector(prompt) for prompt in prompts]))


def test_vectors_come_in_the_order_of_the_prompts(tmp_path: Path) -> None:
    vectors = EmbeddingCache(Counting(), tmp_path).get(PROMPTS)
    assert (vectors.shape, vectors.dtype) == ((6, 8), np.float32)
    assert right(EmbeddingCache(Counting(), tmp_path))
    assert EmbeddingCache(Counting(), tmp_path).get([]).shape == (0, 8)


def test_tokens_are_padded_with_zeros_and_kept_apart_from_sentences(tmp_path: Path) -> None:
    encoder = Counting()
    for _ in range(2):  # encoded, then read
        vectors = EmbeddingCache(encoder, tmp_path, tokens=True).get(["one", "one two three"])
        assert vectors.shape == (2, 5, 8)
        assert np.array_equal(vectors[0, :3], encoder.embed_tokens(["one"])[0])
        assert not vectors[0, 3:].any()
        assert np.array_equal(vectors[1], encoder.embed_tokens(["one two three"])[0])
    assert encoder.encoded.count("one") == 3  # once by the cache, twice by this test
    assert right(EmbeddingCache(encoder, tmp_path))


def test_a_prompt_is_encoded_once_and_a_second_get_never_calls_the_encoder(tmp_path: Path) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.get(PROMPTS)
    assert sorted(cache.encoder.encoded) == sorted(set(PROMPTS))  # type: ignore[attr-defined]
    later = EmbeddingCache(Counting(), tmp_path)
    assert right(later)
    assert later.encoder.encoded == []  # type: ignore[attr-defined]
    later.get([*PROMPTS, "new"])
    assert later.encoder.encoded == ["new"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "change",
    [{"revision": "b"}, {"pooling": "cls"}, {"max_length": 32}, {"name": "other"}],
    ids=str,
)
def test_another_encoder_is_a_miss_and_not_a_wrong_vector(
    tmp_path: Path, change: dict[str, object]
) -> None:
    EmbeddingCache(Counting(), tmp_path).get(PROMPTS)
    other = Counting()
    vars(other).update(change)
    cache = EmbeddingCache(other, tmp_path)
    assert right(cache)
    assert set(other.encoded) == set(PROMPTS)
    assert right(EmbeddingCache(Counting(), tmp_path))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "append"])
def test_a_damaged_entry_is_logged_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.get(["kept"])
    whole = set(cache.folder.iterdir())
    cache.get(["kept", "spoilt"])
    (shard,) = set(cache.folder.iterdir()) - whole
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(
        {"flip": content, "cut": content[:-5], "empty": b"", "append": shard.read_bytes() + b"\0"}[
            damage
        ]
    )
    again = EmbeddingCache(Counting(), tmp_path)
    with caplog.at_level(logging.WARNING, "saywhere"):
        assert right(again, ["kept", "spoilt"])
    assert again.encoder.encoded == ["spoilt"]  # type: ignore[attr-defined]
    assert f"{shard.name} is damaged" in caplog.text
    caplog.clear()
    assert right(EmbeddingCache(Counting(), tmp_path), ["kept", "spoilt"])
    assert not caplog.records, "still damaged"


def test_an_entry_is_plain_safetensors_without_the_prompts_words(tmp_path: Path) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.get(["a patient's words"])
    (shard,) = cache.folder.iterdir()
    assert b"patient" not in shard.read_bytes()
    content = load_file(shard)
    assert (
        bytes(content["prompt_sha256"][0]).decode()
        == hashlib.sha256(b"a patient's words").hexdigest()
    )


def test_a_prompt_that_comes_alone_costs_no_reading_of_what_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    EmbeddingCache(Counting(), tmp_path).get([f"old {i}" for i in range(50)])
    cache = EmbeddingCache(Counting(), tmp_path)
    assert right(cache, ["first"])
    read: list[Path] = []
    whole = shards.read
    monkeypatch.setattr(shards, "read", lambda path: read.append(path) or whole(path))
    assert right(cache, ["second"])
    assert read == []
    assert right(cache, ["first", "second"])
    assert len(read) == 2
    EmbeddingCache(Counting(), tmp_path).get(["another process's"])
    read.clear()
    assert right(cache, ["another process's"])
    assert len(read) == 1
    assert cache.encoder.encoded == ["first", "second"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("tokens", [False, True])
def test_prompts_that_come_one_by_one_do_not_leave_a_file_each(
    tmp_path: Path, tokens: bool
) -> None:
    prompts = [f"prompt{' and' * (i % 5)} {i}" for i in range(3 * shards.MANY)]
    cache, other = (
        EmbeddingCache(Counting(), tmp_path, tokens=tokens),
        EmbeddingCache(Counting(), tmp_path, tokens=tokens),
    )
    given = [cache.get([prompt])[0] for prompt in prompts]
    assert len(list(cache.folder.iterdir())) < shards.MANY
    for reader in (cache, other, EmbeddingCache(Counting(), tmp_path, tokens=tokens)):
        assert all(
            np.array_equal(reader.get([prompt])[0], row) for prompt, row in zip(prompts, given)
        )
    assert len(cache.encoder.encoded) == len(prompts)  # type: ignore[attr-defined]
    assert other.encoder.encoded == []  # type: ignore[attr-defined]


def test_large_shards_are_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.get([f"old {i}" for i in range(1000)])
    (large,) = cache.folder.iterdir()
    monkeypatch.setattr(shards, "SMALL", large.stat().st_size)
    for i in range(shards.MANY + 1):
        cache.get([f"new {i}"])
    assert large.is_file()
    assert len(list(cache.folder.iterdir())) < shards.MANY


def test_a_full_disk_while_merging_gives_the_vectors_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)

    def full(folder: Path) -> None:
        raise NotWritable("no space left", where=folder)

    monkeypatch.setattr(shards, "merge", full)
    assert right(cache)
    assert right(EmbeddingCache(Counting(), tmp_path))


def _fill(folder: Path, worker: int, start: object) -> None:
    cache = EmbeddingCache(Counting(), folder)
    start.wait(200)  # type: ignore[attr-defined]
    random = np.random.default_rng(worker)
    for _ in range(12):
        prompts = [f"prompt {number}" for number in random.integers(60, size=9)]
        assert right(cache, prompts)


def test_eight_processes_fill_one_cache_without_a_torn_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(8)
    workers = [context.Process(target=_fill, args=(tmp_path, worker, start)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0] * 8
    cache = EmbeddingCache(Counting(), tmp_path)
    everything = [f"prompt {number}" for number in range(60)]
    with caplog.at_level(logging.WARNING, "saywhere"):
        assert right(cache, everything)
    encoded = cache.encoder.encoded  # type: ignore[attr-defined]
    assert len(encoded) < 5, "the shards hold what the workers encoded"
    assert not caplog.records
    assert all(path.suffix == ".safetensors" for path in cache.folder.iterdir()), (
        "a temporary file was left behind"
    )


def test_a_full_disk_is_said_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.get(["kept"])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert right(cache, ["new"])
    assert "no space left" in caplog.text
    again = EmbeddingCache(Counting(), tmp_path)
    assert right(again, ["kept"])
    assert again.encoder.encoded == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", ["file", "/proc/saywhere", "/dev/null"])
def test_it_goes_on_without_a_folder_and_says_so_once(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "saywhere"):
        cache = EmbeddingCache(Counting(), tmp_path / place / "embeddings")
        assert right(cache, ["left"])
        assert right(cache, ["left", "right"])
    assert len(caplog.records) == 1
    assert "no cache of text embeddings: cannot write" in caplog.text


def test_it_reads_a_folder_that_can_only_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    EmbeddingCache(Counting(), tmp_path).get(["before"])

    def refused(folder: Path, vectors: object) -> Path:
        raise NotWritable("cannot write", where=folder)

    monkeypatch.setattr(shards, "write", refused)
    cache = EmbeddingCache(Counting(), tmp_path)
    with caplog.at_level(logging.WARNING, "saywhere"):
        assert right(cache, ["before"])
        assert cache.encoder.encoded == []  # type: ignore[attr-defined]
        assert right(cache, ["before", "new"])
        assert right(cache, ["another"])
    assert len(caplog.records) == 1


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SAYWHERE_CACHE")
    monkeypatch.setattr(Path, "home", homeless)
    assert right(EmbeddingCache(Counting()), ["left"])


def test_its_place_is_saywhere_cache_or_below_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert EmbeddingCache(Counting()).folder.parent == tmp_path / "embeddings"
    monkeypatch.setenv("SAYWHERE_CACHE", "")
    assert cache_folder() == Path.home() / ".cache" / "saywhere"
