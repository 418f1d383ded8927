"""Early fusion as MONAI transforms: `python examples/monai_transforms.py` (seconds of a CPU;
phantoms drawn by saywhere).

A transform runs in workers, where nothing can learn. So projection and generator learn first,
alone, to draw where the words point (the region term `mask`); then they are stacked onto the images
by `FuseWordsd`, and `RandGeometryd` turns stack and label together. The network's loop knows
nothing of text. Prints the test Dice with right words and with another case's words.
"""

from __future__ import annotations

import tempfile
from itertools import islice

import torch
from monai.data import DataLoader
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.transforms import Compose, Transform
from monai.utils import set_determinism

import saywhere
from saywhere.fusion import EarlyFusion
from saywhere.losses import roi_loss
from saywhere.modeling.early_fusion_monai import FuseWordsd, RandGeometryd

SIZE = 32


def main(n_steps: int = 300, n_words_first: int = 200) -> tuple[float, float]:
    """Teach the words, then train and measure; returns the mean Dice with right and with shuffled
    words.
    """
    set_determinism(0)
    manifest = saywhere.make_phantoms(tempfile.mkdtemp(), n_train=64, n_val=0, n_test=24, size=SIZE)
    training = saywhere.Dataset(manifest, "train", prompts="taught", size=SIZE, channels=1)
    fusion = teach_words(training, n_words_first)
    training.transform = Compose(
        [
            FuseWordsd("image", fusion),
            RandGeometryd(["image", "mask"], mode=["bilinear", "nearest"]),
        ]
    )
    network = BasicUNet(
        spatial_dims=2, in_channels=2, out_channels=1, features=(8, 8, 16, 32, 64, 8)
    )
    criterion = DiceCELoss(sigmoid=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    loader = DataLoader(training, batch_size=16, shuffle=True, drop_last=True)
    for batch in islice((batch for _ in range(n_steps) for batch in loader), n_steps):
        loss = criterion(network(batch["image"]), batch["mask"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    right = measure(network, manifest, Compose([FuseWordsd("image", fusion)]))
    wrong = Compose([Shuffled(manifest), FuseWordsd("image", fusion)])
    return right, measure(network, manifest, wrong)


def teach_words(training: saywhere.Dataset, n_steps: int) -> EarlyFusion:
    """Projection and generator alone: words → where."""
    fusion = EarlyFusion.fit(training.sentences, size=SIZE, channels=1)
    optimizer = torch.optim.AdamW(fusion.parameters(), lr=1e-3)
    loader = DataLoader(training, batch_size=32, shuffle=True, drop_last=True)
    for batch in islice((batch for _ in range(n_steps) for batch in loader), n_steps):
        pseudo_image = fusion.generate(fusion.embeddings(batch["prompt"]))
        loss = roi_loss("mask", pseudo_image, batch["image"], batch["mask"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return fusion


class Shuffled(Transform):
    """Another case's words, to compare with."""

    def __init__(self, manifest: object) -> None:
        test = saywhere.Dataset(str(manifest), "test", prompts="plain", size=SIZE, channels=1)
        self.other = {
            row.id: other[0]
            for row, other in zip(test.rows, test.sentences[1:] + test.sentences[:1])
        }

    def __call__(self, data: dict[str, object]) -> dict[str, object]:
        """The same case, saying what the next one says."""
        return data | {"prompt": self.other[str(data["id"])]}


@torch.no_grad()
def measure(network: torch.nn.Module, manifest: object, transform: Compose) -> float:
    """Mean Dice per case."""
    test = saywhere.Dataset(
        str(manifest), "test", prompts="plain", size=SIZE, channels=1, transform=transform
    )
    batch = next(iter(DataLoader(test, batch_size=len(test))))
    mask = network(batch["image"]) > 0
    overlap = (mask * batch["mask"]).sum((1, 2, 3))
    return float((2 * overlap / (mask.sum((1, 2, 3)) + batch["mask"].sum((1, 2, 3)))).mean())


if __name__ == "__main__":
    right, shuffled = main()
    print(f"Dice with right words {right:.3f}, with another case's {shuffled:.3f}")
