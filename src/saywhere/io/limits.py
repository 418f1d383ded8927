"""What is accepted at most: N passes, N + 1 is refused with the number in the error."""

from __future__ import annotations

MAX_FILE_BYTES = 32 * 1024 * 1024
"""Of one image, mask, workbook or annotation file."""
# 120 MB once decoded to RGB. A hostile file may cost at most 256 MB.
MAX_PIXELS = 40_000_000
"""Height × width of one image, checked in the header, before anything is decoded."""
MAX_SIDE = 65_535
"""Height or width of one image in pixels: as many as a JPEG can have."""
MAX_MANIFEST_BYTES = 512 * 1024 * 1024
MAX_FIELD_CHARS = 100_000
"""Of one field of a manifest; beyond it the manifest is broken, not just wordy."""
MAX_PROMPT_CHARS = 10_000
"""Of one prompt; beyond it the row is quarantined."""
