"""Whose left? The frame that a prompt names, and its translation into the frame of a model.

A frame is `image` (the sides as the reader sees them) or `patient` (the patient's own). "Left lung"
alone names none: it means what the model was taught. "The patient's left lung" and "left of the
image" name one, and the same word then means opposite sides of a standard chest film.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from saywhere.errors import UsageError
from saywhere.text.directions import PAIRS, exchanged_sides

IMAGE, PATIENT, BOTH = "image", "patient", "both"
FRAMES = (IMAGE, PATIENT)
NOT_STATED = ""
"""Of a model or prompt of which nobody said whose left it means."""

_ACROSS = [word for pair in PAIRS for word in pair if word.startswith(("left", "right"))]
# The longest first, so that "leftmost" is not read as "left". Single letters and their "Lt", "Rt"
# count in capitals alone, as in "patient's L lung".
_WORDS = "|".join(sorted(_ACROSS, key=len, reverse=True))
# "Right below" and "right at" mean "just there", and "left over" is what remains.
_JUST = (
    r"right(?=[\s-]+(?:below|above|beneath|under|underneath|behind|beside|next|at|here|there)\b)"
)
_SIDE = rf"(?<![^\W_])(?!{_JUST}|left[\s-]+over\b)(?:{_WORDS}|(?-i:[LR]t?))(?![^\W_])"
_OWNER = r"(?:patient|subject|person|individual|child|infant|man|woman)"
_VIEW = (
    r"(?:image|picture|photo|photograph|film|radiograph|radiogram|x-?ray|scan|slice|screen|"
    r"monitor|display|frame|figure|viewer|reader|observer|onlooker)"
)
# What names a part of a picture and not of a body.
_PART = (
    r"(?:most|hand|side|half|part|corner|edge|border|margin|third|quadrant|portion|region|area|"
    r"upper|lower|top|bottom|middle|outer|inner|far|and|or)"
)
_HEIGHT = r"(?:own|upper|lower|middle|mid|top|bottom|outer|inner|far|anatomical)"
_THE = r"(?:the|this|that|a|an|our|your)"
_APOSTROPHE = r"['’ʼ`]"
_POSSESSIVE = rf"(?:{_APOSTROPHE}?s?{_APOSTROPHE}?)"
_FEW = rf"(?:[\s-]+(?!(?:{_VIEW}|{_OWNER})s?\b)(?!of\b|in\b|on\b)[^\W_]+)"
_SIGHT = r"(?:point\s+of\s+view|viewpoint|perspective|view|frame|eyes?|coordinates?|terms)"
_SEEN = r"(?:seen|shown|displayed|viewed|depicted|visible)"
_AS_SEEN = rf"(?:as\s+{_SEEN}\s+)?(?:(?:from|in|by)\s+)?(?:the\s+)?"

# Each: the frame, and a pattern whose group `cut` goes when the prompt is translated. A side word
# in the group `side` is bound to the frame; a pattern without one speaks for the whole prompt.
_BOUND: tuple[tuple[str, str], ...] = (
    # "the patient's left lung", "the patient's own upper left", "patients' left"
    (
        PATIENT,
        rf"(?P<cut>\b{_OWNER}(?:{_APOSTROPHE}s?|s{_APOSTROPHE}?)\s+(?:own\s+)?)"
        rf"(?:(?!of\b|in\b|on\b|to\b|at\b|from\b)[^\W_]+[\s-]+){{0,3}}?(?P<side>{_SIDE})",
    ),
    # "patient left", "his left lung", "anatomical left"
    (
        PATIENT,
        rf"(?P<cut>\b(?:{_OWNER}|his|her|their|anatomical(?:ly)?)[\s-]+)"
        rf"(?:{_HEIGHT}[\s-]+)*(?P<side>{_SIDE})",
    ),
    # "left lung of the patient", "left side of the patient's chest", "left lung in this patient"
    (
        PATIENT,
        rf"(?P<side>{_SIDE}){_FEW}{{0,4}}?(?P<cut>\s+(?:of|in|for)\s+(?:{_THE}\s+)?{_OWNER}s?)"
        rf"(?!s?{_APOSTROPHE})\b",
    ),
    (
        PATIENT,
        rf"(?P<side>{_SIDE}){_FEW}{{0,4}}?\s+(?:of|in|on)\s+(?:{_THE}\s+)?"
        rf"(?P<cut>{_OWNER}(?:{_APOSTROPHE}s?|s{_APOSTROPHE}?)\s+)(?!{_SIGHT}\b)",
    ),
    # "left anatomical side", "left lung (patient's side)"
    (PATIENT, rf"(?P<side>{_SIDE}){_FEW}{{0,2}}?(?P<cut>\s+\(?anatomical(?:ly)?\)?)"),
    (
        PATIENT,
        rf"(?P<side>{_SIDE}){_FEW}{{0,3}}?"
        rf"(?P<cut>\s*\(\s*(?:the\s+)?{_OWNER}(?:{_APOSTROPHE}s)?(?:\s+(?:own|side))*\s*\))",
    ),
    # "the image's left", "on the viewer's upper left"
    (
        IMAGE,
        rf"(?P<cut>\b{_VIEW}(?:{_APOSTROPHE}s?|s{_APOSTROPHE})\s+(?:own\s+)?)"
        rf"(?:(?!of\b|in\b|on\b|to\b|at\b|from\b)[^\W_]+[\s-]+){{0,3}}?(?P<side>{_SIDE})",
    ),
    # "image left", "screen-left"; "chest film left lung" is no such thing
    (
        IMAGE,
        rf"(?P<cut>\b(?:image|picture|screen|frame|viewer)[\s-]+)"
        rf"(?:{_HEIGHT}[\s-]+)*(?P<side>{_SIDE})",
    ),
    # "left of the image", "left side of the breast ultrasound image"
    (
        IMAGE,
        rf"(?P<side>{_SIDE}){_FEW}{{0,3}}?"
        rf"(?P<cut>\s+of\s+(?:{_THE}\s+)?(?:[^\W_]+\s+){{0,3}}?{_VIEW})\b(?!{_APOSTROPHE})",
    ),
    # "left in the picture"; but "left lung in the picture" says nothing of whose left
    (
        IMAGE,
        rf"(?P<side>{_SIDE})(?:[\s-]+{_PART})*"
        rf"(?P<cut>\s+(?:in|on|within)\s+(?:{_THE}\s+)?(?:[^\W_]+\s+){{0,2}}?{_VIEW})\b"
        rf"(?!{_APOSTROPHE})",
    ),
    # For the whole prompt: "as seen in the image", "from the patient's point of view"
    (
        PATIENT,
        rf"(?P<cut>,?\s*\b{_AS_SEEN}(?:{_OWNER}{_POSSESSIVE}|anatomical)\s+"
        rf"(?:own\s+)?{_SIGHT})\b",
    ),
    (
        IMAGE,
        rf"(?P<cut>,?\s*\b{_AS_SEEN}{_VIEW}{_POSSESSIVE}\s+(?:own\s+)?{_SIGHT})\b",
    ),
    (
        IMAGE,
        rf"(?P<cut>,?\s*\bas\s+(?:it\s+is\s+|they\s+are\s+)?(?:{_SEEN}|it\s+appears)"
        rf"(?:\s+(?:in|on|from|by)\s+(?:{_THE}\s+)?(?:[^\W_]+\s+){{0,2}}?{_VIEW}))\b",
    ),
)


def _bounded(pattern: str) -> str:
    """With runs of white space and hyphens of a few characters.

    Without a bound, a prompt of ten thousand blanks is tried from each of them to each other one:
    minutes, for a text that anybody may send.
    """
    for gap in (r"\s", r"[\s-]"):
        pattern = pattern.replace(f"{gap}+", f"{gap}{{1,4}}").replace(f"{gap}*", f"{gap}{{0,4}}")
    return pattern


_PATTERNS = tuple((frame, re.compile(_bounded(text), re.IGNORECASE)) for frame, text in _BOUND)
_EVERY_SIDE = re.compile(_SIDE, re.IGNORECASE)
_LETTERS = {"L": "R", "R": "L", "Lt": "Rt", "Rt": "Lt"}


@dataclass(frozen=True)
class Side:
    """A word for left or right in a prompt.

    Attributes:
        start: where it begins.
        end: where it ends.
        frame: `image` or `patient` where the prompt says whose it is, else NOT_STATED.
    """

    start: int
    end: int
    frame: str = NOT_STATED


@dataclass(frozen=True)
class _Qualifier:
    """Words that say whose left: "patient's ", " of the image"."""

    start: int
    end: int
    frame: str


def frame_named(prompt: str) -> str:
    """Whose left does a prompt name in so many words?

    Args:
        prompt: a sentence in any case.

    Returns:
        `image`, `patient`, `both`, or NOT_STATED where it names no side, or does not say whose.
    """
    frames = {side.frame for side in sides_of(prompt)} - {NOT_STATED}
    if len(frames) > 1:
        return BOTH
    return frames.pop() if frames else NOT_STATED


def names_side(prompt: str) -> bool:
    """Does a prompt name left or right at all?

    Args:
        prompt: a sentence in any case.

    Returns:
        True for "left lung"; False for "upper lung", "leftover" and "right below the clavicle".
    """
    # "T" and the like are everywhere: a letter alone counts only beside words that say whose.
    return any(match.group() not in _LETTERS for match in _EVERY_SIDE.finditer(prompt))


def whose_side(prompt: str, frame: str) -> str:
    """Say to a reader whose sides a prompt's plain words mean.

    Args:
        prompt: a sentence in any case.
        frame: `image` or `patient`, of whoever reads the prompt.

    Returns:
        "left of the image", "patient's right", or "sides of the image" where both are named; ""
        where the prompt names no side, or says itself whose, or the frame is another one.
    """
    if frame not in FRAMES or frame_named(prompt) != NOT_STATED:
        return ""
    sides = {prompt[side.start : side.end].lower()[0] for side in sides_of(prompt)}
    if not sides:
        return ""
    side = {"l": "left", "r": "right"}[sides.pop()] if len(sides) == 1 else "sides"
    if frame == PATIENT:
        return f"patient's {side}"
    return f"{side} of the image"


def sides_of(prompt: str) -> list[Side]:
    """Find the words for left and right, each with its frame.

    Args:
        prompt: a sentence in any case.

    Returns:
        The words in order. Where the prompt names one frame only, that is the frame of all.
    """
    sides, _ = _read(prompt)
    return sides


def translate(prompt: str, frame: str, row_side: str) -> str:
    """Say in one frame what a prompt says in the other.

    Args:
        prompt: a sentence in any case; words that do not say whose they are stay.
        frame: `image` or `patient`: that of the model.
        row_side: `left` or `right`: the patient's side to which the picture's rows run.

    Returns:
        The prompt in plain words of that frame: "the patient's left lung" becomes "the right lung"
        of a standard chest film, and "the left lung" of a mirrored one.
    """
    sides, qualifiers = _read(prompt)
    return _rewritten(prompt, sides, qualifiers, frame, is_exchanged=row_side == "left")


def translate_all(prompt: str, spoken: str, frame: str, row_side: str) -> str:
    """Say in one frame what a prompt of a known frame says, plain words included.

    Args:
        prompt: a sentence in any case.
        spoken: `image` or `patient`: whose left its plain words mean.
        frame: the same, of the sentence that is wanted.
        row_side: `left` or `right`: the patient's side to which the picture's rows run.

    Returns:
        The prompt in plain words of the frame that is wanted.
    """
    sides, qualifiers = _read(prompt)
    spoken_by = [replace(side, frame=side.frame or spoken) for side in sides]
    return _rewritten(prompt, spoken_by, qualifiers, frame, is_exchanged=row_side == "left")


def without_sides(prompt: str, frame: str) -> str:
    """Leave a frame's sides out: "the patient's left breast" becomes "the breast".

    Args:
        prompt: a sentence in any case.
        frame: `image` or `patient`: whose sides go.

    Returns:
        The prompt without them, and without the words that say whose they are.
    """
    sides, qualifiers = _read(prompt)
    parts = [(side.start, side.end) for side in sides if side.frame == frame]
    parts += [(cut.start, cut.end) for cut in qualifiers if cut.frame == frame]
    for start, end in sorted(parts, reverse=True):
        prompt = f"{prompt[:start]}{prompt[end:]}"
    return _tidy(prompt)


def row_side(orientation: str) -> str:
    r"""To which of the patient's sides do a picture's rows run?

    Args:
        orientation: as DICOM writes it: the direction of rows, then that of columns, as in `L\F`
            (rows run to the patient's left, columns to the feet). A slash, a comma or white space
            may stand for the backslash.

    Returns:
        `left` or `right`.

    Raises:
        UsageError: it is no such pair, or the rows run to neither side, as in a lateral view.
    """
    rows, columns = _directions(orientation)
    # The first letter is the main direction: "LA" runs more to the left than to the front.
    main = rows[0]
    if main not in "LR":
        towards = {"A": "front", "P": "back", "H": "head", "F": "feet"}[main]
        raise UsageError(
            f"the picture's rows run to the patient's {towards} ({rows}, {columns})",
            allowed="left and right can be told where rows run to the patient's left or right",
            remedy="such a view, a lateral one for instance, shows no left and right: leave the "
            "side out, or say where in the image",
        )
    return "left" if main == "L" else "right"


def check_orientation(orientation: str) -> None:
    r"""Refuse what is no orientation at all.

    Args:
        orientation: as in `L\F`. One of a lateral view is fine: it matters only where a prompt
            names a side.

    Raises:
        UsageError: it is no pair of directions.
    """
    _directions(orientation)


def _directions(orientation: str) -> tuple[str, str]:
    parts = [part for part in re.split(r"[\\/,;\s]+", orientation.strip().upper()) if part]
    # The axis that a first letter lies on: L and R on one, A and P, H and F.
    of_axes = ["LRAPHF".find(part[0]) // 2 for part in parts]
    is_known = all(re.fullmatch("[LRAPHF]{1,3}", part) for part in parts)
    if len(parts) != 2 or not is_known or of_axes[0] == of_axes[1]:
        raise UsageError(
            f"orientation is {orientation[:40]!r}",
            allowed="two directions of the patient, of rows and of columns: L or R, A or P, "
            "H or F, as DICOM's Patient Orientation",
            remedy=r"for a standard chest film write L\F, for a mirrored one R\F",
        )
    return parts[0], parts[1]


def _read(prompt: str) -> tuple[list[Side], list[_Qualifier]]:
    """Side words with their frames, and the words that say so."""
    frames: dict[int, str] = {}
    qualifiers: list[_Qualifier] = []
    spoken_for_all: list[str] = []
    for frame, pattern in _PATTERNS:
        for match in pattern.finditer(prompt):
            start, end = match.span("cut")
            # An earlier pattern is the closer one: "left of the image of the patient".
            if any(start < other.end and other.start < end for other in qualifiers):
                continue
            bound = match.start("side") if "side" in pattern.groupindex else None
            if bound is not None and frames.get(bound, frame) != frame:
                continue
            if bound is None:
                spoken_for_all.append(frame)
            else:
                frames[bound] = frame
            qualifiers.append(_Qualifier(start, end, frame))
    named = {*frames.values(), *spoken_for_all}
    # One frame in the prompt is that of all its sides: "the patient's left and right lung".
    others = named.pop() if len(named) == 1 else NOT_STATED
    sides = [
        Side(*match.span(), frames.get(match.start(), others))
        for match in _EVERY_SIDE.finditer(prompt)
        if match.start() in frames or match.group() not in _LETTERS
    ]
    return sides, qualifiers


def _rewritten(
    prompt: str, sides: list[Side], qualifiers: list[_Qualifier], frame: str, *, is_exchanged: bool
) -> str:
    """The sides of the other frame exchanged if need be, and the words that name it cut out."""
    changes = [
        (side.start, side.end, _opposite(prompt[side.start : side.end]) if is_exchanged else None)
        for side in sides
        if side.frame not in (NOT_STATED, frame)
    ]
    changes = [change for change in changes if change[2] is not None]
    changes += [(cut.start, cut.end, "") for cut in qualifiers if cut.frame != frame]
    if not changes:
        return prompt
    # From the end, so that the places before a change stay what they were.
    for start, end, text in sorted(changes, reverse=True):
        prompt = f"{prompt[:start]}{text}{prompt[end:]}"
    return _tidy(prompt)


def _tidy(prompt: str) -> str:
    """One space between words, none before a comma."""
    return re.sub(r"\s+([,.;:])", r"\1", " ".join(prompt.split()))


def _opposite(word: str) -> str:
    return _LETTERS.get(word) or exchanged_sides(word)
