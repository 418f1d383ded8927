"""A font that has the letters of a caption.

Pillow's own font has English letters and few others; what it lacks is drawn as a box.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
NO_LETTERS = "(no font on this machine has the caption's letters)"
_FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts"),
    "win32": ("C:/Windows/Fonts",),
}
# Fonts of many scripts; others on a machine are of one script, or of symbols.
_WIDE = ("NotoSansCJK", "NotoSerifCJK", "wqy", "DroidSansFallback", "PingFang", "msyh", "NotoSans")
# No character: every font draws its sign for a missing one.
_MISSING = "\U0010ffff"


def captionable(text: str, size_px: int) -> tuple[str, Font]:
    """Choose a font for a text.

    Args:
        text: Of any script.
        size_px: Of the letters.

    Returns:
        (the text, a font that has all its letters). Where no font has them, a sentence that says
        so: boxes would look like damage, and the text stands in the lists beside the picture.
    """
    letters = "".join(sorted({letter for letter in text if not letter.isspace()}))
    plain = ImageFont.load_default(size_px)
    if letters.isascii():
        return text, plain
    for path in _candidates():
        font = _opened(path, size_px)
        if font is not None and _has(font, letters):
            return text, font
    return NO_LETTERS, plain


@lru_cache(maxsize=1)
def _candidates() -> tuple[Path, ...]:
    """DejaVu, which comes with matplotlib, then the machine's own."""
    paths: list[Path] = []
    # Asked for its place only: importing it would take a second.
    matplotlib = find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin:
        paths.append(Path(matplotlib.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf")
    for folder in _FOLDERS.get(sys.platform, ("/usr/share/fonts", "/usr/local/share/fonts")):
        files = sorted(Path(folder).rglob("*.tt[cf]")) + sorted(Path(folder).rglob("*.otf"))
        paths += [path for path in files if path.name.startswith(_WIDE)]
    return tuple(paths)


@lru_cache(maxsize=32)
def _opened(path: Path, size_px: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(str(path), size_px)
    except OSError:
        return None


def _has(font: ImageFont.FreeTypeFont, letters: str) -> bool:
    missing = bytes(font.getmask(_MISSING))
    return all(bytes(font.getmask(letter)) != missing for letter in letters)
