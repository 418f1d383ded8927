"""Keyed hashes in place of names."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.io.pseudonyms import Pseudonyms, hasher, read_pseudonyms, withheld


def test_a_name_is_the_first_16_digits_of_its_hmac() -> None:
    key = b"k" * 32
    right = hmac.new(key, "Müller".encode(), hashlib.sha256).hexdigest()[:16]
    assert Pseudonyms(key).of("Müller") == right
    assert Pseudonyms(b"l" * 32).of("Müller") != right


def test_blank_stays_blank_and_half_characters_are_hashed() -> None:
    assert Pseudonyms(b"k" * 32).of("") == ""
    assert len(Pseudonyms(b"k" * 32).of("a\udcff.png")) == 16


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(Pseudonyms(b"secret" * 4))


def test_without_the_option_names_stay() -> None:
    assert read_pseudonyms(False, None) is None
    assert hasher(None)("a") == "a"


def test_a_key_that_is_kept_gives_the_same_names_and_a_random_one_does_not(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    kept = [read_pseudonyms(True, key) for _ in range(2)]
    thrown = [read_pseudonyms(True, None) for _ in range(2)]
    assert kept[0] == kept[1]
    assert thrown[0] != thrown[1]


def test_bad_keys_are_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    with pytest.raises(MissingFile, match="openssl rand"):
        read_pseudonyms(True, key)
    for content, size in ((b"short", "5 bytes"), (b"k" * 5000, "more bytes")):
        key.write_bytes(content)
        with pytest.raises(UsageError, match=size):
            read_pseudonyms(True, key)
    with pytest.raises(UsageError, match="without --no-identifiers"):
        read_pseudonyms(False, key)


def test_a_withheld_error_keeps_its_kind_and_not_its_words() -> None:
    error = withheld(UnreadableFile("Jane Doe", where="/doe/jane.png"))
    assert isinstance(error, UnreadableFile)
    assert "unreadable_file" in str(error)
    assert "oe" not in str(error).replace("does", "")
