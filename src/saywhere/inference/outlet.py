"""Where predictions go that other machines make: a folder that all of them see, or an address."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from saywhere.inference.ledger import NAME
from saywhere.inference.record_parts import FOLDER, remove_parts
from saywhere.io import addresses, files
from saywhere.io.limits import MAX_MANIFEST_BYTES

SCRATCH = ".chunk-"


class Outlet(ABC):
    """A place for files.

    Attributes:
        mirror: A folder of this machine where the lists of the place are read and written.
    """

    mirror: Path

    @abstractmethod
    def scratch(self) -> AbstractContextManager[Path]:
        """Give a folder for the files of one chunk, which is removed in the end."""

    @abstractmethod
    def publish(self, file: Path) -> None:
        """Put a file there, under its own name, whole or not at all.

        Args:
            file: Of this machine. It may be gone afterwards.

        Raises:
            NotWritable: The place takes no file.
        """

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a file there, whole or not at all.

        Args:
            name: Of the file; it may have a folder.
            content: All of it.

        Raises:
            NotWritable: The place takes no file.
        """

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove files.

        Args:
            names: Of the files; one that is not there is passed over.

        Raises:
            NotWritable: The place takes no change.
        """

    @abstractmethod
    def present(self, names: Iterable[str]) -> list[str]:
        """Those of some names that are files there."""

    @abstractmethod
    def pull(self) -> None:
        """Bring the lists, and what machines recorded, to the mirror."""

    @abstractmethod
    def push(self, names: Iterable[str]) -> None:
        """Bring lists from the mirror to the place. Records that they hold are removed there."""


class FolderOutlet(Outlet):
    """A folder, on a disk that all machines see under one path."""

    def __init__(self, folder: Path) -> None:
        """Name the folder.

        Args:
            folder: It need not be there yet.
        """
        self.mirror = folder

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder on the same disk: a file then gets its place by a change of its name."""
        with files.refusing(self.mirror):
            self.mirror.mkdir(parents=True, exist_ok=True)
            folder = Path(mkdtemp(prefix=SCRATCH, dir=self.mirror))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, file: Path) -> None:
        """Its bytes are on the disk already: the writers flush them."""
        place = self.mirror / file.name
        with files.refusing(place):
            file.replace(place)

    def write(self, name: str, content: bytes) -> None:
        """Atomically."""
        files.write_bytes(self.mirror / name, content)

    def remove(self, names: Iterable[str]) -> None:
        """One by one."""
        for name in names:
            with files.refusing(self.mirror / name):
                (self.mirror / name).unlink(missing_ok=True)

    def present(self, names: Iterable[str]) -> list[str]:
        """By a look at each."""
        return [name for name in names if (self.mirror / name).is_file()]

    def pull(self) -> None:
        """The lists are here. What killed workers left is removed."""
        for folder in self.mirror.glob(f"{SCRATCH}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def push(self, names: Iterable[str]) -> None:
        """The lists are here; the ledger removes what it has taken in."""
        remove_parts(self.mirror)


class AddressOutlet(Outlet):
    """An address, such as s3://BUCKET/FOLDER."""

    def __init__(self, address: str) -> None:
        """Name the address.

        Args:
            address: Of a folder; it need not be there yet.
        """
        self.address = address
        # Kept, since the folder is removed together with this object.
        self._temporary = TemporaryDirectory(prefix="saywhere-lists-")
        self.mirror = Path(self._temporary.name)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a temporary folder of this machine."""
        with TemporaryDirectory(prefix="saywhere-chunk-") as folder:
            yield Path(folder)

    def publish(self, file: Path) -> None:
        """Upload it."""
        addresses.send(file, self._at(file.name))

    def write(self, name: str, content: bytes) -> None:
        """Upload the content."""
        addresses.send(content, self._at(name))

    def remove(self, names: Iterable[str]) -> None:
        """One by one."""
        addresses.remove(self._at(name) for name in names)

    def present(self, names: Iterable[str]) -> list[str]:
        """By a question for each."""
        return [name for name in names if addresses.is_file(self._at(name))]

    def pull(self) -> None:
        """Download them."""
        if addresses.is_file(self._at(NAME)):
            self._fetch(NAME)
        for name in addresses.names_in(self._at(FOLDER)):
            self._fetch(f"{FOLDER}/{name}")

    def push(self, names: Iterable[str]) -> None:
        """Upload what is in the mirror of these names; what is not is removed there."""
        for name in names:
            if (self.mirror / name).is_file():
                self.publish(self.mirror / name)
            else:
                self.remove([name])
        recorded = addresses.names_in(self._at(FOLDER))
        # New lines go before what struck out the earlier ones, as in `remove_parts`.
        self.remove(f"{FOLDER}/{name}" for name in sorted(recorded, reverse=True))

    def _fetch(self, name: str) -> None:
        addresses.fetch(self._at(name), self.mirror / name, at_most_bytes=MAX_MANIFEST_BYTES)

    def _at(self, name: str) -> str:
        return addresses.join(self.address, name)


def open_outlet(out: str) -> Outlet:
    """Open the place that a user named.

    Args:
        out: A folder's path, or an address.

    Returns:
        The place.
    """
    address = addresses.of(out)
    return FolderOutlet(Path(out)) if address is None else AddressOutlet(address)
