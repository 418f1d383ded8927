"""Early fusion in a Lightning module: `python examples/lightning_module.py` (seconds of a CPU;
needs `pip install pytorch-lightning`).

Prints the test Dice with right words and with another case's words.
"""

from __future__ import annotations

import tempfile
from typing import Any

import pytorch_lightning as lightning
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from torch import Tensor
from torch.utils.data import DataLoader

import saywhere
from saywhere.fusion import Augmentation, EarlyFusion

SIZE = 32


class Referring(lightning.LightningModule):
    """Fusion and any network. The checkpoint holds the scale, projection and generator beside the
    network; the frozen encoder is no part of it.
    """

    def __init__(self, fusion: EarlyFusion, network: torch.nn.Module) -> None:
        super().__init__()
        self.fusion, self.network = fusion, network
        self.augmentation = Augmentation()
        self.criterion = DiceCELoss(sigmoid=True)

    def training_step(self, batch: dict[str, Any], batch_number: int) -> Tensor:
        """Draw one geometry a sample, as a function of the step: stack and mask take the same."""
        image, mask = batch["image"], batch["mask"]
        geometry = self.augmentation.draw(0, self.global_step, range(len(image)))
        noise = 0.5 * torch.randn(len(image), self.fusion.scale.dims[1], device=self.device)
        stack, _ = self.fusion(image, batch["prompt"], geometry, noise)
        return self.criterion(self.network(stack), geometry(mask, mode="nearest"))

    def test_step(self, batch: dict[str, Any], batch_number: int) -> None:
        """Dice per case, with its own words and with the next case's."""
        prompts = batch["prompt"]
        for name, words in (("right", prompts), ("shuffled", prompts[1:] + prompts[:1])):
            mask = self.network(self.fusion(batch["image"], words).stack) > 0
            overlap = (mask * batch["mask"]).sum((1, 2, 3))
            self.log(
                name,
                (2 * overlap / (mask.sum((1, 2, 3)) + batch["mask"].sum((1, 2, 3)))).mean(),
                batch_size=len(mask),
            )

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Fusion and network learn together."""
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


def main(n_steps: int = 400) -> tuple[float, float]:
    """Train and measure; returns the mean Dice with right and with shuffled words."""
    lightning.seed_everything(0, verbose=False)
    manifest = saywhere.make_phantoms(tempfile.mkdtemp(), n_train=64, n_val=0, n_test=24, size=SIZE)
    training = saywhere.Dataset(manifest, "train", prompts="taught", size=SIZE, channels=1)
    test = saywhere.Dataset(manifest, "test", prompts="plain", size=SIZE, channels=1)
    network = BasicUNet(
        spatial_dims=2, in_channels=2, out_channels=1, features=(8, 8, 16, 32, 64, 8)
    )
    model = Referring(EarlyFusion.fit(training.sentences, size=SIZE, channels=1), network)
    quiet: dict[str, Any] = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(
        accelerator="cpu", devices=1, max_steps=n_steps, max_epochs=-1, **quiet
    )
    trainer.fit(model, DataLoader(training, batch_size=16, shuffle=True, drop_last=True))
    (found,) = trainer.test(model, DataLoader(test, batch_size=len(test)), verbose=False)
    return found["right"], found["shuffled"]


if __name__ == "__main__":
    right, shuffled = main()
    print(f"Dice with right words {right:.3f}, with another case's {shuffled:.3f}")
