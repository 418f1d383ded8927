"""Every sentence that a training can draw, so that all are embedded before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saywhere.config import DataConfig, TextConfig
from saywhere.data import absences, halves, mosaic
from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.targets import Target, target_of
from saywhere.text.directions import contradict
from saywhere.text.variants import variants


@dataclass(frozen=True)
class TrainingPrompts:
    """Which sentences a training draws from.

    Attributes:
        levels: keys of the rows' prompts; none for an image-only model.
        data: its mosaics and halves have sentences of their own; `absent` asks for contradictions.
        text: `variants` and `blank` are read.
    """

    levels: tuple[str, ...]
    data: DataConfig
    text: TextConfig

    def every(self, rows: Sequence[Row]) -> list[str]:
        """List every sentence that training can draw.

        Contradictions, sentences of mosaics and halves, and the blank one are among them where the
        configuration wants them.

        Args:
            rows: the training rows.

        Returns:
            Sentences, each once; one blank one where no prompts are drawn from.

        Raises:
            ConfigError: a row lacks a level.
        """
        # Many rows share a sentence: its versions and its contradiction are made once.
        texts = dict.fromkeys(
            text for row in rows for level in self.levels for text in texts_of(row, level)
        )
        prompts = [version for text in texts for version in self.versions(text)]
        if not prompts:
            return [""]
        if self.data.absent:
            opposites = map(contradict, dict.fromkeys(prompts))
            prompts += [opposite for opposite in opposites if opposite is not None]
        for sentences in self.same_place(rows):
            prompts += sentences
        if self.text.blank:
            prompts.append("")
        return list(dict.fromkeys(prompts))

    def versions(self, text: str) -> list[str]:
        """List a sentence and its shorter versions; `text.variants` says how many.

        Args:
            text: a row's sentence.

        Returns:
            Sentences, the given one first.
        """
        return [text, *variants(text, self.text.variants)]

    def same_place(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """List the sentences that are not the set's own: of tiles, of halves and of absent targets.

        Args:
            rows: the training rows; their targets are named.

        Returns:
            One list per meaning; none where none of them is wanted.
        """
        places: list[tuple[str, ...]] = []
        for target in dict.fromkeys(target_of(row, self.data) for row in rows):
            if self.data.mosaic:
                places += [self.of_tile(tile, target) for tile in range(self.data.mosaic_side**2)]
            if self.data.half and target.half:
                places += [self.of_half(side, target) for side in halves.SIDES]
            if self.data.denied:
                places.append(self.of_denial(target))
        if self.data.foreign:
            places += [absences.foreign(noun) for noun in self.data.foreign_targets]
        return places

    def of_denial(self, target: Target) -> tuple[str, ...]:
        """List the sentences that deny a target.

        Args:
            target: what is denied.

        Returns:
            Sentences, in a fixed order.
        """
        return absences.denials(target.nouns)

    def of_tile(self, tile: int, target: Target) -> tuple[str, ...]:
        """List the sentences that name a tile of a mosaic.

        Args:
            tile: counted in reading order from 0.
            target: what the tile's mask shows.

        Returns:
            Sentences, in a fixed order.
        """
        return mosaic.wordings(target.name, tile, self.data.mosaic_side, target.nouns[1:])

    def of_half(self, side: str, target: Target) -> tuple[str, ...]:
        """List the sentences that name one half of an image.

        Args:
            side: left or right, of the image.
            target: what the image's mask shows.

        Returns:
            Sentences, in a fixed order.
        """
        return halves.wordings(target.name, side, target.half, target.nouns[1:])
