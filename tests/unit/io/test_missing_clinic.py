"""Without the extra: what to install is said, by every reader."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from saywhere.errors import MissingExtra
from saywhere.io import images, sources

DICOM = b"\0" * 128 + b"DICM\x02\x00\x00\x00UL\x04\x00" + b"\0" * 200
NIFTI = b"\x5c\x01\0\0" + b"\0" * 340 + b"n+1\0" + b"\0" * 200


@pytest.mark.parametrize(("content", "module"), [(DICOM, "pydicom"), (NIFTI, "nibabel")])
def test_what_to_install_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for read in (images.read_image, images.read_mask, sources.list_inputs):
        with pytest.raises(MissingExtra, match=rf"{module}.*pip install 'saywhere\[clinic\]'"):
            read(path)
