"""A safetensors file whose header holds a JSON document and a digest of everything.

What was written comes back, or an error does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from saywhere.config import Document
from saywhere.errors import BadCheckpoint

FORMAT = 2
"""2: with a digest. 1, without, is still read."""
# A hostile file may claim any header and any number of tensors.
MAX_HEADER_BYTES = 32 * 2**20
MAX_TENSORS = 20_000
KEY = "saywhere"


def pack(document: Mapping[str, object], tensors: dict[str, Tensor]) -> bytes:
    """Make a file's content; equal arguments give equal bytes.

    Args:
        document: as JSON holds it.
        tensors: name → contiguous tensor on the CPU.

    Returns:
        The bytes of a safetensors file.
    """
    from safetensors.torch import save

    header = {"format": FORMAT, **document}
    return save(tensors, metadata={KEY: json.dumps(header | {"sha256": _digest(header, tensors)})})


def unpack(path: Path) -> tuple[Document, dict[str, Tensor]]:
    """Read a file; nothing in it is ever executed.

    Args:
        path: of a safetensors file that `pack` made, or of anything else.

    Returns:
        The document and the tensors.

    Raises:
        BadCheckpoint: whatever the bytes are, where they are not what `pack` made.
    """
    header, tensors = _read(path)
    digest = header.pop("sha256", None)
    if header.get("format") not in (1, FORMAT):
        raise BadCheckpoint(
            f"checkpoint format {str(header.get('format'))[:20]}",
            where=path,
            allowed=f"this version reads formats 1 to {FORMAT}",
            remedy="update Saywhere (pip install -U saywhere), or take one that is older",
        )
    # Format 1 has no digest, but one that is there must be right.
    if (digest is not None or header["format"] != 1) and digest != _digest(header, tensors):
        raise BadCheckpoint(
            "damaged: its content is not what was written",
            where=path,
            remedy="use another checkpoint, or train again",
        )
    return header, tensors


def kind(value: Tensor) -> str:
    """Name a tensor's type and shape.

    Args:
        value: any tensor.

    Returns:
        For instance "float32 (3, 4)".
    """
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def short(error: Exception) -> str:
    """Shorten an error of another library.

    Args:
        error: any.

    Returns:
        Its first line, 120 characters at most; its type where it has no text.
    """
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _read(path: Path) -> tuple[Document, dict[str, Tensor]]:
    from safetensors import safe_open

    try:
        with path.open("rb") as opened:
            # A safetensors file begins with its header's length, in 8 bytes.
            n_bytes = int.from_bytes(opened.read(8), "little")
        if n_bytes > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {n_bytes:,} bytes")
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            if len(names) > MAX_TENSORS:
                raise ValueError(f"{len(names):,} tensors")
            header = json.loads((file.metadata() or {})[KEY])
            if not isinstance(header, dict):
                raise TypeError("its header is no table")
            # What can be read may still nest too deeply to be written, and the digest writes it.
            json.dumps(header)
            return header, {name: file.get_tensor(name) for name in names}
    except Exception as error:
        # Untrusted bytes: safetensors, torch and json raise a dozen types on them.
        raise BadCheckpoint(
            f"not a Saywhere checkpoint ({short(error)})",
            where=path,
            remedy="pickles are never read; name a run directory",
        ) from None


def _digest(header: Mapping[str, object], tensors: dict[str, Tensor]) -> str:
    """sha256 of the header and of every tensor's name, type, shape and bytes.

    A disk that flips one bit of a weight gives no other sign.
    """
    sha = hashlib.sha256(json.dumps(header).encode())
    # Sorted, since a file gives its tensors back in another order.
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"{name}|{kind(value)}|".encode())
        # As bytes: numpy has no bfloat16.
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
