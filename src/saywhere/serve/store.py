"""What people keep: an append-only manifest that `saywhere train` takes as it is.

Nothing kept is lost by a reload, a crash, or a second tab.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import numpy as np

from saywhere.errors import MissingFile, NotWritable, UsageError
from saywhere.io import files, images
from saywhere.serve.store_sweep import HISTORY, MANIFEST, refuse_links, sweep
from saywhere.serve.stored_row import (
    FILES,
    Known,
    StoredRow,
    fault_of,
    is_begun,
    is_kept,
    kept_meanwhile,
    meant,
    stored_file,
)

TRY_AGAIN = "make room on the disk and keep it again; what was kept before is still there"


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
        refuse_links(self.folder)
        self._settle()
        sweep(self.folder)
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
            if number > len(lines):
                fault = None if is_begun(line) else "no row"
            else:
                fault = fault_of(line)
            if line.strip() and fault:
                raise UsageError(
                    f"line {number} of {MANIFEST} is nothing that was kept by this page ({fault})",
                    where=self.folder,
                    allowed="a folder of its own for --store",
                    remedy="mend or remove that line, or choose another --store",
                )
        ended = whole + b"\n" if whole and not whole.endswith(b"\n") else whole
        for row in map(json.loads, filter(bytes.strip, lines)):
            for column in FILES:
                stored_file(self.folder, row, column)
        if half or ended != whole:
            files.write_bytes(self.folder / MANIFEST, ended)

    def _read(self) -> tuple[bytes, bytes]:
        """The whole lines, and the half one behind them.

        A last row that only lacks its line's end is whole: an editor may have saved the file.
        """
        place = self.folder / MANIFEST
        content = place.read_bytes() if place.is_file() else b""
        end = content.rfind(b"\n") + 1
        return (content, b"") if is_kept(content[end:]) else (content[:end], content[end:])

    def keep(
        self,
        key: str,
        image: np.ndarray,
        mask: np.ndarray,
        suggested: np.ndarray,
        prompt: str,
        known: Known = Known(),
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
            known: what the sender knows of other rows.
            about: further columns of the row.

        Returns:
            The row.

        Raises:
            NotWritable: the folder takes no file; what was kept before is still there.
            KeptMeanwhile: there is a row for the same image and prompt that was not seen.
            UsageError: the key was used for other work, or the row to replace is another image's.
        """
        with self._writing:
            # It tells a retry from other work under the same key.
            digest = _digest(image, mask, suggested, prompt)
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
            row |= meant(mask, prompt) | self._after_others(row, known)
            with self._whole(places):
                images.write_image(self.folder / places["image"], image, compress_level=1)
                images.write_mask(self.folder / places["mask"], mask)
                images.write_mask(self.folder / places["suggested"], suggested)
                # The row comes last: it never names a picture that is not on the disk.
                files.append_bytes(
                    self.folder / MANIFEST,
                    (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8"),
                )
            self._kept[key] = cast(StoredRow, row)
            return self._kept[key]

    def _after_others(self, row: Mapping[str, object], known: Known) -> dict[str, object]:
        """What a row takes over from those kept before it for the same image.

        The image stays in the split, and in the group, that somebody gave it: else the new row
        would be a leak. The same person's mask for the same prompt is replaced: a training takes
        the newest alone, the older one stays in the file. Work without a name is one person's, but
        what its sender has not seen is another's.
        """
        before = self._of_source(row.get("source"))
        taken = {
            name: before[-1][name] for name in ("split", "group") if before and name in before[-1]
        }
        alike = [old for old in self._alive(before) if old["prompt"] == row["prompt"]]
        unseen = (
            [] if known.seen is None else [old for old in alike if old["key"] not in known.seen]
        )
        if unseen and not known.beside:
            raise kept_meanwhile(unseen[-1])
        own = [old["id"] for old in alike if old.get("who") == row.get("who") and old not in unseen]
        if known.replaces is not None:
            own = [self._replaced(known.replaces, before)]
        return taken | ({"replaces": own[-1]} if own else {})

    def _replaced(self, key: str, before: list[StoredRow]) -> str:
        if key not in {old["key"] for old in self._alive(before)}:
            raise UsageError(
                "the row to replace is not one of this image",
                remedy="read what is kept for it (/v1/kept?image=), and keep this anew",
            )
        return key

    def take_back(self, key: str, who: str = "") -> list[StoredRow]:
        """Take a row out of the manifest, and those whose place it had taken.

        Their pictures stay, and the history says what they were, who took them back and when.

        Args:
            key: of the row.
            who: takes it back; may be empty.

        Returns:
            The rows that went, the newest first.

        Raises:
            NotWritable: the folder takes no file; nothing was taken back then.
            MissingFile: there is no such row, or it went already.
        """
        with self._writing:
            gone = []
            following: str | None = key
            while following in self._kept and self._kept[following] not in gone:
                gone.append(self._kept[following])
                following = gone[-1].get("replaces")
            if not gone:
                raise MissingFile(
                    "no such row is kept", remedy="open the picture again to see what is"
                )
            when = datetime.now(timezone.utc).isoformat(timespec="seconds")
            lines = [json.dumps({"taken_back": when, "by": who, "row": row}) for row in gone]
            with self._whole({}):
                # First the history: a crash between the two leaves a row twice, and loses none.
                files.append_bytes(
                    self.folder / HISTORY, "".join(f"{line}\n" for line in lines).encode()
                )
                keys = {row["key"] for row in gone}
                left = [row for row in self.rows() if row["key"] not in keys]
                text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in left)
                files.write_bytes(self.folder / MANIFEST, text.encode("utf-8"))
            for each in keys:
                del self._kept[each]
            return gone

    def _of_source(self, source: object) -> list[StoredRow]:
        return [row for row in list(self._kept.values()) if source and row.get("source") == source]

    @staticmethod
    def _alive(rows: list[StoredRow]) -> list[StoredRow]:
        """Without those that another one stands for."""
        replaced = {row.get("replaces") for row in rows}
        return [row for row in rows if row["id"] not in replaced]

    def alive(self) -> list[StoredRow]:
        """List what is kept.

        Returns:
            All rows that no other one stands for, in the order in which they came.
        """
        return self._alive(list(self._kept.values()))

    def of_image(self, source: str) -> list[StoredRow]:
        """Find what was kept for an image.

        Args:
            source: the image's digest, as it was given to `keep`.

        Returns:
            The newest row of each prompt and person, and those that stand beside each other.
        """
        return self._alive(self._of_source(source))

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
        file = stored_file(self.folder, row, "mask")
        with suppress(OSError):
            return base64.b64encode(file.read_bytes()).decode()
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


def _digest(image: np.ndarray, mask: np.ndarray, suggested: np.ndarray, prompt: str) -> str:
    """Of a row's work, piece by piece: joined, a photograph's would stand in memory twice."""
    sha = hashlib.sha256()
    for pixels in (image, mask, suggested):
        sha.update(np.ascontiguousarray(pixels).data)
        sha.update(b"|")
    sha.update(prompt.encode())
    return sha.hexdigest()
