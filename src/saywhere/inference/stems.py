"""What the names of predictions' files begin with: plain, and each another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def distinct(stems: Iterable[str]) -> Iterator[str]:
    """Append -2, -3 … to equal stems, so that no file overwrites another's.

    Args:
        stems: In order.

    Yields:
        A name for each; no two are equal.
    """
    taken: set[str] = set()
    # Where the search for the next number goes on: else a million equal names take for ever.
    numbers: dict[str, int] = {}
    for stem in stems:
        name = stem
        while name in taken:
            numbers[stem] = numbers.get(stem, 1) + 1
            name = f"{stem}-{numbers[stem]}"
        taken.add(name)
        yield name


def numbered(prompts: Sequence[str], stem: str) -> list[tuple[str, str]]:
    """Name the prompts on one picture.

    Args:
        prompts: One or more.
        stem: Of the picture.

    Returns:
        Each prompt with a name: the stem, or STEM-1, STEM-2 … of several.
    """
    if len(prompts) == 1:
        return [(prompts[0], stem)]
    return [(prompt, f"{stem}-{number}") for number, prompt in enumerate(prompts, start=1)]


def plain(name: str) -> str:
    """Make a file name of a manifest's id.

    Args:
        name: Any text.

    Returns:
        Without separators and leading dots, at most 100 characters.
    """
    # An id of nothing but dots would leave no name.
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".")[:100] or "row"
