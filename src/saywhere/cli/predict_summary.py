"""What `saywhere predict` says of a call: a line, and what a person should look at."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saywhere.inference.no_identifiers import Names
    from saywhere.inference.outcome import Outcome
    from saywhere.inference.predictions_file import Prediction
    from saywhere.inference.requests import Job
    from saywhere.inference.segmenter import Segmenter
    from saywhere.io.skipped import Skipped

MANY = 5
"""From so many predictions on, the least certain ones are named."""
N_FIRST = 3
"""So many of them."""
N_NOTES = 10
"""So many sentences on files are printed; of a large folder there may be thousands."""


def whose_left(segmenter: Segmenter, jobs: Sequence[Job]) -> str:
    """Say what "left" means to the model, where a prompt names a side.

    Args:
        segmenter: The model.
        jobs: Of the call.

    Returns:
        Words to put after the summary; empty where no prompt names a side.
    """
    from saywhere.text.frames import names_side

    if not segmenter.hears_words or not any(names_side(job.prompt) for job in jobs):
        return ""
    facts = segmenter.prompt_facts
    if not facts.frame:
        return "; whose left and right this model knows is not stated: try a prompt of each side"
    return f"; left means the {facts.left}"


def summary(outcome: Outcome, out: Path) -> str:
    """Say how many predictions lie where; of many also those to look at first.

    Args:
        outcome: Of the call.
        out: Where its files are.

    Returns:
        One line.
    """
    from saywhere.errors import counted

    line = f"{counted(len(outcome.predictions), 'prediction')} in {_place(out)}"
    if outcome.n_skipped:
        line += f", {outcome.n_skipped:,} of them done before (--again redoes them)"
    if len(outcome.predictions) < MANY:
        return line
    # Those that mark nothing, or of whose mark the model is least sure.
    ordered = heapq.nsmallest(
        N_FIRST, outcome.predictions, key=lambda prediction: prediction.confidence or 0.0
    )
    shown = {prediction.first_file for prediction in ordered}
    every = (prediction.first_file for prediction in outcome.predictions)
    n_of = Counter(file for file in every if file in shown)
    first = [
        # A table holds all of them: its name would say nothing.
        f"{one.stem if n_of[one.first_file] > 1 else one.first_file} ({_how_good(one)})"
        for one in ordered
    ]
    return f"{line}; look at these first: {', '.join(first)}"


def _place(path: Path) -> str:
    """As it was typed: a path has lost one of an address's slashes."""
    from saywhere.io import addresses

    return addresses.of(path) or str(path)


def _how_good(prediction: Prediction) -> str:
    if not prediction.confidence:
        return "nothing marked"
    if prediction.expected_dice is None:
        return f"{prediction.confidence:.0%} sure"
    return f"expected Dice {prediction.expected_dice:.2f}"


def warn_of_prompts(segmenter: Segmenter, jobs: Sequence[Job]) -> None:
    """Warn of prompts that the model may read otherwise than they are meant.

    Args:
        segmenter: The model.
        jobs: Of the call.
    """
    from saywhere.cli.progress import warn
    from saywhere.errors import counted
    from saywhere.text.prompts import denies, is_blank

    if not segmenter.hears_words:
        return
    if any(is_blank(job.prompt) for job in jobs):
        warn("a blank prompt means no words: the model marks what it finds by itself")
    # Each once, however many images it is for.
    prompts = {job.prompt for job in jobs}
    n_denying = sum(map(denies, prompts))
    if n_denying:
        # benchmarks/results/denied: what each kind of model does.
        if segmenter.config.data.denied:
            taught = (
                "the model was taught that they leave the mask empty, even where they deny a place"
            )
        else:
            taught = (
                "the model was taught no such words, and what they deny may be marked all the same"
            )
        warn(
            f"{counted(n_denying, 'prompt')} with a no, not, without or the like: {taught}; "
            "say where the target is"
        )
    encoder = segmenter.encoder
    n_long = sum(encoder.count_tokens(text) > encoder.max_length for text in prompts)
    if n_long:
        warn(
            f"{counted(n_long, 'prompt')} longer than the {encoder.max_length} tokens that "
            "the encoder reads: what comes after them has no effect"
        )


def warn_of_skipped(skipped: list[Skipped], names: Names) -> None:
    """Warn of files that were not read.

    Args:
        skipped: With the reasons.
        names: What is done to names on the way.
    """
    from saywhere.cli.progress import warn
    from saywhere.io.skipped import in_sentences

    for sentence in names.sentences(in_sentences(skipped), "sentence on skipped files"):
        warn(sentence)


def warn_of_outcome(outcome: Outcome, out: Path) -> None:
    """Warn of what a person should look at.

    Args:
        outcome: Of the call.
        out: Where its files are.
    """
    from saywhere.cli.progress import warn
    from saywhere.errors import counted

    if outcome.n_others:
        warn(
            f"{counted(outcome.n_others, 'earlier prediction')} of other images or prompts "
            f"stay in {_place(out)}; predictions.jsonl lists all, these first"
        )
    if any(prediction.unfamiliarity > 1 for prediction in outcome.predictions):
        warn(
            "some prompts are unlike those that the model was trained on "
            "(unfamiliarity above 1 in predictions.jsonl): check these masks"
        )
    notes = [*_of_prompts(outcome.predictions), *outcome.notes]
    for note in notes[:N_NOTES]:
        warn(note)
    if len(notes) > N_NOTES:
        warn(f"{len(notes) - N_NOTES:,} more such notes: --json lists all")
    if outcome.failures:
        warn(
            f"set aside: {counted(len(outcome.failures), 'job')}, "
            f"see {_place(out / 'failures.jsonl')}; "
            f"the first: {outcome.failures[0].reason}"
        )


def _of_prompts(predictions: Sequence[Prediction]) -> list[str]:
    """Warnings of prompts, each once; where it is of some pictures only, they are named."""
    from saywhere.datasets.layout import first_of

    images_of: dict[str, dict[str, None]] = {}
    for prediction in predictions:
        for text in prediction.warnings:
            images_of.setdefault(text, {})[Path(prediction.image).name] = None
    if not images_of:
        return []
    n_images = len({Path(prediction.image).name for prediction in predictions})
    sentences = []
    for text, images in images_of.items():
        of_some = f" {first_of(list(images))}" if len(images) < n_images else ""
        sentences.append(text + of_some)
    return sentences
