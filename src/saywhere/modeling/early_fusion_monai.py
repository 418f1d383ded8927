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
    """Each image (channel, height, width), [0, 1], becomes the stack (2·channel, height, width) of
    itself and what its prompt looks like.

    Nothing learns here, for a transform runs in workers: teach the fusion first
    (examples/monai_transforms.py does it in seconds).
    The stack is a plain tensor: a MetaTensor's affine would be wrong once `RandGeometryd` has
    turned it.

    Args:
        keys: of the images. prompt_key: of the sentence that belongs to all of them.
        pseudo_key: also keep the pseudo-image alone under this key.
    Raises UsageError for a case without a prompt, and what `EarlyFusion` raises.
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
        """One case's dictionary → another one, with stacks in place of images."""
        case = dict(data)
        if self.prompt_key not in case:
            raise UsageError(
                f"a case without {self.prompt_key!r}",
                where="FuseWordsd",
                allowed=f"its keys are {', '.join(map(str, case))}",
                remedy="set prompt_key",
            )
        for key in self.key_iterator(case):
            image = plain_tensor(case[key])
            fused = self.fusion(
                image[None].to(self.fusion.scale.mean.device), [case[self.prompt_key]]
            )
            case[key] = fused.stack[0].cpu()
            if self.pseudo_key is not None:
                case[self.pseudo_key] = fused.pseudo_image[0].cpu()
        return case


class RandGeometryd(RandomizableTransform, MapTransform):
    """One geometry for all keys, drawn by MONAI's random state: stack and label turn together, what
    comes in from outside is 0. 2-D.

    Args:
        keys: of pictures (channel, height, width), a stack and its label.
        augmentation: the ranges; None for the paper's.
        mode: a key or of each: bilinear for images and stacks, nearest for labels.
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
        self.augmentation, self.geometry_key = augmentation or Augmentation(), geometry_key
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
        super().randomize(None)
        seed = int(self.R.randint(2**31 - 1))
        self.geometry = (
            self.augmentation.draw(seed, 0, [0]) if self._do_transform else Geometry.still(1)
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """One case's dictionary → another one, its pictures turned."""
        self.randomize()
        case = dict(data)
        for key, mode in self.key_iterator(case, self.mode):
            case[key] = self.geometry(plain_tensor(case[key])[None], mode)[0]
        if self.geometry_key is not None:
            case[self.geometry_key] = self.geometry.record()[0]
        return case


def plain_tensor(picture: Any) -> Tensor:
    """An array, tensor or MetaTensor (channel, height, width) → float32, without meta data.

    Raises UsageError for another shape.
    """
    tensor = convert_to_tensor(picture, dtype=torch.float32, track_meta=False)
    if not isinstance(tensor, Tensor) or tensor.ndim != 3:
        found = (
            f"shape {tuple(tensor.shape)}"
            if isinstance(tensor, Tensor)
            else f"type {type(picture).__name__}"
        )
        raise UsageError(
            f"a picture of {found}",
            where="a MONAI transform of saywhere",
            allowed="(channel, height, width)",
            remedy="EnsureChannelFirstd puts one there",
        )
    return tensor
