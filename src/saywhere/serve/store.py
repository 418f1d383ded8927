"""What people keep: an append-only manifest that `saywhere train` takes as it is.

Nothing kept is lost by a reload, a crash, or a second tab.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np

from saywhere.errors import NotWritable, UsageError
from saywhere.io import files, images
from saywhere.text.prompts import is_blank

MANIFEST = "manifest.jsonl"
_BEGIN = b'{"id": "'
_BEGUN = re.compile(re.escape(_BEGIN) + rb'[0-9a-f]{0,32}(?:".*)?', re.DOTALL)
"""How a row of `keep`'s begins."""
TRY_AGAIN = "make room on the disk and keep it again; what was kept before is still there"


# When a row was written, UTC, by the name that it has in the manifest.
_Timed = TypedDict("_Timed", {"kept": str})  # noqa: UP013 (a file's key, no name of ours)


class _WholeRow(_Timed):
    id: str
    key: str
    image: str
    """path in the store's folder, as the other two"""
    mask: str
    suggested: str
    prompt: str
    split: str
    oracle: bool
    digest: str
    """of image, masks and prompt"""


class StoredRow(_WholeRow, total=False):
    """A line of the store's manifest. It may have further columns, which somebody added."""

    who: str
    model: str
    source: str
    """sha256 of the image's file as it was sent"""
    group: str
    meant: str
    """what elsewhere would be a fault: empty_mask, blank_prompt"""
    replaces: str
    """id of the row that this one stands for"""


class Store:
    """A folder with manifest.jsonl, images/, masks/ and suggested/ (the model's own masks).

    One server at a time has it.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder, and make it where it is missing.

        Args:
            folder: where the work is kept.

        Raises:
            NotWritable: the folder takes no file.
            UsageError: another server has it, or its manifest was not kept here. Nothing in it is
                changed then.
        """
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Held until the process ends, however it ends, so no `with` can close it.
            self._held = open(self.folder / ".lock", "a")  # noqa: SIM115
        except OSError as error:
            raise NotWritable(
                f"cannot keep anything in {folder} ({(error.strerror or 'refused').lower()})",
                remedy="choose another --store",
            ) from None
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"another server keeps its work in {folder}",
                remedy="stop that one, or choose another --store",
            ) from None
        # `keep` runs in a pool of threads.
        self._writing = threading.Lock()
        self._settle()
        self._kept = {row["key"]: row for row in self.rows()}

    def rows(self) -> list[StoredRow]:
        """Read the manifest.

        Returns:
            The rows in the order in which they were kept; without a line that is being written.
        """
        whole, _ = self._read()
        return [json.loads(line) for line in whole.splitlines() if line.strip()]

    def _settle(self) -> None:
        """Mend the manifest's end before anybody writes.

        A last line that a crash cut in half is left out, since it was never confirmed to anyone.
        One that only lacks its line's end gets it. Raises UsageError, before anything is changed,
        naming the first line that is no row of ours.
        """
        whole, half = self._read()
        lines = whole.splitlines()
        for number, line in enumerate([*lines, half], 1):
            is_ours = _is_kept(line) if number <= len(lines) else _is_begun(line)
            if line.strip() and not is_ours:
                raise UsageError(
                    f"line {number} of {MANIFEST} is nothing that was kept by this page",
                    where=self.folder,
                    allowed="a folder of its own for --store",
                    remedy="mend or remove that line, or choose another --store",
                )
        ended = whole + b"\n" if whole and not whole.endswith(b"\n") else whole
        if half or ended != whole:
            files.write_bytes(self.folder / MANIFEST, ended)

    def _read(self) -> tuple[bytes, bytes]:
        """The whole lines, and the half one behind them.

        A last row that only lacks its line's end is whole: an editor may have saved the file.
        """
        place = self.folder / MANIFEST
        content = place.read_bytes() if place.is_file() else b""
        end = content.rfind(b"\n") + 1
        return (content, b"") if _is_kept(content[end:]) else (content[:end], content[end:])

    def keep(
        self,
        key: str,
        image: np.ndarray,
        mask: np.ndarray,
        suggested: np.ndarray,
        prompt: str,
        **about: Any,
    ) -> StoredRow:
        """Write a row, flushed to the disk before it is confirmed.

        The same work under the same key twice (a second click, a retry) is one row.

        Args:
            key: the sender's own name for this act: 32 hexadecimal digits.
            image: uint8 (height, width, channel).
            mask: as a person corrected it, bool (height, width).
            suggested: as the model gave it, bool (height, width).
            prompt: may be empty.
            about: further columns of the row.

        Returns:
            The row.

        Raises:
            NotWritable: the folder takes no file; what was kept before is still there.
            UsageError: the key was used for other work.
        """
        with self._writing:
            # It tells a retry from other work under the same key.
            digest = hashlib.sha256(
                b"|".join((image.tobytes(), mask.tobytes(), suggested.tobytes(), prompt.encode()))
            ).hexdigest()
            if key in self._kept:
                if self._kept[key]["digest"] != digest:
                    raise UsageError(
                        "another work under a key that was used",
                        allowed="one key, one work",
                        remedy="draw a new key",
                    )
                return self._kept[key]
            places = {
                "image": f"images/{key}.png",
                "mask": f"masks/{key}.png",
                "suggested": f"suggested/{key}.png",
            }
            when = datetime.now(timezone.utc).isoformat(timespec="seconds")
            row = {
                "id": key,
                "key": key,
                **places,
                "prompt": prompt,
                "split": "train",
                # A person typed the prompt: it was not made from the mask.
                "oracle": False,
                "kept": when,
                "digest": digest,
                **about,
            }
            row |= _meant(mask, prompt) | self._after_others(row)
            with self._whole(places):
                images.write_image(self.folder / places["image"], image)
                images.write_mask(self.folder / places["mask"], mask)
                images.write_mask(self.folder / places["suggested"], suggested)
                # The row comes last: it never names a picture that is not on the disk.
                files.append_bytes(
                    self.folder / MANIFEST,
                    (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8"),
                )
            self._kept[key] = cast(StoredRow, row)
            return self._kept[key]

    def _after_others(self, row: Mapping[str, object]) -> dict[str, object]:
        """What a row takes over from those kept before it for the same image.

        The image stays in the split, and in the group, that somebody gave it: else the new row
        would be a leak. The same person's mask for the same prompt is replaced: a training takes
        the newest alone, the older one stays in the file. Work without a name is one person's.
        """
        before = [
            old
            for old in self._kept.values()
            if row.get("source") and old.get("source") == row["source"]
        ]
        taken = {
            name: before[-1][name] for name in ("split", "group") if before and name in before[-1]
        }
        act = (row.get("prompt"), row.get("who"))
        same = [old["id"] for old in before if (old.get("prompt"), old.get("who")) == act]
        return taken | ({"replaces": same[-1]} if same else {})

    def of_image(self, source: str) -> list[StoredRow]:
        """Find what was kept for an image.

        Args:
            source: the image's digest, as it was given to `keep`.

        Returns:
            The newest row of each prompt.
        """
        rows = [row for row in self.rows() if row.get("source") == source]
        return list({row["prompt"]: row for row in rows}.values())

    def sources(self) -> list[str]:
        """List the images that something was kept for.

        Returns:
            Their digests, in the order in which they came.
        """
        # A copy: another thread may keep something meanwhile.
        rows = list(self._kept.values())
        return list(dict.fromkeys(row["source"] for row in rows if row.get("source")))

    def mask_png(self, row: StoredRow) -> str:
        """Read a row's mask.

        Args:
            row: of the manifest.

        Returns:
            base64 of the PNG; empty where somebody took the file away.
        """
        with suppress(OSError):
            return base64.b64encode((self.folder / row["mask"]).read_bytes()).decode()
        return ""

    @property
    def n_kept(self) -> int:
        """Rows so far."""
        return len(self._kept)

    @contextmanager
    def _whole(self, places: dict[str, str]) -> Iterator[None]:
        """What fails leaves no picture without its row.

        The message names none of the server's folders: it goes to whoever is at the page.
        """
        try:
            yield
        except (OSError, NotWritable) as error:
            for place in places.values():
                with suppress(OSError):
                    (self.folder / place).unlink()
            # The system's own error stands behind NotWritable.
            cause = error if isinstance(error, OSError) else error.__context__
            reason = getattr(cause, "strerror", None) or "refused"
            raise NotWritable(f"cannot keep this ({reason.lower()})", remedy=TRY_AGAIN) from None

    def close(self) -> None:
        """Let another server have the folder."""
        self._held.close()


def _meant(mask: np.ndarray, prompt: str) -> dict[str, str]:
    """What elsewhere is a fault is meant here: an empty mask says that nothing is there."""
    meant = []
    if not mask.any():
        meant.append("empty_mask")
    if is_blank(prompt):
        meant.append("blank_prompt")
    return {"meant": ", ".join(meant)} if meant else {}


def _is_kept(line: bytes) -> bool:
    """Is it a row as `keep` writes them?"""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"key", "prompt", "mask", "kept", "digest"} <= set(row)


def _is_begun(line: bytes) -> bool:
    """Is it such a row, cut anywhere?"""
    return _BEGIN.startswith(line) or _BEGUN.fullmatch(line) is not None
