"""The model in ONNX Runtime, on the CPU: neither PyTorch nor transformers is loaded."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UsageError
from saywhere.inference import onnx_files
from saywhere.inference.runtimes.runtime import ONNX, Scores, sentence_vectors
from saywhere.io.framing import Box
from saywhere.io.machine import n_cores
from saywhere.phases import phase
from saywhere.runs.weights_header import read_header, read_weights
from saywhere.text.controls import is_control
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.onnx_encoder import OnnxEncoder


class OnnxRuntime:
    """The exported files of a model; see `runtime.Runtime`.

    Attributes:
        name: "onnx".
        config: The resolved configuration that the model was trained with.
        state: What its checkpoint says of itself.
    """

    name = ONNX

    def __init__(self, folder: Path) -> None:
        """Find the files; the network is opened with the first batch.

        Args:
            folder: Of a run or model.

        Raises:
            MissingExtra: onnxruntime or tokenizers is not installed.
            MissingFile: There are no weights, or the model was not exported on this machine.
            BadCheckpoint: A file is damaged.
        """
        self._weights, self.config, self.state = read_header(folder)
        self._files = onnx_files.find(folder, self._weights)

    @property
    def uses_text(self) -> bool:
        """False for an image-only model."""
        return "encoder" in self._files.about

    @property
    def reads_tokens(self) -> bool:
        """Is an embedding (token, embedding), rather than one vector?"""
        return bool(self._files.about.get("reads_tokens"))

    def refuse_mirrors(self) -> None:
        """As `Runtime.refuse_mirrors`: a prompt is mirrored within the network, not before it."""
        raise UsageError(
            "mirroring with the ONNX runtime",
            allowed="the exported files hold no mirroring",
            remedy="take --runtime torch, or leave --mirror out",
        )

    def scores(
        self, squares: NDArray[np.uint8], embedding: NDArray[np.float32], *, mirror: bool
    ) -> Scores:
        """As `Runtime.scores`. Pictures of the network's own size pass the file's resizing as they
        are.
        """
        pixels = squares.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        feed = {"image": np.ascontiguousarray(pixels)}
        if self.uses_text:
            feed["embedding"] = np.ascontiguousarray(embedding)
        # Files that an earlier version exported lack the later outputs.
        names = [output.name for output in self._network.get_outputs()]
        known = ("probability", "pseudo_image", "features", "presence")
        wanted = [name for name in known if name in names]
        answers = self._answers(wanted, feed)
        unfamiliarity = self._distance(embedding)
        return Scores(
            answers["probability"],
            answers.get("pseudo_image"),
            unfamiliarity,
            answers.get("features"),
            answers.get("presence"),
        )

    @phase("forward")
    def _answers(
        self, wanted: list[str], feed: dict[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        return dict(zip(wanted, self._network.run(wanted, feed)))

    def in_frame(
        self, picture: NDArray[np.float32], box: Box, height: int, width: int
    ) -> NDArray[np.float32]:
        """As `Runtime.in_frame`: bilinear, as PyTorch without `align_corners`."""
        inner = picture[0, :, box.top : box.top + box.height, box.left : box.left + box.width]
        # Along the width first, while there are few rows; whole rows are moved both times.
        wide = _stretched(inner.transpose(2, 1, 0), width)
        return _stretched(wide.transpose(1, 0, 2), height)

    def open_encoder(self) -> Encoder:
        """As `Runtime.open_encoder`: the exported one, or one that is no network."""
        if is_control(self.config.text.encoder):
            return open_encoder(self.config.text)
        return OnnxEncoder(self._files.folder, self._files.about)

    def weights(self) -> dict[str, NDArray[Any]]:
        """As `Runtime.weights`."""
        return self._numbers

    @cached_property
    def _numbers(self) -> dict[str, NDArray[Any]]:
        return read_weights(self._weights)

    @cached_property
    def _network(self) -> Any:
        return session(self._files.folder / onnx_files.NETWORK)

    @cached_property
    def _basis(self) -> NDArray[np.float32]:
        basis: NDArray[np.float32] = np.linalg.qr(self._numbers["scale.matrix"])[0]
        return basis

    @cached_property
    def _spread(self) -> np.floating[Any]:
        return np.linalg.norm(self._numbers["scale.matrix"])

    def _distance(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `text.whitening.EmbeddingScale.distance`; tokens are averaged before."""
        if not self.uses_text:
            return np.zeros(len(embedding), np.float32)
        mean, matrix, reach = (self._numbers[f"scale.{name}"] for name in SCALE)
        centred = sentence_vectors(embedding) - mean
        basis = self._basis
        outside = np.linalg.norm(centred - centred @ basis @ basis.T, axis=-1)
        across = outside * self._spread / matrix.shape[1] ** 0.5
        within = np.linalg.norm(centred @ matrix, axis=-1)
        distance: NDArray[np.float32] = (np.hypot(within, across) / reach).astype(np.float32)
        return distance


BLOCK = 32
"""Lines that are enlarged at once."""
SCALE = ("mean", "matrix", "reach")
"""What a model keeps of its training prompts."""


def session(path: Path) -> Any:
    """Open an ONNX file.

    Args:
        path: Of the file.

    Returns:
        onnxruntime's session, on all cores that this process may use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_cores()
    # Threads that spin while they wait take the cores from reading and writing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _stretched(lines: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """(n, …) → (length, …): each new line lies between two old ones."""
    n = len(lines)
    places = ((np.arange(length) + 0.5) * (n / length) - 0.5).clip(0, n - 1)
    first = np.floor(places).astype(np.intp)
    second = np.minimum(first + 1, n - 1)
    share = (places - first).astype(np.float32).reshape(-1, *(1,) * (lines.ndim - 1))
    lines = np.ascontiguousarray(lines)
    stretched = np.empty((length, *lines.shape[1:]), np.float32)
    # A few at a time: all at once would be there twice, and leave the processor's cache.
    for start in range(0, length, BLOCK):
        block = slice(start, start + BLOCK)
        above = lines[first[block]]
        step = lines[second[block]]
        step -= above
        step *= share[block]
        np.add(above, step, out=stretched[block])
    return stretched
