"""Models fetched and passed on: verified, whole or not at all, and never a pickle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fsspec
import pytest

import saywhere
from saywhere.errors import BadCheckpoint, MissingExtra, MissingFile, UsageError
from saywhere.hub import transfer
from saywhere.hub.digests import verified
from saywhere.hub.facts import FILES, FORMAT, read_facts
from saywhere.hub.metadata import About
from saywhere.hub.registry import list_models, pull, push
from saywhere.runs import locate


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "pulled", lambda: tmp_path / "pulled")


@pytest.fixture
def source(trained: Path, tmp_path: Path) -> Path:
    push(trained, str(tmp_path / "source" / "spot"), About(title="Spots"))
    return tmp_path / "source" / "spot"


def test_pushed_and_pulled_through_another_file_system_it_is_known_by_its_name(
    trained: Path,
) -> None:
    address = "memory://shelf/spot"
    push(trained, address, About())
    folder = pull(address, "blob")
    assert locate.known()["blob"] == folder
    assert repr(saywhere.load("blob")).startswith("Segmenter(")
    assert "blob" in [entry.name for entry in list_models()]
    assert sorted(
        Path(path).name for path in fsspec.filesystem("memory").ls("/shelf/spot", detail=False)
    ) == sorted((*FILES, locate.SUMS))


def test_a_pulled_model_is_the_pushed_one_to_the_byte(source: Path) -> None:
    folder = pull(str(source))
    assert folder.name == "spot"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }
    verified(folder)


def test_what_is_there_stays_unless_asked(source: Path, trained: Path) -> None:
    pull(str(source))
    with pytest.raises(UsageError, match=r"there is a model called 'spot'.*--replace"):
        pull(str(source))
    pull(str(source), replace=True)
    with pytest.raises(UsageError, match="there is a model at"):
        push(trained, str(source), About())
    push(trained, str(source), About(), replace=True)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_one_flipped_bit_is_refused_and_nothing_is_left(source: Path, name: str) -> None:
    content = bytearray((source / name).read_bytes())
    content[len(content) // 2] ^= 1
    (source / name).write_bytes(bytes(content))
    with pytest.raises(BadCheckpoint, match=f"{name} is not what SHA256SUMS says"):
        pull(str(source))
    assert "spot" not in locate.known()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "../../outside", "/etc/passwd", "code.py"])
def test_nothing_but_a_models_files_is_fetched(source: Path, name: str) -> None:
    (source / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with (source / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(BadCheckpoint, match="SHA256SUMS names"):
        pull(str(source))
    assert "spot" not in locate.known()


def test_a_model_of_a_newer_format_is_refused_before_its_weights_are_fetched(
    source: Path,
) -> None:
    facts = dict(read_facts(source)) | {"format": FORMAT + 1}
    (source / "config.json").write_text(json.dumps(facts))
    (source / "model.safetensors").unlink()
    with (source / "SHA256SUMS").open("a") as sums:  # a later version may have further files
        sums.write(f"{'0' * 64}  later.json\n")
    with pytest.raises(
        BadCheckpoint, match=rf"a model of format {FORMAT + 1} .*update Saywhere \(pip install -U"
    ):
        pull(str(source))
    assert "spot" not in locate.known()


def test_a_pickle_beside_the_weights_is_left_where_it_is(source: Path) -> None:
    (source / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert not (pull(str(source)) / "pytorch_model.bin").exists()


def test_a_folder_with_nothing_but_a_pickle_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(
        MissingFile,
        match=r"pytorch_model\.bin: a pickle can run any code, so none is ever read.*safetensors",
    ):
        saywhere.load(tmp_path / "theirs")
    with pytest.raises(MissingFile, match=r"no model at .*theirs \(no SHA256SUMS\)"):
        pull(str(tmp_path / "theirs"))


def test_a_file_over_the_limit_is_not_taken_in(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "LIMIT_BYTES", 10)
    with pytest.raises(BadCheckpoint, match=r"config\.json has more than 10 bytes"):
        pull(str(source))


def test_an_address_that_nothing_here_can_read_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="cannot be reached"):
        pull("nonsense://there/spot")
    with pytest.raises((MissingExtra, UsageError)) as refused:
        pull("s3://key:secret@bucket/spot")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["Spot", "a/b", "..", "", "x" * 65, "a b"])
def test_a_name_is_a_plain_word(source: Path, name: str) -> None:
    if name:
        with pytest.raises(UsageError, match="a model cannot be called"):
            pull(str(source), name)


def test_a_model_without_a_card_is_listed_as_not_measured(source: Path) -> None:
    folder = pull(str(source))
    (folder / "config.json").write_text("[")
    entry = next(entry for entry in list_models() if entry.name == "spot")
    assert (entry.title, entry.dice) == ("spot", None)
    shutil.rmtree(folder)
