"""Forms that a model can be exported to, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from saywhere.errors import UsageError

EXPORTS = {"monai": "saywhere.hub.monai_bundle", "onnx": "saywhere.hub.onnx"}
"""What `saywhere export --to` takes → the module whose `export` writes it."""


def choose(name: str) -> Callable[..., Any]:
    """The function that writes one form.

    Args:
        name: A name of EXPORTS.

    Returns:
        Its `export(run, folder, *, n_inputs)`.

    Raises:
        UsageError: There is no such form.
    """
    if name not in EXPORTS:
        raise UsageError(
            f"no export form {name!r}",
            allowed=f"forms: {', '.join(sorted(EXPORTS))}",
            remedy="choose one of these",
        )
    # torch and the exporter take seconds, so a wrong name is refused before them.
    return import_module(EXPORTS[name]).export


def refuse_padding(fit: str, where: object) -> None:
    """Refuse a model that pads images: an exported graph squashes every image to its square.

    Args:
        fit: The model's `data.fit`.
        where: The model, for the message.

    Raises:
        UsageError: It pads.
    """
    if fit == "pad":
        raise UsageError(
            "the model was trained with data.fit = 'pad'",
            where=where,
            allowed="an export takes images to the network's square by 'squash'",
            remedy="serve the model with `saywhere serve`, or train one with data.fit = 'squash'",
        )
