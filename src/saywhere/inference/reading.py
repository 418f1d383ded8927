"""How a model reads a prompt: in its own frame, or not at all; and what a reader should know of it.

"The patient's left lung", said to a model that was taught the image's sides, is translated where
the picture's orientation is known, and refused where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from saywhere.errors import UnknownSide, UsageError
from saywhere.io.geometry import Geometry
from saywhere.text.frames import (
    BOTH,
    FRAMES,
    IMAGE,
    NOT_STATED,
    PATIENT,
    check_orientation,
    frame_named,
    row_side,
    sides_of,
    translate,
    without_sides,
)
from saywhere.text.languages import foreign
from saywhere.text.prompt_facts import PromptFacts

_WHOSE = {IMAGE: "the image's", PATIENT: "the patient's"}
_SIDES = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class Reading:
    """A prompt as a model reads it.

    Attributes:
        prompt: as it was given, cleaned.
        read_as: in the model's frame; equal to `prompt` where nothing was translated.
        warnings: one sentence each.
    """

    prompt: str
    read_as: str
    warnings: tuple[str, ...] = ()

    @property
    def translated(self) -> str | None:
        """What it was read as, where that is something else."""
        return None if self.read_as == self.prompt else self.read_as


def read(
    prompt: str, facts: PromptFacts, orientation: str | None, geometry: Geometry | None
) -> Reading:
    """Read a prompt for one picture.

    Args:
        prompt: cleaned.
        facts: of the model's prompts.
        orientation: the user's statement, as in `L\\F`; it goes before the picture's own.
        geometry: of the picture, where its file says where it lies.

    Returns:
        The prompt in the model's frame, with warnings.

    Raises:
        UnknownSide: the prompt names the other frame, and the picture's orientation is not known
            or shows neither left nor right.
        UsageError: the statement is no orientation.
    """
    warnings = []
    language = foreign(prompt, facts.scripts, facts.languages)
    if language:
        warnings.append(language)
    stated = None if orientation is None else _stated(orientation)
    named = frame_named(prompt)
    if named == NOT_STATED or facts.frame in (named, BOTH):
        return Reading(prompt, prompt, tuple(warnings))
    if facts.frame not in FRAMES:
        warnings.append(
            f"{prompt[:80]!r} says whose left or right it means; of this model it is not stated "
            "whose it was taught: try a prompt of each side before you rely on it"
        )
        return Reading(prompt, prompt, tuple(warnings))
    read_as = _translated(prompt, facts.frame, stated, geometry)
    if orientation is not None and _differs(stated, geometry):
        warnings.append(
            f"the orientation that was stated ({orientation}) is not the picture's own "
            f"({_own(geometry)}): the stated one counts"
        )
    warnings.append(
        f"{prompt[:80]!r} was read as {read_as[:80]!r}: the model knows {_WHOSE[facts.frame]} sides"
    )
    return Reading(prompt, read_as, tuple(warnings))


def _stated(orientation: str) -> str | UsageError:
    """The side, or why there is none: that matters only where a prompt names the other frame."""
    check_orientation(orientation)
    try:
        return row_side(orientation)
    except UsageError as error:
        return error


def _translated(
    prompt: str, frame: str, stated: str | UsageError | None, geometry: Geometry | None
) -> str:
    """Raises UnknownSide."""
    side = stated or _of_file(geometry)
    if isinstance(side, str):
        return translate(prompt, frame, side)
    shown = _SIDES.get((geometry.laterality or "") if geometry else "")
    if frame == IMAGE and shown:
        return _of_one_side(prompt, shown)
    what = f"{prompt[:80]!r} does not name {_WHOSE[frame]} sides, which the model was taught"
    if side is not None:
        raise UnknownSide(f"{what}; {side.found}", allowed=side.allowed, remedy=side.remedy)
    view = (geometry.view_position or "").upper() if geometry else ""
    # DICOM's View Position is the way of the rays through the patient; how the pixels lie is said
    # by Patient Orientation alone (PS3.3, C.7.6.1.1.1). PA films and AP films are stored both ways.
    of_view = f" (its view, {view}, says how the rays went, not how it is stored)" if view else ""
    raise UnknownSide(
        f"{what}, and the picture's orientation is not known{of_view}",
        allowed="left and right are translated where it is known: by a DICOM file, or by a "
        "statement",
        remedy=f"name {_WHOSE[frame]} sides, or state the orientation (--orientation on the "
        "command line, orientation= in Python): L\\F for a standard chest film, R\\F for a "
        "mirrored one",
    )


def _of_file(geometry: Geometry | None) -> str | UsageError | None:
    if geometry is None or not geometry.patient_orientation:
        return _of_view(geometry)
    try:
        return row_side("\\".join(geometry.patient_orientation))
    except UsageError as error:
        return error


def _of_view(geometry: Geometry | None) -> UsageError | None:
    """A lateral view has no left and right; a frontal one may still be hung either way round."""
    view = (geometry.view_position or "").upper() if geometry else ""
    if view in ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT", "ML", "LM", "MLO", "LMO"):
        return UsageError(
            f"the picture is a lateral view ({view})",
            allowed="left and right can be told where rows run to the patient's left or right",
            remedy="leave the side out, or say where in the image",
        )
    return None


def _of_one_side(prompt: str, shown: str) -> str:
    """A picture of one side alone, such as a mammogram: its side goes without saying."""
    patients = [side for side in sides_of(prompt) if side.frame == PATIENT]
    words = {prompt[side.start : side.end].lower()[:1] for side in patients}
    if words != {shown[0]}:
        raise UnknownSide(
            f"{prompt[:80]!r}, and the picture shows the patient's {shown} alone",
            allowed="by its Laterality",
            remedy="name what it shows, or take the picture of the other side",
        )
    return without_sides(prompt, PATIENT)


def _differs(stated: str | UsageError | None, geometry: Geometry | None) -> bool:
    own = _of_file(geometry)
    return isinstance(own, str) and isinstance(stated, str) and own != stated


def _own(geometry: Geometry | None) -> str:
    return "\\".join(geometry.patient_orientation or ()) if geometry else ""
