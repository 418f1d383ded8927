"""Early fusion as dictionary transforms of MONAI: words stacked on the image, then stack and label
turned by one geometry.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_tensor, ensure_tuple_rep
from torch import Tensor

from saywhere.errors import UsageError
from saywhere.modeling.early_fusion import EarlyFusion
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.geometry import Geometry


class FuseWordsd(MapTransform):
    """Replace each image by the stack of itself and its prompt's pseudo-image.

    An image is (channel, height, width), [0, 1]; a stack (2·channel, height, width).
    Nothing learns here, for a transform runs in workers: train the fusion first
    (examples/monai_transforms.py does it in seconds). The stack is a plain tensor: a MetaTensor's
    affine would be wrong once `RandGeometryd` has turned it.

    Args:
        keys: of the images.
        fusion: trained, and fitted for the images' size.
        prompt_key: of the sentence that belongs to all of them.
        pseudo_key: also keep the pseudo-image alone under this key.
        allow_missing_keys: as in MONAI.

    Raises:
        UsageError: a sample has no prompt, or an image does not fit the fusion.
    """

    def __init__(
        self,
        keys: KeysCollection,
        fusion: EarlyFusion,
        prompt_key: str = "prompt",
        pseudo_key: str | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.fusion, self.prompt_key, self.pseudo_key = fusion, prompt_key, pseudo_key

    @torch.no_grad()
    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """One sample's dictionary → another one, with stacks in place of images."""
        # A copy, since the caller's dictionary must stay as it is.
        sample = dict(data)
        if self.prompt_key not in sample:
            raise UsageError(
                f"a sample without {self.prompt_key!r}",
                where="FuseWordsd",
                allowed=f"its keys are {', '.join(map(str, sample))}",
                remedy="set prompt_key",
            )
        device = self.fusion.scale.mean.device
        for key in self.key_iterator(sample):
            image = plain_tensor(sample[key])
            fused = self.fusion(image[None].to(device), [sample[self.prompt_key]])
            # Back to the CPU, where the transforms that follow run.
            sample[key] = fused.stack[0].cpu()
            if self.pseudo_key is not None:
                sample[self.pseudo_key] = fused.pseudo_image[0].cpu()
        return sample


class RandGeometryd(RandomizableTransform, MapTransform):
    """Transform stack and label by one geometry, drawn by MONAI's random state. 2-D.

    What comes in from outside of a picture is 0.

    Args:
        keys: of pictures (channel, height, width), a stack and its label.
        augmentation: the ranges; None for the paper's.
        mode: one, or one per key: bilinear for images and stacks, nearest for labels.
        prob: that anything is drawn at all; the augmentation has probabilities of its own.
        geometry_key: also keep what was drawn, as numbers, under this key:
            `Geometry.from_record([numbers]).undo` turns a prediction back.
    """

    def __init__(
        self,
        keys: KeysCollection,
        augmentation: Augmentation | None = None,
        mode: str | Sequence[str] = ("bilinear", "nearest"),
        prob: float = 1.0,
        geometry_key: str | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.augmentation = augmentation or Augmentation()
        self.geometry_key = geometry_key
        if not isinstance(mode, str) and len(mode) != len(self.keys):
            raise UsageError(
                f"{len(mode)} modes and {len(self.keys)} keys",
                where="RandGeometryd",
                allowed="one mode, or one a key",
                remedy="nearest for labels, bilinear for the others",
            )
        self.mode = ensure_tuple_rep(mode, len(self.keys))
        self.geometry = Geometry.still(1)

    def randomize(self, data: Any = None) -> None:
        """Draw the next geometry."""
        # It decides by `prob` whether anything is drawn.
        super().randomize(None)
        # From MONAI's random state, so that `set_random_state` decides here too.
        seed = int(self.R.randint(2**31 - 1))
        self.geometry = (
            self.augmentation.draw(seed, 0, [0]) if self._do_transform else Geometry.still(1)
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """One sample's dictionary → another one, its pictures transformed."""
        self.randomize()
        sample = dict(data)
        for key, mode in self.key_iterator(sample, self.mode):
            sample[key] = self.geometry(plain_tensor(sample[key])[None], mode)[0]
        if self.geometry_key is not None:
            sample[self.geometry_key] = self.geometry.record()[0]
        return sample


def plain_tensor(picture: Any) -> Tensor:
    """An array, tensor or MetaTensor → a float32 tensor without meta data.

    Args:
        picture: (channel, height, width).

    Raises:
        UsageError: it has another shape, or is no array.
    """
    tensor = convert_to_tensor(picture, dtype=torch.float32, track_meta=False)
    if isinstance(tensor, Tensor) and tensor.ndim == 3:
        return tensor
    kind = f"type {type(picture).__name__}"
    if isinstance(tensor, Tensor):
        kind = f"shape {tuple(tensor.shape)}"
    raise UsageError(
        f"a picture of {kind}",
        where="a MONAI transform of saywhere",
        allowed="(channel, height, width)",
        remedy="EnsureChannelFirstd puts one there",
    )
