"""What a publisher offers → manifest.jsonl + images/ + masks/. One public set, one file.

This module holds the registry alone and imports nothing heavy, so that `saywhere info sets`
answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

# For type checkers alone: the writer loads NumPy and Pillow.
if TYPE_CHECKING:
    from saywhere.datasets.set_writer import Prepared

    Prepare = Callable[..., Prepared]


@dataclass(frozen=True)
class PublicSet:
    """One set that `saywhere prepare` knows."""

    what: str
    """Its full name and what it shows, as `saywhere info sets` prints it."""
    function: str
    """MODULE.FUNCTION of this package: (source, target, progress) → Prepared.

    The source is None for a set that is drawn, and a folder for every other one. `folder` takes a
    seed, too.
    """
    is_drawn: bool = False
    """Is it drawn here, rather than read from a download?"""

    @property
    def prepare(self) -> Prepare:
        """The function that turns the published layout into a manifest; imported on first use."""
        module, name = self.function.split(".")
        prepare: Prepare = getattr(import_module(f"{__name__}.{module}"), name)
        return prepare


SETS: dict[str, PublicSet] = {
    "attribute-phantoms": PublicSet(
        "phantoms named by place, attributes or number, drawn on the spot",
        "attribute_phantoms.prepare_attribute_phantoms",
        is_drawn=True,
    ),
    "busi": PublicSet("BUSI, breast lesions in ultrasound", "busi.prepare_busi"),
    "clinicdb": PublicSet("CVC-ClinicDB, polyps in endoscopy", "clinicdb.prepare_clinicdb"),
    "folder": PublicSet("images/ and masks/ of equal names", "folder.prepare_folder"),
    "isic": PublicSet("ISIC, skin lesions in dermoscopy", "isic.prepare_isic"),
    "kvasir": PublicSet("Kvasir-SEG, polyps in endoscopy", "kvasir.prepare_kvasir"),
    "monuseg": PublicSet("MoNuSeg, cell nuclei in histology", "lvit.prepare_monuseg"),
    "mosmed": PublicSet("MosMedData+, infected lung in CT", "lvit.prepare_mosmed"),
    "qata": PublicSet("QaTa-COV19, infected lung in radiographs", "qata.prepare_qata"),
    "phantoms": PublicSet(
        "referring phantoms, drawn on the spot", "phantoms.prepare_phantoms", is_drawn=True
    ),
}
"""Name → set. A new one is a file beside this one and a line here."""
