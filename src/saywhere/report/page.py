"""Templates, as every page of the report room is made from them."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saywhere.io.plain_text import visible


def render(template: str, context: Mapping[str, object]) -> str:
    """Fill a template of `templates/`.

    Args:
        template: its file name.
        context: what it shows, by name.

    Returns:
        HTML. What was put in is escaped, and signs that turn or hide text are written out; a
        missing name is an error.
    """
    environment = Environment(
        loader=PackageLoader("saywhere.report"),
        # What is shown comes from files that a stranger may have made.
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)


def _shown(value: object) -> object:
    """An id or a prompt must not turn the words behind it around, nor hold what no file can."""
    # What is marked as HTML was made here.
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)
