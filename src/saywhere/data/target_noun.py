"""What a set's own sentences call the target: polyp, lesion, infection."""

from __future__ import annotations

from collections.abc import Collection

from saywhere.data.manifest import Manifest


def target_noun(manifest: Manifest, longer: Collection[str] | None = None) -> str | None:
    """Find a text that every row repeats, and that other prompts of a row build upon.

    Of the levels p1 "polyp", p2 "round polyp", p6 "one round polyp, upper left" it is "polyp".

    Args:
        manifest: with one row or more.
        longer: levels that must build upon it; None: any other level.

    Returns:
        The noun; None where no level is such a text.
    """
    first, *others = manifest.rows
    for level, texts in first.prompts.items():
        is_repeated = all(row.prompts.get(level) == texts for row in others)
        if len(texts) != 1 or not texts[0] or not is_repeated or level in (longer or ()):
            continue
        built = [name for name in longer or first.prompts if name != level]
        if any(texts[0] in text for name in built for text in first.prompts.get(name, ())):
            return texts[0]
    return None
