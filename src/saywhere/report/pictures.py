"""Pictures of a run as data URIs: one size, prediction and truth drawn on their image."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import SaywhereError
from saywhere.io.images import read_image, read_mask, resize_image
from saywhere.io.mask_resize import resize_mask
from saywhere.io.overlay import edge, overlay
from saywhere.report.evidence import Evidence, listed, mapping
from saywhere.report.wording import number

# The longest side, px: sharp at the column's width, about 30 kB.
SIDE = 400
# Cyan: rare in mucosa, skin and X-ray, where amber is lost.
PREDICTED = (0, 229, 255)
TRUE = (255, 255, 255)
# Around the truth's line, so that white shows on bright ground too.
HALO = (0, 0, 0)
LINE_PX = 2
# Pictures in a section; a page of hundreds helps nobody.
MOST_SHOWN = 6
RANKS = ("best", "worst", "median")
"""In the order in which they choose their cases, where there are too few for all."""
Content = TypeVar("Content")


@dataclass(frozen=True)
class Picture:
    """A picture in the page; `uri` is empty where the file is missing."""

    uri: str
    alt: str
    caption: str
    width: int = SIDE
    height: int = SIDE
    keys: tuple[str, ...] = ()
    """what is drawn on it: "predicted", "true"; the caption explains their colours"""


@dataclass(frozen=True)
class Answer:
    """One prompt's answer for an image."""

    prompt: str
    dice: str
    prediction: Picture
    pseudo_image: Picture | None


@dataclass(frozen=True)
class Prompted:
    """One image that was given several prompts."""

    id: str
    image: Picture
    answers: list[Answer]


@dataclass(frozen=True)
class Case:
    """One image with the right prompt: image, pseudo-image, prediction and truth."""

    rank: str
    id: str
    prompt: str
    dice: str
    pictures: list[Picture]


class Album:
    """Reads the pictures of one run, and none from elsewhere; each missing file is noted once."""

    def __init__(self, evidence: Evidence) -> None:
        """Open the folder of a run's pictures.

        Args:
            evidence: a run's files.
        """
        self.folder = evidence.folder / "evaluation" / "pictures"
        self.unreadable: list[str] = []

    def image(self, name: object, alt: str, caption: str) -> Picture:
        """Show an image or a pseudo-image.

        Args:
            name: the file's name, as pictures.json has it.
            alt: what it shows, in words.
            caption: below it.

        Returns:
            The picture; without content where the file cannot be read.
        """
        return _picture(self._pixels(name), alt, caption)

    def outlined(self, image: object, prediction: object, truth: object, alt: str) -> Picture:
        """Draw prediction and truth on their image.

        The prediction's line runs along the inner edge of its mask and the truth's along the outer
        edge, so that both are seen where the masks are equal.

        Args:
            image: the file's name; without it, or with another size, the ground is black.
            prediction: the predicted mask's file; without it, the truth is drawn alone.
            truth: the true mask's file; without it, the prediction is drawn alone.
            alt: what is shown, to go before "over image …".

        Returns:
            The picture; without content where there is no mask.
        """
        predicted = self._mask(prediction) if prediction else None
        true = self._mask(truth) if truth else None
        if predicted is not None and true is not None and predicted.shape != true.shape:
            # Of another image: it would be drawn where it is not.
            true = None
        masks = {"predicted": predicted, "true": true}
        drawn = {key: mask for key, mask in masks.items() if mask is not None}
        if not drawn:
            return _picture(None, f"Predicted mask over {alt}", "prediction")
        names = {"predicted": "prediction", "true": "truth"}
        ground = self._ground(image, next(iter(drawn.values())).shape)
        pixels = _outline(ground, predicted, true)
        kinds = " and ".join(drawn).capitalize()
        caption = " and ".join(names[key] for key in drawn)
        return _picture(pixels, f"{kinds} mask over {alt}", caption, tuple(drawn))

    def _ground(self, name: object, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        pixels = self._pixels(name)
        if pixels is None or pixels.shape[:2] != shape:
            return np.zeros((*shape, 3), np.uint8)
        return pixels

    def _pixels(self, name: object) -> NDArray[np.uint8] | None:
        path = self._inside(name)
        return None if path is None else self._attempt(lambda: read_image(path, channels=3), name)

    def _mask(self, name: object) -> NDArray[np.bool_] | None:
        path = self._inside(name)
        return None if path is None else self._attempt(lambda: read_mask(path), name)

    def _inside(self, name: object) -> Path | None:
        """The file of that name in the run's own folder.

        A name that leads elsewhere would put a stranger's file in the page.
        """
        if not name:
            return None
        path = self._attempt(lambda: (self.folder / str(name)).resolve(), name)
        if path is not None and path.parent != self.folder.resolve():
            self._note(f"picture {name!r} lies outside of evaluation/pictures and is left out")
            return None
        return path

    def _attempt(self, read: Callable[[], Content], name: object) -> Content | None:
        try:
            return read()
        except (SaywhereError, OSError, ValueError) as error:
            # A name from a stranger's file may hold a NUL, which is a ValueError.
            reason = error.found if isinstance(error, SaywhereError) else type(error).__name__
            self._note(f"picture {name!r} could not be read and is left out: {reason}")
            return None

    def _note(self, text: str) -> None:
        if text not in self.unreadable:
            self.unreadable.append(text)


def prompted(evidence: Evidence, album: Album) -> list[Prompted]:
    """Show single images under several prompts.

    Args:
        evidence: a run's files.
        album: reads their pictures.

    Returns:
        Per image: the image, and for each prompt its mask and its pseudo-image.
    """
    entries = listed(evidence.pictures.get("prompts"))[:MOST_SHOWN]
    return [_prompted(mapping(entry), album) for entry in entries]


def cases(evidence: Evidence, album: Album) -> list[Case]:
    """Show the best, the median and the worst cases, each case once.

    Args:
        evidence: a run's files.
        album: reads their pictures.

    Returns:
        The cases in the order of pictures.json. Where there are few, some ranks have none.
    """
    entries = [mapping(entry) for entry in listed(evidence.pictures.get("cases"))]
    return [_case(entry, album) for entry in _distinct(entries)[:MOST_SHOWN]]


def _distinct(entries: list[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Each case once. The ranks choose in turn, so that a few cases are shared out fairly."""
    chosen: dict[object, int] = {}
    left: dict[str, list[int]] = {rank: [] for rank in RANKS}
    for place, entry in enumerate(entries):
        left.setdefault(str(entry.get("rank")), []).append(place)
    n_cases = len({str(entry.get("id") or f"row {n}") for n, entry in enumerate(entries)})
    # Of few cases one a rank, as an evaluation of today writes them.
    rounds = MOST_SHOWN if n_cases >= MOST_SHOWN else 1
    for _ in range(rounds):
        for places in left.values():
            while places:
                place = places.pop(0)
                # A damaged row may have no id: then it is a case of its own.
                case = str(entries[place].get("id") or f"row {place}")
                if case not in chosen:
                    chosen[case] = place
                    break
    return [entries[place] for place in sorted(chosen.values())]


def _prompted(entry: Mapping[str, object], album: Album) -> Prompted:
    image = entry.get("image")
    name = str(entry.get("id", ""))
    answers = [mapping(answer) for answer in listed(entry.get("answers"))[:MOST_SHOWN]]
    return Prompted(
        id=name,
        image=album.image(image, f"Image {name}", "image"),
        answers=[_answer(answer, image, name, album) for answer in answers],
    )


def _answer(answer: Mapping[str, object], image: object, name: str, album: Album) -> Answer:
    prompt, dice = answer.get("prompt"), answer.get("dice")
    alt = f"image {name} for “{prompt}”"
    return Answer(
        prompt=str(prompt or ""),
        dice="" if dice is None else number(dice),
        prediction=album.outlined(image, answer.get("prediction"), None, alt),
        pseudo_image=_pseudo(answer, album),
    )


def _case(entry: Mapping[str, object], album: Album) -> Case:
    image = entry.get("image")
    name = str(entry.get("id", ""))
    dice = number(entry.get("dice"))
    alt = f"image {name}, Dice {dice}"
    shown = (
        album.image(image, f"Image {name}", "image"),
        _pseudo(entry, album),
        album.outlined(image, entry.get("prediction"), entry.get("truth"), alt),
    )
    return Case(
        rank=str(entry.get("rank", "")),
        id=name,
        prompt=str(entry.get("prompt") or ""),
        dice=dice,
        pictures=[picture for picture in shown if picture],
    )


def _pseudo(entry: Mapping[str, object], album: Album) -> Picture | None:
    if not entry.get("pseudo_image"):
        # An image-only run has none.
        return None
    return album.image(
        entry["pseudo_image"], f"Pseudo-image of “{entry.get('prompt')}”", "pseudo-image"
    )


def _outline(
    ground: NDArray[np.uint8],
    predicted: NDArray[np.bool_] | None,
    true: NDArray[np.bool_] | None,
) -> NDArray[np.uint8]:
    size = _size(ground.shape)
    pixels = resize_image(ground, size)
    if predicted is not None:
        mask = resize_mask(predicted, size)
        pixels = overlay(pixels, mask, colour=PREDICTED, opacity=0.2, contour=False)
        pixels[edge(mask, LINE_PX)] = PREDICTED
    if true is not None:
        mask = resize_mask(true, size)
        # Wider than the white line, and below it: its rim is what shows.
        pixels[_outer_edge(mask, LINE_PX + 1)] = HALO
        pixels[_outer_edge(mask, LINE_PX)] = TRUE
    return pixels


def _outer_edge(mask: NDArray[np.bool_], thickness_px: int) -> NDArray[np.bool_]:
    """The pixels just outside of a mask; the picture's border is no border of the target."""
    outside = np.pad(~mask, thickness_px, constant_values=True)
    inner = slice(thickness_px, -thickness_px)
    return edge(outside, thickness_px)[inner, inner]


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) with the longest side SIDE: small pictures grow, so that lines stay fine."""
    factor = SIDE / max(shape[:2])
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def _picture(
    pixels: NDArray[np.uint8] | None, alt: str, caption: str, keys: tuple[str, ...] = ()
) -> Picture:
    if pixels is None:
        return Picture("", alt, caption, keys=keys)
    height, width = _size(pixels.shape)
    buffer = BytesIO()
    # Full colour resolution: JPEG's usual half would wash out thin coloured lines.
    picture = Image.fromarray(resize_image(pixels, (height, width)))
    picture.save(buffer, "JPEG", quality=86, subsampling=0)
    uri = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(uri, alt, caption, width, height, keys)
