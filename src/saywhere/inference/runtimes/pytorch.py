"""The model in PyTorch, on any device: float32, or bfloat16 where that is safe."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saywhere.inference.original_frame import to_frame, to_network
from saywhere.inference.runtimes.runtime import HALF, Scores
from saywhere.inference.test_time_augmentation import Mirrored, mirrored, refuse_mirrors
from saywhere.io.framing import Box
from saywhere.modeling.stage_statistics import staged_network, watch
from saywhere.runs import checkpoint, devices
from saywhere.text.encoder import Encoder, open_encoder


class TorchRuntime:
    """A checkpoint's model on one device; see `runtime.Runtime`.

    Attributes:
        name: "torch" or "torch-bfloat16".
        config: The resolved configuration that the model was trained with.
        state: What its checkpoint says of itself.
        device: That it runs on.
        model: In evaluation mode, on the device.
    """

    def __init__(self, folder: Path, device: str = "auto", *, is_half: bool = False) -> None:
        """Load a model.

        Args:
            folder: Of a run or model.
            device: As `devices.find` takes it.
            is_half: Multiply in bfloat16. Weights and answers stay float32.

        Raises:
            UsageError: The device is not here.
            MissingFile: There are no weights.
            BadCheckpoint: The weights are damaged.
        """
        self.name = HALF if is_half else "torch"
        self.is_half = is_half
        # Before the weights are read: a slip is refused at once.
        self.device = devices.find(device)
        saved = checkpoint.load(folder)
        self.config = saved.config
        self.state = saved.state
        self.model = checkpoint.build_from(saved, folder)
        if self.config.train.channels_last or self.device.type == "cuda":
            # On a processor as it was trained; a GPU's tensor cores want it always. The numbers
            # differ by rounding alone.
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model.to(self.device)
        self._staged = staged_network(self.model)

    @property
    def uses_text(self) -> bool:
        """False for an image-only model."""
        return self.model.uses_text

    @property
    def reads_tokens(self) -> bool:
        """Is an embedding (token, embedding), rather than one vector?"""
        return self.model.reads_tokens

    def refuse_mirrors(self) -> None:
        """As `Runtime.refuse_mirrors`."""
        refuse_mirrors(self.model)

    @torch.inference_mode()
    def scores(
        self, squares: NDArray[np.uint8], embedding: NDArray[np.float32], *, mirror: bool
    ) -> Scores:
        """As `Runtime.scores`."""
        image = to_network(self._placed(squares))
        vectors = self._placed(embedding)
        # Off, and not absent: a caller's own autocast would change the answer.
        watching = nullcontext() if self._staged is None else watch(self._staged)
        with watching as seen, torch.autocast(self.device.type, torch.bfloat16, self.is_half):
            answer = self._forward(image, vectors, mirror)
        unfamiliarity = self.model.prompt_distance(vectors)
        return Scores(
            _on_host(answer.probability),
            None if answer.pseudo_image is None else _on_host(answer.pseudo_image),
            _on_host(unfamiliarity),
            None if seen is None else _on_host(seen.features()),
            None if answer.presence is None else _on_host(answer.presence),
        )

    def in_frame(
        self, picture: NDArray[np.float32], box: Box, height: int, width: int
    ) -> NDArray[np.float32]:
        """As `Runtime.in_frame`."""
        return to_frame(torch.from_numpy(picture), box, height, width)

    def open_encoder(self) -> Encoder:
        """As `Runtime.open_encoder`."""
        return open_encoder(self.config.text)

    def weights(self) -> dict[str, NDArray[Any]]:
        """As `Runtime.weights`."""
        state = self.model.state_dict()
        return {name: value.detach().cpu().contiguous().numpy() for name, value in state.items()}

    def _forward(self, image: Tensor, embedding: Tensor, mirror: bool) -> Mirrored:
        if mirror:
            return mirrored(self.model, image, embedding)
        segmentation = self.model(image, embedding)
        return Mirrored(
            segmentation.logits.float().sigmoid(), segmentation.pseudo_image, segmentation.presence
        )

    def _placed(self, array: NDArray[Any]) -> Tensor:
        """On the device. To a GPU from pinned memory, so that the copy waits for nothing."""
        tensor = torch.from_numpy(array)
        if self.device.type != "cuda":
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)


def _on_host(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array
