"""What a segment is, in SNOMED CT's codes, by the words of a prompt or of a model's task.

The table is small on purpose. What it does not know is a "Lesion", of the category
"Morphologically abnormal structure": the commonest thing that such models mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Code = tuple[str, str]
"""SNOMED CT's value and its meaning."""
ABNORMAL: Code = ("49755003", "Morphologically Abnormal Structure")
ANATOMY: Code = ("91723000", "Anatomical Structure")


@dataclass(frozen=True)
class Kind:
    """A segment's category and type.

    Attributes:
        category: DICOM's SegmentedPropertyCategory.
        type: DICOM's SegmentedPropertyType.
    """

    category: Code
    type: Code


UNKNOWN = Kind(ABNORMAL, ("52988006", "Lesion"))
KINDS = (
    ("polyp", Kind(ABNORMAL, ("41329004", "Polyp"))),
    ("lung infection", Kind(ABNORMAL, ("128601007", "Infectious disease of lung"))),
    ("pulmonary infection", Kind(ABNORMAL, ("128601007", "Infectious disease of lung"))),
    ("skin lesion", Kind(ABNORMAL, ("95324001", "Skin lesion"))),
    ("melanoma", Kind(ABNORMAL, ("95324001", "Skin lesion"))),
    ("lung", Kind(ANATOMY, ("39607008", "Lung"))),
    ("mass", Kind(ABNORMAL, ("4147007", "Mass"))),
    ("tumour", Kind(ABNORMAL, ("108369006", "Neoplasm"))),
    ("tumor", Kind(ABNORMAL, ("108369006", "Neoplasm"))),
    ("nucleus", Kind(ANATOMY, ("84640000", "Nucleus"))),
    ("nuclei", Kind(ANATOMY, ("84640000", "Nucleus"))),
)
"""Words → kind; the first one that a text has counts, so longer words stand before their parts."""


def kind_of(prompt: str, target: str = "") -> Kind:
    """Choose the codes of a segment.

    Args:
        prompt: What was to be segmented. It counts before the target.
        target: What the model marks, such as "Polyp (endoscopy)".

    Returns:
        The first kind whose words the prompt has, else the target; UNKNOWN where neither has any.
    """
    for text in (prompt, target):
        for words, kind in KINDS:
            # Whole words, also of several: a mass is no massif.
            if re.search(rf"\b{words}s?\b", text.lower()):
                return kind
    return UNKNOWN
