"""Pictures of a run as data URIs: one size, masks laid over their image."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saywhere.errors import SaywhereError
from saywhere.io.images import read_image, read_mask, resize_image, resize_mask
from saywhere.io.overlay import overlay
from saywhere.report.evidence import Evidence, listed, mapping
from saywhere.report.wording import number

SIDE = 400  # px, the longest: sharp at the column's width, about 30 kB
PREDICTED, TRUE = (255, 170, 0), (56, 160, 255)  # amber and blue: told apart by everyone
MOST_SHOWN = 6  # pictures a section; a page of hundreds helps nobody


@dataclass(frozen=True)
class Picture:
    """A picture in the page; `uri` is empty where the file is missing."""

    uri: str
    alt: str
    caption: str
    width: int = SIDE
    height: int = SIDE
    key: str = ""


class Album:
    """Reads the pictures of one run, and none from elsewhere; each file that it lacks is noted once."""

    def __init__(self, evidence: Evidence) -> None:
        self.folder = evidence.folder / "evaluation" / "pictures"
        self.unreadable: list[str] = []

    def image(self, name: object, alt: str, caption: str) -> Picture:
        """An image or pseudo-image."""
        pixels = self._pixels(name)
        return _picture(pixels, alt, caption)

    def over(
        self, image_name: object, mask_name: object, alt: str, caption: str, *, true: bool = False
    ) -> Picture:
        """A mask over its image; alone on black where their sizes differ or the image is missing."""
        mask = self._mask(mask_name)
        if mask is None:
            return _picture(None, alt, caption)
        ground = self._pixels(image_name)
        if ground is None or ground.shape[:2] != mask.shape:
            ground = np.zeros((*mask.shape, 3), np.uint8)
        size = _size(mask.shape)
        colour = TRUE if true else PREDICTED
        pixels = overlay(
            resize_image(ground, size),
            resize_mask(mask, size),
            colour=colour,
            opacity=0.35,
            contour=True,
        )
        return _picture(pixels, alt, caption, "true" if true else "predicted")

    def _pixels(self, name: object) -> np.ndarray | None:
        path = self._inside(name)
        return None if path is None else self._attempt(lambda: read_image(path, channels=3), name)

    def _mask(self, name: object) -> np.ndarray | None:
        path = self._inside(name)
        return None if path is None else self._attempt(lambda: read_mask(path), name)

    def _inside(self, name: object) -> Path | None:
        """The file of that name in the run's own folder; a name that leads elsewhere would put a stranger's file in the page."""
        if not name:
            return None
        path = self._attempt(lambda: (self.folder / str(name)).resolve(), name)
        if path is not None and path.parent != self.folder.resolve():
            self._note(f"picture {name!r} lies outside of evaluation/pictures and is left out")
            return None
        return path

    def _attempt(self, read: Any, name: object) -> Any:
        try:
            return read()
        except (SaywhereError, OSError, ValueError) as error:
            self._note(
                f"picture {name!r} could not be read and is left out: {error.found if isinstance(error, SaywhereError) else type(error).__name__}"
            )
            return None

    def _note(self, text: str) -> None:
        if text not in self.unreadable:
            self.unreadable.append(text)


def answers(evidence: Evidence, album: Album) -> list[dict[str, Any]]:
    """One image, several prompts: the image, and for each prompt its mask and its pseudo-image."""
    return [
        _asked(mapping(entry), album)
        for entry in listed(evidence.pictures.get("prompts"))[:MOST_SHOWN]
    ]


def cases(evidence: Evidence, album: Album) -> list[dict[str, Any]]:
    """Best, median and worst: image, pseudo-image, prediction, truth."""
    return [
        _case(mapping(entry), album)
        for entry in listed(evidence.pictures.get("cases"))[:MOST_SHOWN]
    ]


def _asked(entry: dict[str, Any], album: Album) -> dict[str, Any]:
    image, name = entry.get("image"), entry.get("id", "")
    given = [mapping(answer) for answer in listed(entry.get("answers"))[:MOST_SHOWN]]
    return {
        "id": name,
        "image": album.image(image, f"Image {name}", "image"),
        "answers": [
            {
                "prompt": answer.get("prompt") or "",
                "dice": number(answer.get("dice")) if answer.get("dice") is not None else "",
                "prediction": album.over(
                    image,
                    answer.get("prediction"),
                    f"Predicted mask over image {name} for “{answer.get('prompt')}”",
                    "answer",
                ),
                "pseudo_image": _pseudo(answer, album),
            }
            for answer in given
        ],
    }


def _case(entry: dict[str, Any], album: Album) -> dict[str, Any]:
    image, name, dice = entry.get("image"), entry.get("id", ""), number(entry.get("dice"))
    shown = [
        album.image(image, f"Image {name}", "image"),
        _pseudo(entry, album),
        album.over(
            image,
            entry.get("prediction"),
            f"Predicted mask over image {name}, Dice {dice}",
            "prediction",
        ),
        album.over(image, entry.get("truth"), f"True mask over image {name}", "truth", true=True),
    ]
    return {
        "rank": entry.get("rank", ""),
        "id": name,
        "prompt": entry.get("prompt") or "",
        "dice": dice,
        "pictures": [one for one in shown if one],
    }


def _pseudo(entry: dict[str, Any], album: Album) -> Picture | None:
    if not entry.get("pseudo_image"):
        return None  # an image-only run has none
    return album.image(
        entry["pseudo_image"], f"Pseudo-image of “{entry.get('prompt')}”", "pseudo-image"
    )


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) with the longest side SIDE: small pictures grow, so that contours stay fine."""
    factor = SIDE / max(shape[:2])
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def _picture(pixels: np.ndarray | None, alt: str, caption: str, key: str = "") -> Picture:
    if pixels is None:
        return Picture("", alt, caption, key=key)
    height, width = _size(pixels.shape)
    buffer = BytesIO()
    Image.fromarray(resize_image(pixels, (height, width))).save(buffer, "JPEG", quality=86)
    uri = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(uri, alt, caption, width, height, key)
