"""Label Studio's labeling configuration: which labels there are, and which prompts stand for them.

    <View>
      <Image name="image" value="$image"/>
      <BrushLabels name="label" toName="image">
        <Label value="Polyp" prompt="one polyp"/>
      </BrushLabels>
      <TextArea name="prompt" toName="image" value="$words"/>
    </View>

A text in the TextArea called `prompt` goes before the labels' own prompts: each line is one. It is
what the annotator typed, else the control's `value`. A label without `prompt` is its own prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from saywhere.errors import UsageError

MAX_CHARS = 100_000
WORDS = "prompt"
"""Name of the TextArea whose text is the prompt, and a Label's attribute."""
EXAMPLE = '<Image name="image" value="$image"/> and <BrushLabels name="label" toName="image">'


@dataclass(frozen=True)
class Labeling:
    """What of the configuration matters for a mask.

    Attributes:
        brush: The name of the BrushLabels control.
        image: The name of the Image.
        field: The key of a task's data that holds the image.
        prompts: Label → its prompt, in their order.
        words: The `value` of the TextArea `prompt`: a text, "$KEY", or empty; None: there is none.
    """

    brush: str
    image: str
    field: str
    prompts: Mapping[str, str]
    words: str | None

    def pairs(self, data: Mapping[str, Any], context: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Choose what to segment in a task.

        Args:
            data: The task's data.
            context: What the annotator did so far, as Label Studio sends it.

        Returns:
            Label and prompt, in order.

        Raises:
            UsageError: It is open to which label a line belongs.
        """
        lines = [line.strip() for line in self._words(data, context).splitlines()]
        typed = [line for line in lines if line]
        if not typed:
            return list(self.prompts.items())
        return [self._labelled(line) for line in typed]

    def _words(self, data: Mapping[str, Any], context: Mapping[str, Any]) -> str:
        if self.words is None:
            return ""
        typed = "\n".join(_typed(context.get("result") or []))
        if typed.strip() or not self.words.startswith("$"):
            return typed if typed.strip() else self.words
        return str(data.get(self.words[1:]) or "")

    def _labelled(self, line: str) -> tuple[str, str]:
        """ "Polyp: one small polyp", or a line that names a label, or the only label there is."""
        before, colon, after = line.partition(":")
        plain = {label.casefold(): label for label in self.prompts}
        if colon and before.strip().casefold() in plain:
            label = plain[before.strip().casefold()]
            return label, after.strip() or self.prompts[label]
        named = [label for key, label in plain.items() if key in line.casefold()]
        if len(self.prompts) == 1 or len(named) == 1:
            return (named or list(self.prompts))[0], line
        raise UsageError(
            "a line of the prompt that may belong to several labels",
            allowed=f"the labels are {', '.join(self.prompts)}"[:300],
            remedy="begin the line with its label and a colon, as `Polyp: one small polyp`",
        )


def parse(text: str) -> Labeling:
    """Read a configuration.

    Args:
        text: XML, as Label Studio sends it.

    Returns:
        What matters of it.

    Raises:
        UsageError: It is no XML, too long, has a DTD, or no BrushLabels over an Image.
    """
    root = _root(text)
    images = {tag.get("name", ""): tag for tag in root.iter("Image")}
    brushes = [tag for tag in root.iter("BrushLabels") if tag.get("toName") in images]
    if not brushes:
        raise UsageError(
            "a labeling configuration without BrushLabels over an Image",
            allowed=EXAMPLE,
            remedy="add them in the project's settings: Saywhere answers with masks",
        )
    brush = brushes[0]
    image = images[brush.get("toName", "")]
    field = image.get("value", "")
    if not field.startswith("$"):
        raise UsageError(
            "an Image whose value is no key of a task", allowed='value="$image" or another key'
        )
    prompts = _prompts(brush)
    if not prompts:
        raise UsageError("BrushLabels without a label", remedy='add <Label value="Polyp"/>')
    return Labeling(
        brush.get("name", ""), image.get("name", ""), field[1:], prompts, _text_area(root)
    )


def _root(text: str) -> ElementTree.Element:
    # An entity can make a few bytes into gigabytes, and no configuration has one.
    if len(text) > MAX_CHARS or "<!" in text.replace("<!--", ""):
        raise UsageError(
            "a labeling configuration that is too long, or has a DTD",
            allowed=f"XML of at most {MAX_CHARS:,} characters, as Label Studio writes it",
        )
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise UsageError("a labeling configuration that is no XML") from None


def _prompts(brush: ElementTree.Element) -> dict[str, str]:
    labels = [(tag.get("value", ""), tag.get(WORDS, "")) for tag in brush.iter("Label")]
    return {label: prompt or label for label, prompt in labels if label}


def _text_area(root: ElementTree.Element) -> str | None:
    areas = [tag for tag in root.iter("TextArea") if tag.get("name") == WORDS]
    return areas[0].get("value", "") if areas else None


def _typed(regions: Iterable[Any]) -> list[str]:
    """The lines of the TextArea, from what Label Studio says of an annotation."""
    values = [
        region.get("value")
        for region in regions
        if isinstance(region, dict) and region.get("from_name") == WORDS
    ]
    texts = [value.get("text") for value in values if isinstance(value, dict)]
    lines: list[str] = []
    for text in texts:
        lines += [str(line) for line in (text if isinstance(text, list) else [text or ""])]
    return lines
