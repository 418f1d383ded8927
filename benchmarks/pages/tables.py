"""Fill the tables of the README and of pages in docs/ from the committed results.

    python benchmarks/pages/tables.py [--check]

None of their numbers is typed. A table stands between `<!-- table: NAME -->` and `<!-- end -->`.
NAME is a finished grid of `benchmarks/results`, or a table of the modules that are imported here.
"""

from __future__ import annotations

import re
import sys
from functools import cache

import demo_tables
import general_tables
import measured_tables
import model_tables
import naming_tables
import paper_tables
import performance_tables
import presence_tables
import question_tables
import service_tables
from sources import RESULTS, ROOT

from saywhere.errors import MissingFile
from saywhere.experiments.compare import compare, table
from saywhere.experiments.frozen import tables_in
from saywhere.io.files import write_text

PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "index.md",
    ROOT / "docs" / "service.md",
    ROOT / "docs" / "paper.md",
    ROOT / "docs" / "performance.md",
    ROOT / "docs" / "when-not-to-use.md",
    ROOT / "docs" / "how-to" / "models.md",
    ROOT / "docs" / "how-to" / "own-data.md",
    ROOT / "docs" / "reference" / "files.md",
    *sorted((ROOT / "docs" / "results").glob("*.md")),
)
TABLES = {
    **demo_tables.TABLES,
    **general_tables.TABLES,
    **measured_tables.TABLES,
    **presence_tables.TABLES,
    **model_tables.TABLES,
    **naming_tables.TABLES,
    **paper_tables.TABLES,
    **performance_tables.TABLES,
    **question_tables.TABLES,
    **service_tables.TABLES,
}
_MARK = re.compile(r"(<!-- table: ([a-z0-9_]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """A page with each marked table made anew.

    Args:
        text: the page, in Markdown.

    Returns:
        The page; equal to `text` where its tables are those of the committed results.

    Raises:
        MissingFile: a mark names no table and no finished grid.
    """
    return _MARK.sub(lambda mark: mark[1] + _table(mark[2]) + mark[3], text)


@cache  # some tables stand on several pages, and a grid is large
def _table(name: str) -> str:
    if name in TABLES:
        return TABLES[name]()
    if name in tables_in(RESULTS):
        return table(compare(RESULTS / name))
    raise MissingFile(
        f"a page marks the table {name}, which nothing makes",
        where=str(RESULTS),
        remedy="correct the mark, or finish the grid",
    )


def main(is_check: bool) -> int:
    """Write the pages, or only say whether they are as they would be written (0) or not (1)."""
    is_true = True
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        made = filled(text)
        is_true &= made == text
        if not is_check:
            write_text(page, made)
    return int(is_check and not is_true)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
