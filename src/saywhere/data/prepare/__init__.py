"""What a user downloads from the publishers → manifest.jsonl + images/ + masks/. One public set, one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from saywhere.data.facts import Progress
from saywhere.data.prepare.busi import prepare_busi
from saywhere.data.prepare.clinicdb import prepare_clinicdb
from saywhere.data.prepare.folder import prepare_folder
from saywhere.data.prepare.isic import prepare_isic
from saywhere.data.prepare.kvasir import prepare_kvasir
from saywhere.data.prepare.layout import Prepared
from saywhere.data.prepare.lvit import prepare_monuseg, prepare_mosmed
from saywhere.data.prepare.phantoms import prepare_phantoms
from saywhere.data.prepare.qata import prepare_qata

PHANTOMS = "phantoms"

SETS: dict[str, Callable[[Path, Path, Progress | None], Prepared]] = {
    "busi": prepare_busi,
    "clinicdb": prepare_clinicdb,
    "folder": prepare_folder,
    "isic": prepare_isic,
    "kvasir": prepare_kvasir,
    "monuseg": prepare_monuseg,
    "mosmed": prepare_mosmed,
    "qata": prepare_qata,
}

__all__ = ["PHANTOMS", "SETS", "Prepared", "prepare_phantoms"]
