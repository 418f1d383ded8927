"""Pictures of one value, in words: nothing can be learned from them."""

from __future__ import annotations

from saywhere.data.checks import CheckReport
from saywhere.errors import counted
from saywhere.io.pseudonyms import Pseudonyms, hasher

N_NAMED = 3


def flat_pictures(report: CheckReport, pseudonyms: Pseudonyms | None = None) -> list[str]:
    """Warn of the clean rows whose image is one value in all pixels.

    Such a picture may be a failed export, or one whose values lie so close together that nothing
    of them is left once they are read.

    Args:
        report: of a check.
        pseudonyms: where given, the ids in the sentence are hashed.

    Returns:
        One sentence, or none.
    """
    flat = [row for row in report.manifest.rows if report.images[row.image].is_flat]
    if not flat:
        return []
    hashed = hasher(pseudonyms)
    names = ", ".join(hashed(row.id) for row in flat[:N_NAMED])
    subject = counted(len(flat), "row has an image", "rows have images")
    return [f"{subject} of one value in all pixels (the first: {names}): look at the files"]
