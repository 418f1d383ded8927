from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.datasets.layout import find_with, stem_of
from saywhere.errors import ManifestError, MissingFile


def test_the_nearest_folder_that_holds_all_names_is_found(tmp_path: Path) -> None:
    for folder in (
        "__MACOSX/images",
        "__MACOSX/masks",
        ".hidden/images",
        ".hidden/masks",
        "deep/er/images",
        "deep/er/masks",
        "near/images",
    ):
        (tmp_path / folder).mkdir(parents=True)
    assert find_with(tmp_path, ["images", "masks"], "") == tmp_path / "deep" / "er"
    with pytest.raises(
        MissingFile,
        match=r"no 'anns' in .*; found there: __MACOSX/, deep/, near/: unpack it"
        "|found there: .hidden/",
    ):
        find_with(tmp_path, ["images", "anns"], "unpack it")


@pytest.mark.parametrize("name", ["../a.jpg", "a/b.jpg", "c:\\a.jpg", "", None, 7, "a\0.jpg"])
def test_a_list_cannot_name_files_elsewhere(name: object) -> None:
    with pytest.raises(ManifestError, match=r"is no file name in list.json"):
        stem_of(name, Path("list.json"))
