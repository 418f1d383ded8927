"""Templates, as every page of the report room is made from them."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, context: Mapping[str, object]) -> str:
    """Fill a template of `templates/`.

    Args:
        template: its file name.
        context: what it shows, by name.

    Returns:
        HTML. What was put in is escaped; a missing name is an error.
    """
    environment = Environment(
        loader=PackageLoader("saywhere.report"),
        # What is shown comes from files that a stranger may have made.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)
