from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from saywhere.errors import ConfigError
from saywhere.io.limits import PIXELS_VARIABLE, chosen

READ = "import sys; from saywhere.io.images import read_image; print(read_image(sys.argv[1]).shape)"


def read(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_user_raises_the_limits_for_files_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    # Above Pillow's own limit as well.
    Image.new("1", (10_000, 9_500)).save(path)
    assert "40,000,000 pixels: make the image smaller, or set SAYWHERE_MAX_PIXELS" in (
        read(path).stderr
    )
    assert read(path, SAYWHERE_MAX_PIXELS="95_000_000").stdout == "(9500, 10000, 3)\n"
    assert "at most 94,999,999 pixels" in read(path, SAYWHERE_MAX_PIXELS="94999999").stderr


def test_a_limit_is_a_whole_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, value in {"": 7, "50": 50, "1_000": 1000, "1,000": 1000}.items():
        monkeypatch.setenv(PIXELS_VARIABLE, text)
        assert chosen(PIXELS_VARIABLE, 7) == value
    for text in ("0", "-1", "many", "1e9", "1.5"):
        monkeypatch.setenv(PIXELS_VARIABLE, text)
        with pytest.raises(ConfigError, match=r"SAYWHERE_MAX_PIXELS is .* a whole number from 1"):
            chosen(PIXELS_VARIABLE, 7)
