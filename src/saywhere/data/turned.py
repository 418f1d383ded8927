"""Pairs of image and mask of which nobody can know whether they lie alike.

An image with an EXIF orientation is read upright. Its mask was drawn on what a viewer shows, or on
the pixels as stored; where the sizes fit both, only a look at the two tells.
"""

from __future__ import annotations

from saywhere.data.checks import CheckReport
from saywhere.data.file_checks import Facts
from saywhere.errors import counted


def turned_pairs(report: CheckReport) -> list[str]:
    """Warn of the clean rows whose image and mask have different orientations of one size.

    Args:
        report: of a check.

    Returns:
        One sentence, or none.
    """
    pairs = [row for row in report.manifest.rows if row.mask in report.masks]
    doubtful = [
        row
        for row in pairs
        if row.mask and _is_doubtful(report.images[row.image], report.masks[row.mask])
    ]
    if not doubtful:
        return []
    subject = counted(len(doubtful), "image is", "images are")
    return [
        f"{subject} turned upright by an EXIF orientation that the mask does not have, and the "
        "size does not tell whether the mask was drawn on the upright picture: look at an overlay, "
        f"and turn the masks that do not fit (the first: {doubtful[0].id})"
    ]


def _is_doubtful(image: Facts, mask: Facts) -> bool:
    if image.size is None or image.orientation == mask.orientation:
        return False
    # Orientations from 5 on exchange height and width, so that a size that fits tells.
    is_same_size = max(image.orientation, mask.orientation) <= 4 or image.size[0] == image.size[1]
    return is_same_size and mask.foreground > 0
