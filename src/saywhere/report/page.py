"""Templates, as every page of the report room is made from them."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, context: dict[str, Any]) -> str:
    """A template of `templates/` filled: what is put in is escaped, and what is missing is an error."""
    environment = Environment(
        loader=PackageLoader("saywhere.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)
