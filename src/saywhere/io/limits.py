"""What is accepted at most: N passes, N + 1 is refused with the number in the error.

On one's own machine two environment variables set other limits for one's own files; they are read
once, when a process begins. `saywhere serve` takes strangers' files and keeps the limits below.
"""

from __future__ import annotations

import os

from saywhere.errors import ConfigError

PIXELS_VARIABLE = "SAYWHERE_MAX_PIXELS"
MIB_VARIABLE = "SAYWHERE_MAX_MIB"


def chosen(variable: str, default: int) -> int:
    """Read a limit that a user may have set.

    Args:
        variable: An environment variable; empty counts as not set.
        default: The limit where it is not set.

    Returns:
        The limit.

    Raises:
        ConfigError: The variable holds no whole number from 1 on.
    """
    text = os.environ.get(variable, "").strip()
    # Digits may be grouped, as Python and the messages write them.
    digits = text.replace("_", "").replace(",", "")
    if not text:
        return default
    if not digits.isdecimal() or int(digits[:18]) < 1:
        raise ConfigError(
            f"{variable} is {text[:40]!r}",
            allowed="a whole number from 1 on",
            remedy=f"for instance {variable}={4 * default}, or unset it",
        )
    return int(digits[:18])


MAX_FILE_BYTES = chosen(MIB_VARIABLE, 32) * 1024 * 1024
"""Of one image, mask, workbook or annotation file."""
# 120 MB once decoded to RGB. A hostile file may cost at most 256 MB.
MAX_PIXELS = chosen(PIXELS_VARIABLE, 40_000_000)
"""Height × width of one image, checked in the header, before anything is decoded."""
MAX_SIDE = 65_535
"""Height or width of one image in pixels: as many as a JPEG can have."""
MAX_MANIFEST_BYTES = 512 * 1024 * 1024
MAX_FIELD_CHARS = 100_000
"""Of one field of a manifest; beyond it the manifest is broken, not just wordy."""
MAX_PROMPT_CHARS = 10_000
"""Of one prompt; beyond it the row is quarantined."""
