"""Prompts as text: clean them, tell blank and denying ones, exchange them between images."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from saywhere.errors import UsageError
from saywhere.io.limits import MAX_PROMPT_CHARS

# "no. 3" and "no: 3" are numbers, not denials. An underscore parts words, as everywhere here.
_DENIALS = (
    r"no(?!\s*[.:#]\s*\w)",
    "not|nor|none|nothing|neither|never|cannot|without|w/o|absent|absence|except|lacks|lacking",
    "negative for|free of",
    r"\w+n['’ʼ]t",
)
_DENIAL = re.compile(rf"(?<![^\W_])(?:{'|'.join(_DENIALS)})(?![^\W_])", re.IGNORECASE)
_BYTE_ORDER_MARK = "\ufeff"


def clean(prompt: str) -> str:
    """A prompt in one canonical form, so that equal sentences are equal texts.

    Every script and every emoji is kept.

    Args:
        prompt: A text as a user or a file gives it.

    Returns:
        The text in Unicode NFC. Control characters and lone surrogates become spaces, and each
        run of white space becomes one space.
    """
    # Control characters first: a NUL or an escape would spoil logs, CSV and terminals.
    visible = "".join(" " if _is_control(character) else character for character in prompt)
    # NFC: "é" typed as one character or as two is one prompt, and one vector.
    return " ".join(unicodedata.normalize("NFC", visible).split())


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character == _BYTE_ORDER_MARK


def is_blank(prompt: str) -> bool:
    """Does nothing of the prompt show?

    Args:
        prompt: A text.

    Returns:
        True where it holds only white space, control and format characters, or marks without a
        letter.
    """
    return all(_is_invisible(character) for character in prompt)


def _is_invisible(character: str) -> bool:
    # Z is white space, M a mark: neither shows without a letter.
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs") or category[0] in "ZM"


def denies(prompt: str) -> bool:
    """Does the prompt hold a word that denies, as in "no polyp" or "without a stalk"?

    The published data sets of `saywhere prepare` hold no such sentence, so that a model trained
    on them has never learned what a denial means.

    Args:
        prompt: A sentence in any case.

    Returns:
        True where a denying word stands in it.
    """
    return _DENIAL.search(prompt) is not None


def refuse_endless(prompts: Iterable[str]) -> None:
    """Refuse prompts that are too long, before an encoder meets them.

    Args:
        prompts: Texts.

    Raises:
        UsageError: A prompt has more than `MAX_PROMPT_CHARS` characters.
    """
    too_long = next((prompt for prompt in prompts if len(prompt) > MAX_PROMPT_CHARS), None)
    if too_long:
        raise UsageError(
            f"a prompt of {len(too_long):,} characters",
            allowed=f"at most {MAX_PROMPT_CHARS:,}",
            remedy="say it in a sentence",
        )


def shuffle(prompts: Sequence[str], seed: int) -> list[str]:
    """For each image another image's prompt, with a different text.

    Case and white space make no difference. The result is a permutation where no text fills more
    than half of the rows. Otherwise the rarer texts are given more than once, so that every row
    still gets a different one. Where all texts are equal, they come back as they are.

    Args:
        prompts: One prompt per image.
        seed: Equal seeds give equal lists.

    Returns:
        As many prompts, in the order of the images.
    """
    groups = _groups(prompts, seed)
    if len(groups) < 2:
        return list(prompts)
    n_rows = len(prompts)
    most = max(len(group) for group in groups)
    if most > n_rows - most:
        return _against_majority(prompts, groups)
    # Equal texts lie together in this order. A shift by at least the largest group, either way
    # round, therefore always lands in another group.
    order = [row for group in groups for row in group]
    shift = most + _random(seed, "shift", n_rows - 2 * most + 1)[0]
    shuffled = [""] * n_rows
    for position, row in enumerate(order):
        shuffled[row] = prompts[order[(position + shift) % n_rows]]
    return shuffled


def _groups(prompts: Sequence[str], seed: int) -> list[list[int]]:
    """The rows of each distinct text; groups and rows in random order."""
    groups: dict[str, list[int]] = {}
    for row in _random(seed, "cases", len(prompts)):
        # Another spelling of the same sentence would be a right prompt, not a wrong one.
        groups.setdefault(clean(prompts[row]).casefold(), []).append(row)
    return list(groups.values())


def _against_majority(prompts: Sequence[str], groups: list[list[int]]) -> list[str]:
    """One text fills more than half of the rows.

    Its rows take turns among the others' prompts; the others get the one text.
    """
    majority = max(groups, key=len)
    others = [row for group in groups if group is not majority for row in group]
    shuffled = [prompts[majority[0]]] * len(prompts)
    for number, row in enumerate(majority):
        shuffled[row] = prompts[others[number % len(others)]]
    return shuffled


def _random(seed: int, purpose: str, n: int) -> list[int]:
    """A random permutation of n."""
    # Imported late: `seeds` loads torch, which cleaning and testing prompts do not need.
    from saywhere.seeds import generator

    return [int(number) for number in generator(seed, f"shuffle {purpose}").permutation(n)]
