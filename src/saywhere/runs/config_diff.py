"""What differs between two configurations, and matters."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from saywhere.config import Config, Document, FusionConfig
from saywhere.runs.older_values import filled

AUTO = {"train.precision", "train.channels_last"}
"""The machine's own choice, where `train.precision` is auto on either side."""
Change = tuple[Any, Any]
Settings = dict[str, Any]
"""Dotted key → value, which is of another type for each key."""


def differences(before: Document, after: Config, free: Set[str]) -> dict[str, Change]:
    """Compare two configurations in all that can change a result.

    What `auto` chose may differ; so may one prompt policy named in two ways, and first filters
    that say nothing.

    Args:
        before: as JSON holds it; a key that it lacks had its older value, or its default.
        after: the other one.
        free: keys that may differ.

    Returns:
        Dotted key → (old, new), in the configuration's order.
    """
    default, new = (_flat(config.model_dump(mode="json")) for config in (Config(), after))
    # An older configuration lacks the keys that came later.
    old = default | _flat(filled(before))
    may_differ = free | (
        AUTO if "auto" in (old["train.precision"], new["train.precision"]) else set()
    )
    for key, comes_to in (("fusion.arm", _arm), ("network.first_filters", _filters)):
        old[key], new[key] = comes_to(old), comes_to(new)
    return {
        key: (old[key], new.get(key))
        for key in old
        if key not in may_differ and old[key] != new.get(key)
    }


def _arm(settings: Settings) -> str:
    """What `fusion.arm` comes to: left out, it is the fusion's own; without text, only whether
    anything turns.
    """
    fusion = _fusion(settings)
    if not fusion.uses_text:
        return "still" if fusion.arm == "still" else "untouched"
    return fusion.chosen_arm


def _fusion(settings: Settings) -> FusionConfig:
    """Not validated: the settings of a stored configuration were, when it was read."""
    return FusionConfig.model_construct(name=settings["fusion.name"], arm=settings["fusion.arm"])


def _filters(settings: Settings) -> str | None:
    """What `network.first_filters` comes to: left out, the default; nothing where no pseudo-image
    meets pretrained filters.
    """
    # Loaded when it is needed: torch takes seconds, and a mistyped run's name needs none of it.
    from saywhere.networks.first_filters import DEFAULT
    from saywhere.networks.registry import has_filters_to_meet

    meets = has_filters_to_meet(settings["network.name"], settings["network.weights"])
    if not meets or not _fusion(settings).has_pseudo_image:
        return None
    return settings["network.first_filters"] or DEFAULT


def _flat(document: Document) -> Settings:
    return {
        f"{section}.{key}": value
        for section, values in document.items()
        if isinstance(values, dict)
        for key, value in values.items()
    }
