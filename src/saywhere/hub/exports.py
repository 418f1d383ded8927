"""Forms that a model can be exported to, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from saywhere.errors import UsageError

EXPORTS = {"monai": "saywhere.hub.monai_bundle", "onnx": "saywhere.hub.onnx"}
"""What `saywhere export --to` takes → the module whose `export` writes it."""


def refuse_unknown(name: str) -> None:
    """Say at once that there is no such form: torch and the exporter take seconds.

    Args:
        name: What was typed.

    Raises:
        UsageError: It is no name of EXPORTS.
    """
    if name not in EXPORTS:
        raise UsageError(
            f"no export form {name!r}",
            allowed=f"forms: {', '.join(sorted(EXPORTS))}",
            remedy="choose one of these",
        )


def choose(name: str) -> Callable[..., Any]:
    """The function that writes one form.

    Args:
        name: A name of EXPORTS.

    Returns:
        Its `export(run, folder, *, n_inputs)`.

    Raises:
        UsageError: There is no such form.
    """
    refuse_unknown(name)
    return import_module(EXPORTS[name]).export
