"""What callers of the library hand over: checked before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saywhere.errors import UsageError
from saywhere.io.sources import Input, list_inputs


def check_pairs(pictures: Sequence[Any], prompts: Sequence[str]) -> None:
    """Refuse what is no list of images with one prompt each.

    Args:
        pictures: Images, in any form.
        prompts: Texts.

    Raises:
        UsageError: For a single image or prompt, lists of different length, and a prompt that is
            no string.
    """
    # A string is a sequence, too: of its letters.
    if isinstance(prompts, str) or isinstance(pictures, (str, Path)):
        raise UsageError(
            "one of them, where several are asked for",
            where="segment_many",
            allowed="a list of images and a list of prompts",
            remedy="call segment for a single pair",
        )
    if len(pictures) != len(prompts):
        raise UsageError(
            f"{len(pictures)} images and {len(prompts)} prompts",
            allowed="one prompt an image",
            remedy="repeat the image for more prompts",
        )
    for prompt in prompts:
        if not isinstance(prompt, str):
            raise UsageError(
                f"a prompt is {prompt!r}", allowed="a string", remedy='say "" for no words'
            )


def check_threshold(threshold: float | None) -> None:
    """Refuse a threshold that marks all or nothing.

    Args:
        threshold: On the probability; None: the configuration's, which was checked before.

    Raises:
        UsageError: For a value that does not lie between 0 and 1.
    """
    if threshold is None:
        return
    if not isinstance(threshold, (int, float)) or not 0 < threshold < 1:
        raise UsageError(
            f"threshold is {threshold!r}", allowed="it lies between 0 and 1, on the probability"
        )


def only_volume(path: Path) -> Input:
    """Give the one volume that a path means.

    Args:
        path: A file, a folder or a zip archive.

    Returns:
        The only input there.

    Raises:
        MissingFile: There is no such file or folder.
        UsageError: For several series or pictures.
    """
    inputs = list_inputs(path).inputs
    # Several would come back as one list of slices, and nobody could tell whose is whose.
    if len(inputs) != 1:
        raise UsageError(
            f"{len(inputs)} pictures or series in {path}",
            where="segment_volume",
            allowed="one volume at a time",
            remedy="name one file or the folder of one series; `saywhere predict` takes all",
        )
    return inputs[0]
