"""NIfTI bytes → header, affine and voxels, within limits."""

from __future__ import annotations

import logging
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import MissingExtra, UnreadableFile
from saywhere.io.foreign import refusing
from saywhere.io.limits import MAX_PIXELS

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

GZIP = b"\x1f\x8b"
"""A packed file begins so."""
MAX_BYTES = 1024 * 1024 * 1024
"""Of a volume, unpacked."""
HEAD_BYTES = 540
"""So many first bytes hold the header, of either kind."""
_COLOURS = ("R", "G", "B")


def kind(head: bytes) -> str | None:
    """Tell the format by its mark.

    Args:
        head: The first 540 bytes, unpacked.

    Returns:
        "1" for NIfTI-1, "2" for NIfTI-2; None for anything else.
    """
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return "1"
    return "2" if head[4:12] in (b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n") else None


def unpacked(content: bytes, path: Path, limit: int | None = None) -> bytes:
    """Unpack a .nii.gz; other content stays as it is.

    Args:
        content: A file's bytes.
        path: How errors name it.
        limit: So many bytes suffice; None for all of them.

    Returns:
        The bytes of the .nii.

    Raises:
        UnreadableFile: It is damaged, or larger than `MAX_BYTES`.
    """
    if not content.startswith(GZIP):
        return content
    parts: list[bytes] = []
    left = limit or MAX_BYTES
    # Programs that pack in parallel write several gzip files, one behind the other.
    while content.startswith(GZIP) and left:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            parts.append(unpacker.decompress(content, left))
        except zlib.error as error:
            raise damaged(path, type(error).__name__) from None
        left -= len(parts[-1])
        content = unpacker.unconsumed_tail or unpacker.unused_data
        if not unpacker.eof:
            break
    if limit is None and not left and content:
        raise _too_large(path, f"more than {MAX_BYTES:,} bytes once unpacked")
    return b"".join(parts)


def require() -> None:
    """Raise MissingExtra where nibabel is not installed."""
    try:
        import nibabel  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "NIfTI is read with nibabel, which is not installed",
            remedy="pip install 'saywhere[clinic]'",
        ) from None


def read_header(head: bytes, path: Path) -> Any:
    """Read a header.

    Args:
        head: The first 540 bytes, unpacked.
        path: How errors name the file.

    Returns:
        nibabel's header.

    Raises:
        MissingExtra: nibabel is not installed.
        UnreadableFile: It is one half of a pair of files.
    """
    require()
    import nibabel

    # It writes down what it mends in a header.
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    if head[344:348] == b"ni1\0" or head[4:7] == b"ni2":
        raise UnreadableFile(
            "one half of a NIfTI pair (.hdr and .img)",
            where=path,
            allowed="a NIfTI file is one file, .nii or .nii.gz",
            remedy="save it as .nii.gz",
        )
    made = nibabel.Nifti1Header if kind(head) == "1" else nibabel.Nifti2Header
    return made.from_fileobj(BytesIO(head), check=False)


def open_image(content: bytes, path: Path) -> Nifti1Image:
    """Open a file's bytes; its voxels are read later.

    Args:
        content: All of them, packed or not.
        path: How errors name the file.

    Returns:
        nibabel's image.

    Raises:
        MissingExtra: nibabel is not installed.
        UnreadableFile: It is damaged, over the limits, or of another number of dimensions.
    """
    content_bytes = unpacked(content, path)
    with refusing(damaged, path):
        header = read_header(content_bytes[:HEAD_BYTES], path)
        shape = shape_of(header.get_data_shape(), path)
        n_bytes = int(np.prod(shape)) * header.get_data_dtype().itemsize
        if n_bytes > MAX_BYTES or max(shape[0], 1) * shape[1] > MAX_PIXELS:
            raise _too_large(path, f"{n_bytes:,} bytes of voxels")
        import nibabel

        is_first = kind(content_bytes[:HEAD_BYTES]) == "1"
        made = nibabel.Nifti1Image if is_first else nibabel.Nifti2Image
        return made.from_bytes(content_bytes)


def shape_of(shape: tuple[int, ...], path: Path) -> tuple[int, int, int]:
    """Bring a shape to three sizes.

    Args:
        shape: As the header has it; further axes of one step are none.
        path: How errors name the file.

    Returns:
        (i, j, k); k is 1 of a flat image.

    Raises:
        UnreadableFile: There are more dimensions, as of a series in time.
    """
    sizes = [int(size) for size in shape]
    # Further axes of one step are none.
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) not in (2, 3) or min(sizes, default=0) < 1:
        raise UnreadableFile(
            f"a NIfTI file of shape {' × '.join(map(str, sizes))}",
            where=path,
            allowed="an image has two or three dimensions",
            remedy="save the volume that is meant on its own (of a series in time, one moment)",
        )
    i, j, k = (*sizes, 1)[:3]
    return i, j, k


def voxels_of(image: Nifti1Image, path: Path) -> tuple[NDArray[Any], bool]:
    """Read the voxels, rescaled.

    Args:
        image: As opened.
        path: How errors name the file.

    Returns:
        (i, j, k), or with three colours (i, j, k, 3); and: are they unscaled 8 bits?

    Raises:
        UnreadableFile: They are complex numbers and the like.
    """
    proxy: Any = image.dataobj
    stored = proxy.get_unscaled()
    shape = shape_of(image.shape, path)
    if stored.dtype.names is not None:
        if stored.dtype.names[:3] != _COLOURS:
            raise damaged(path, "its colours")
        colours = np.stack([stored[name] for name in _COLOURS], axis=-1)
        return colours.reshape(*shape, 3), True
    if stored.dtype.kind not in "uif":
        raise UnreadableFile(
            f"a NIfTI file of {stored.dtype} values",
            where=path,
            allowed="whole numbers and floats are read",
            remedy="save the part that is meant",
        )
    slope, intercept = float(proxy.slope), float(proxy.inter)
    voxels: NDArray[Any] = np.asarray(stored).reshape(shape)
    if (slope, intercept) == (1.0, 0.0):
        return voxels, voxels.dtype == np.uint8
    scaled: NDArray[Any] = voxels.astype(np.float32 if voxels.dtype.itemsize <= 2 else np.float64)
    scaled *= slope
    scaled += intercept
    return scaled, False


def affine_of(header: Any) -> tuple[NDArray[np.float64], bool]:
    """Say how the volume lies.

    Args:
        header: nibabel's.

    Returns:
        Voxel → RAS mm, (4, 4); and: does the file say so itself?
    """
    affine = np.asarray(header.get_best_affine(), np.float64)
    is_stated = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    is_sound = bool(np.isfinite(affine).all()) and abs(np.linalg.det(affine[:3, :3])) > 1e-9
    if is_sound:
        return affine, is_stated
    return np.diag([-1.0, 1.0, 1.0, 1.0]), False


def _too_large(path: Path, problem: str) -> UnreadableFile:
    return UnreadableFile(
        problem,
        where=path,
        allowed=f"a volume has at most {MAX_BYTES:,} bytes, a slice {MAX_PIXELS:,} pixels",
        remedy="cut the part out that is meant",
    )


def damaged(path: Path, problem: str) -> UnreadableFile:
    """Make the error of a file that cannot be read.

    Args:
        path: How it names the file.
        problem: In few words.

    Returns:
        The error.
    """
    return UnreadableFile(
        f"a damaged NIfTI file ({problem})", where=path, remedy="fetch or export the file again"
    )
