"""The fusions by name, as plain facts: readable without torch.

A new fusion is a class in a file of its own and a line here. The configuration, `saywhere info`,
the assembler and the tests take it from this table.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, NamedTuple


class Fusion(NamedTuple):
    """How a prompt meets the image."""

    joins: Literal["image", "features", "nothing"]
    """image: a pseudo-image, before the network; features: inside of it"""
    part: str
    """MODULE:CLASS. image: a `fusion.pseudo_image.PseudoImageFusion`; features: a
    `fusion.conditioning.FeatureConditioner`; nothing: empty
    """
    what: str
    """one line for `saywhere info fusions`"""

    def load(self) -> Any:
        """The class that `part` names; imports torch."""
        # As text in the table, so that reading it loads no torch.
        module, _, name = self.part.partition(":")
        return getattr(import_module(module), name)


FUSIONS: dict[str, Fusion] = {
    "early": Fusion(
        "image",
        "saywhere.fusion.pseudo_image:Early",
        "the paper's: the prompt becomes a pseudo-image, which joins the image and turns with it",
    ),
    "early-film": Fusion(
        "image",
        "saywhere.fusion.early_film:EarlyFilm",
        "the pseudo-image says where, and the sentence scales and shifts the decoder: says what",
    ),
    "late-concat": Fusion(
        "features",
        "saywhere.fusion.late_concat:LateConcat",
        "a rival: the sentence beside the bottleneck's channels",
    ),
    "film": Fusion(
        "features",
        "saywhere.fusion.film:Film",
        "a rival: the sentence scales and shifts every decoder stage",
    ),
    "cross-attention": Fusion(
        "features",
        "saywhere.fusion.cross_attention:CrossAttention",
        "a rival: each place attends to the sentence's tokens, at two scales",
    ),
    "none": Fusion("nothing", "", "the image alone, to compare with"),
}
