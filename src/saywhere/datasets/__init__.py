"""What a user downloads from the publishers → manifest.jsonl + images/ + masks/. One public set, one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.busi import prepare_busi
from saywhere.datasets.clinicdb import prepare_clinicdb
from saywhere.datasets.folder import prepare_folder
from saywhere.datasets.isic import prepare_isic
from saywhere.datasets.kvasir import prepare_kvasir
from saywhere.datasets.layout import Prepared
from saywhere.datasets.lvit import prepare_monuseg, prepare_mosmed
from saywhere.datasets.phantoms import prepare_phantoms
from saywhere.datasets.qata import prepare_qata

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
