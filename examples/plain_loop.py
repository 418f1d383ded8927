"""Early fusion in a plain PyTorch loop: `python examples/plain_loop.py` (seconds of a CPU; phantoms
drawn by saywhere).

What is saywhere's is marked with ←; the rest is yours. Prints the test Dice with right words and
with another case's words.
"""

from __future__ import annotations

import tempfile
from itertools import islice

import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from torch.utils.data import DataLoader

import saywhere
from saywhere.fusion import Augmentation, EarlyFusion

SIZE = 32


def main(n_steps: int = 400) -> tuple[float, float]:
    """Train and measure; returns the mean Dice with right and with shuffled words."""
    torch.manual_seed(0)
    manifest = saywhere.make_phantoms(tempfile.mkdtemp(), n_train=64, n_val=0, n_test=24, size=SIZE)
    training = saywhere.Dataset(manifest, "train", prompts="taught", size=SIZE, channels=1)  # ←
    fusion = EarlyFusion.fit(training.sentences, size=SIZE, channels=1)  # ←
    augmentation = Augmentation()  # ←
    network = BasicUNet(
        spatial_dims=2, in_channels=2, out_channels=1, features=(8, 8, 16, 32, 64, 8)
    )  # image and pseudo-image: 2 channels
    criterion = DiceCELoss(sigmoid=True)
    optimizer = torch.optim.AdamW([*fusion.parameters(), *network.parameters()], lr=3e-3)
    loader = DataLoader(training, batch_size=16, shuffle=True, drop_last=True)
    batches = (
        batch for epoch in range(n_steps) for batch in loader if training.set_epoch(epoch) is None
    )
    for step, batch in enumerate(islice(batches, n_steps)):
        geometry = augmentation.draw(
            0, step, range(len(batch["image"]))
        )  # ← numbers: one flip, turn, scale and shift a sample
        noise = 0.5 * torch.randn(
            len(batch["image"]), fusion.scale.dims[1]
        )  # unseen wordings are then heard too
        stack, _ = fusion(batch["image"], batch["prompt"], geometry, noise)  # ←
        loss = criterion(
            network(stack), geometry(batch["mask"], mode="nearest")
        )  # ← the mask turns with the stack
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return measure(
        fusion, network, saywhere.Dataset(manifest, "test", prompts="plain", size=SIZE, channels=1)
    )


@torch.no_grad()
def measure(
    fusion: EarlyFusion, network: torch.nn.Module, test: saywhere.Dataset
) -> tuple[float, float]:
    """Mean Dice per case: with its own words, and with the next case's."""
    network.eval()
    batch = next(iter(DataLoader(test, batch_size=len(test))))
    prompts = batch["prompt"]
    found = []
    for words in (prompts, prompts[1:] + prompts[:1]):
        mask = network(fusion(batch["image"], words).stack) > 0
        overlap = (mask * batch["mask"]).sum((1, 2, 3))
        found.append(
            float((2 * overlap / (mask.sum((1, 2, 3)) + batch["mask"].sum((1, 2, 3)))).mean())
        )
    return found[0], found[1]


if __name__ == "__main__":
    right, shuffled = main()
    print(f"Dice with right words {right:.3f}, with another case's {shuffled:.3f}")
