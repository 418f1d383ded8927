"""Every sentence that a training can draw, so that all are embedded before the first step."""

from __future__ import annotations

from collections.abc import Sequence

from saywhere.config import Config
from saywhere.data import halves, mosaic
from saywhere.data.manifest import Row
from saywhere.data.prompt_table import texts_of
from saywhere.text.directions import contradict
from saywhere.text.variants import variants


def levels_of(config: Config) -> list[str]:
    """List the prompt levels that training draws from.

    Args:
        config: the resolved configuration.

    Returns:
        Keys of the rows' prompts; none for an image-only model.
    """
    if not config.fusion.uses_text:
        return []
    chosen = config.text.train_prompts
    return [chosen] if isinstance(chosen, str) else list(chosen)


def training_prompts(config: Config, rows: Sequence[Row]) -> list[str]:
    """List every sentence that training can draw.

    Contradictions, sentences of mosaics and halves, and the blank one are among them where the
    configuration wants them.

    Args:
        config: the resolved configuration.
        rows: the training rows.

    Returns:
        Sentences, some of them several times; one blank one where no prompts are drawn from.

    Raises:
        ConfigError: a row lacks a level.
    """
    prompts: list[str] = []
    for row in rows:
        for level in levels_of(config):
            for text in texts_of(row, level):
                prompts += versions(text, config)
    if not prompts:
        return [""]
    if config.data.absent:
        # Many rows share a sentence; each distinct one is contradicted once.
        opposites = map(contradict, dict.fromkeys(prompts))
        prompts += [opposite for opposite in opposites if opposite is not None]
    for sentences in same_place(config):
        prompts += sentences
    if config.text.blank:
        prompts.append("")
    return prompts


def versions(text: str, config: Config) -> list[str]:
    """List a sentence and its shorter versions.

    Args:
        text: a row's sentence.
        config: the resolved configuration; `text.variants` says how many.

    Returns:
        Sentences, the given one first.
    """
    return [text, *variants(text, config.text.variants)]


def same_place(config: Config) -> list[tuple[str, ...]]:
    """List the sentences that are not the set's own: those of a mosaic's tiles and of halves.

    Args:
        config: the resolved configuration.

    Returns:
        One list per place, its sentences equal in meaning; none where neither is wanted.
    """
    places: list[tuple[str, ...]] = []
    if config.data.mosaic:
        places += [tile_sentences(config, tile) for tile in range(config.data.mosaic_side**2)]
    if config.data.half:
        places += [half_sentences(config, side) for side in halves.SIDES]
    return places


def tile_sentences(config: Config, tile: int) -> tuple[str, ...]:
    """List the sentences that name a tile of a mosaic.

    Args:
        config: the resolved configuration.
        tile: counted in reading order from 0.

    Returns:
        Sentences, in a fixed order.
    """
    data = config.data
    return mosaic.wordings(data.target, tile, data.mosaic_side, tuple(data.also_called))


def half_sentences(config: Config, side: str) -> tuple[str, ...]:
    """List the sentences that name one half of an image.

    Args:
        config: the resolved configuration.
        side: left or right, of the image.

    Returns:
        Sentences, in a fixed order.
    """
    data = config.data
    return halves.wordings(data.target, side, data.half_name, tuple(data.also_called))
