"""Second looks at what was kept: verdicts with a comment, and how far two readers agree."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from itertools import combinations
from typing import Literal, TypedDict, cast

from saywhere.errors import MissingFile, UsageError
from saywhere.io import files, images
from saywhere.metrics.functional import dice
from saywhere.serve.store import Store
from saywhere.serve.store_sweep import REVIEWS
from saywhere.serve.stored_row import StoredRow, stored_file

Verdict = Literal["accepted", "rejected", "open"]


class Review(TypedDict):
    """A line of the reviews; the newest of a row counts."""

    key: str
    verdict: Verdict
    comment: str
    who: str
    when: str


class Agreement(TypedDict):
    """Two readers' masks of one picture and one prompt."""

    source: str
    prompt: str
    readers: list[str]
    keys: list[str]
    dice: float | None


class Reviews:
    """`reviews.jsonl` beside a store's manifest, which it never changes."""

    def __init__(self, store: Store) -> None:
        """Read what there is.

        Args:
            store: whose rows are reviewed.
        """
        self._store = store
        self._writing = threading.Lock()
        self._newest = {review["key"]: review for review in self._read()}

    def _read(self) -> list[Review]:
        place = self._store.folder / REVIEWS
        if not place.is_file():
            return []
        lines = place.read_bytes().splitlines()
        return [self._review(number, line) for number, line in enumerate(lines, 1) if line.strip()]

    def _review(self, number: int, line: bytes) -> Review:
        try:
            review = json.loads(line)
        except (ValueError, RecursionError):
            review = None
        columns = review if isinstance(review, dict) else {}
        if all(isinstance(columns.get(name), str) for name in Review.__annotations__):
            return cast(Review, columns)
        raise UsageError(
            f"line {number} of {REVIEWS} is nothing that was reviewed on this page",
            where=self._store.folder,
            remedy="mend or remove that line, or choose another --store",
        )

    def add(self, key: str, verdict: Verdict, comment: str, who: str) -> Review:
        """Write a verdict, flushed to the disk before it is confirmed.

        Args:
            key: of the row.
            verdict: `open` takes an earlier one back.
            comment: may be empty.
            who: looked at it; may be empty.

        Returns:
            The review.

        Raises:
            MissingFile: there is no such row.
            NotWritable: the folder takes no file.
        """
        if key not in {row["key"] for row in self._store.alive()}:
            raise MissingFile("no such row is kept", remedy="open the picture again")
        when = datetime.now(timezone.utc).isoformat(timespec="seconds")
        review = Review(key=key, verdict=verdict, comment=comment, who=who, when=when)
        with self._writing:
            line = json.dumps(review, ensure_ascii=False) + "\n"
            files.append_bytes(self._store.folder / REVIEWS, line.encode("utf-8"))
            self._newest[key] = review
        return review

    def of(self, key: str) -> Review | None:
        """Find the newest review of a row.

        Args:
            key: of the row.

        Returns:
            None where nobody has looked at it.
        """
        return self._newest.get(key)

    def agreement(self) -> list[Agreement]:
        """Compare the masks of every two readers of one picture and one prompt.

        Returns:
            A line for each pair; Dice by the rule of `saywhere.metrics` for empty masks, None
            where the masks are not of one size.
        """
        groups: dict[tuple[str, str], list[StoredRow]] = {}
        for row in self._store.alive():
            if row.get("source"):
                groups.setdefault((row["source"], row["prompt"]), []).append(row)
        pairs = (pair for rows in groups.values() for pair in combinations(rows, 2))
        return [self._compared(*pair) for pair in pairs]

    def _compared(self, first: StoredRow, second: StoredRow) -> Agreement:
        masks = [
            images.read_mask(stored_file(self._store.folder, row, "mask"))
            for row in (first, second)
        ]
        is_alike = masks[0].shape == masks[1].shape
        return Agreement(
            source=first["source"],
            prompt=first["prompt"],
            readers=[first.get("who", ""), second.get("who", "")],
            keys=[first["key"], second["key"]],
            dice=round(dice(*masks), 4) if is_alike else None,
        )
