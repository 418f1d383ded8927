"""The paper's claims and our questions as tables: what was measured, and the verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import partial

from claims import TOPICS, Claim, Topic
from sources import ROOT, markdown
from verdicts import AUG, BOTH, NETWORKS, OURS, TENTH, Found, gained, seeds, verdict

from saywhere.errors import MissingFile
from saywhere.experiments.compare import gap

PAGES = ROOT / "docs" / "results"
CLAIMS = "claims_"


def page_of(key: str) -> str:
    """The page that holds a question's rows.

    Args:
        key: a name of `TOPICS`.

    Returns:
        The file's name in docs/results.

    Raises:
        MissingFile: no page there has the question's mark.
    """
    mark = f"<!-- table: {CLAIMS}{key} -->"
    for page in sorted(PAGES.glob("*.md")):
        if mark in page.read_text(encoding="utf-8"):
            return page.name
    raise MissingFile(f"no page of {PAGES} has {mark}", remedy="add the mark to the page")


def kind_of(shown: str) -> str:
    """A verdict without what is said of its figure or its seeds, to be counted."""
    bare = re.split(r" \(|[;:]", shown)[0]
    return re.sub(r" with \d+ of \d+ seeds$", " with some of its seeds", bare)


def _claims(topic: Topic) -> str:
    """A question's rows: where it was asked, what was measured, and the verdict."""
    rows: list[tuple[str, ...]] = []
    for claim in topic.claims:
        measured, given = _look(claim)
        rows.append((claim.case, measured, given, claim.note))
    return f"*{topic.asks}* {topic.about}\n\n" + markdown(_HEADS, rows)


_HEADS = ("where", "measured", "verdict", "to know")


def _look(claim: Claim) -> Found:
    """A claim's figures; a grid that is not finished has none."""
    try:
        return claim.look()
    except (MissingFile, KeyError):
        return Found("–", "not measured yet")


def _in_short() -> str:
    """Each question with its page, and how often each verdict was given."""
    rows: list[tuple[str, str]] = []
    verdicts: list[str] = []
    for key, topic in TOPICS.items():
        given = [_look(claim).verdict for claim in topic.claims]
        counted = Counter(map(kind_of, given)).most_common()
        shown = " · ".join(f"{kind} {number}" for kind, number in counted)
        rows.append((f"[{topic.asks}]({page_of(key)})", shown))
        verdicts += given
    single = sum("(one seed)" in given for given in verdicts)
    differ = sum("(seeds differ)" in given for given in verdicts)
    total = f"Of {len(verdicts)} rows, {single} have one seed"
    note = f"{total}, and in {differ} the seeds differ too much to be sure."
    return markdown(("question", "verdicts"), rows, note)


def _helps() -> str:
    """Does text with augmentation help a network beyond augmentation, a set a column?"""
    sets = {"qata": "QaTa-COV19 (subset)", "isic": "ISIC-2016", "kvasir": "Kvasir-SEG"}
    labels = {name: ("networks", f"{name} · {BOTH}", f"{name} · {AUG}") for name in NETWORKS}
    labels |= {
        "`lite`, pretrained, 224 px": ("lite_224", BOTH, AUG),
        "… with a tenth of the images": ("lite_224", BOTH + TENTH, AUG + TENTH),
    }
    rows: list[tuple[str, ...]] = []
    for network, (kind, label, reference) in labels.items():
        rows.append((network, *(_gain(f"{key}_{kind}", label, reference) for key in sets)))
    return markdown(("network", *sets.values()), rows, "Intervals: 95 %, over seeds and cases.")


def _gain(name: str, label: str, reference: str) -> str:
    try:
        gain, own = gained(name, label, reference)
    except (MissingFile, KeyError):
        return "not measured yet"
    given = verdict(gain, len(own), OURS).removesuffix(" (one seed)")
    return f"{gap(gain)}, {seeds(len(own))}: {given}"


def _in_short_above() -> str:
    """The same for a page of docs/ itself: the questions' pages lie in results/."""
    return re.sub(r"\]\((?=[a-z-]+\.md)", "](results/", _in_short())


TABLES: dict[str, Callable[[], str]] = {
    "claims_in_short": _in_short,
    "claims_in_short_above": _in_short_above,
    "helps": _helps,
    **{f"{CLAIMS}{key}": partial(_claims, topic) for key, topic in TOPICS.items()},
}
