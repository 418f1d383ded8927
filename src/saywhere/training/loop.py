"""The training loop, on one page: everything a step does is here, in the order in which it happens."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from saywhere.config import Config
from saywhere.data.sampler import Batch
from saywhere.losses import ReferringLoss
from saywhere.modeling.build import build_model
from saywhere.runs import checkpoint
from saywhere.runs.directory import Run
from saywhere.seeds import generator, torch_generator
from saywhere.text.encoder import identity
from saywhere.training import callbacks
from saywhere.training.autotune import TimeStep
from saywhere.training.device import launch, limit_threads
from saywhere.training.interrupts import until_interrupted
from saywhere.training.optimizer import build_optimizer, set_learning_rate
from saywhere.training.pretrain import train_words
from saywhere.training.setup import Material
from saywhere.training.state import Listener, Progress, TrainState
from saywhere.training.validation import Validation, validate
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.cutmix import Mixing, draw_cutmix


class Loop:
    """Model, optimiser and the place where they stand."""

    def __init__(
        self, config: Config, material: Material, run: Run, fabric: Fabric, listen: Listener
    ) -> None:
        self.config, self.material, self.run, self.fabric = config, material, run, fabric
        self.listen, self.training, self.policy = listen, material.training, material.policy
        self.model = build_model(config, material.scale, material.table.embeddings)
        self.model.to(
            memory_format=torch.channels_last
            if config.train.channels_last
            else torch.contiguous_format
        )  # type: ignore[call-overload]
        self.optimizer = build_optimizer(
            self.model, config.optimizer, fused=config.train.precision != "16-mixed"
        )
        self.fast, self.fast_optimizer = fabric.setup(self.model, self.optimizer)
        self.augmentation, self.loss = Augmentation(config.augment), ReferringLoss(config.loss)
        self.n_steps = config.train.epochs * self.training.steps_per_epoch
        self.state = TrainState(
            config, material, run, fabric.device, self.model, self.n_steps, listen
        )

    @property
    def progress(self) -> Progress:
        """Where the training stands."""
        return self.state.progress

    def go(self, stop: threading.Event) -> None:
        """Every step that is left, then the end; once `stop` is set, by Ctrl-C now or before, the step under way is the last."""
        callbacks.begin(self.state)
        sums = torch.tensor(self.progress.sums, dtype=torch.float64, device=self.fabric.device)
        guard = callbacks.Guard(self.state)
        with until_interrupted(stop):
            for step in range(self.progress.step, self.n_steps):
                batch = self.to_device(self.training.batch(step))
                rate = set_learning_rate(self.optimizer, self.config, step, self.n_steps)
                parts, norm = self.step(step, batch)
                guard.watch(step, batch, parts, norm)
                sums += parts
                self.progress.step = step + 1
                self.listen({"event": "step", "step": step + 1, "n_steps": self.n_steps})
                if (step + 1) % self.training.steps_per_epoch == 0:
                    guard.check()
                    self._end_epoch((sums / self.training.steps_per_epoch).tolist(), rate)
                    sums.zero_()
                if stop.is_set():
                    guard.check()
                    self.progress.sums = sums.tolist()
                    self._save_last()
                    callbacks.end(self.state, "interrupted")
                    raise KeyboardInterrupt
        callbacks.end(self.state)

    def step(self, step: int, batch: Batch) -> tuple[Tensor, Tensor]:
        """One step: (total, segmentation, roi) losses and the gradient's norm, not yet synchronised."""
        config, rows = self.config, batch.rows
        self.fast.train()
        torch.manual_seed(int(generator(config.train.seed, "dropout", step).integers(2**63 - 1)))
        geometry = self.policy.geometry(self.augmentation.draw(config.train.seed, step, rows))
        photometry = self.augmentation.draw_photometry(config.train.seed, step, rows)
        mixing = Mixing(
            draw_cutmix(config.augment, config.train.seed, step, len(rows)),
            photometry,
            config.augment.words == "naive",
        )
        image, target = photometry(batch.image), geometry(batch.mask, mode="nearest")
        if self.policy.changes_prompts:
            batch = self.training.reworded(
                batch, self.policy.prompts_after(batch.prompts, geometry, target)
            )
        segmentation = self.fast(image, batch.embedding, geometry, self._noise(step, batch), mixing)
        value = self.loss(
            segmentation, mixing.cutmix(target), image, batch.mask, progress=step / self.n_steps
        )
        self.fast_optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(value.total)
        norm = self._clip()
        self.fast_optimizer.step()
        return torch.stack([value.total.detach(), value.segmentation, value.roi]).double(), norm

    def _clip(self) -> Tensor:
        """The gradient's norm as it was before clipping; unscaled first, where `16-mixed` scales the loss."""
        largest = self.config.optimizer.clip_norm or math.inf
        norm = self.fabric.clip_gradients(
            self.fast, self.fast_optimizer, max_norm=largest, error_if_nonfinite=False
        )
        assert norm is not None  # it is given wherever `max_norm` is
        return norm

    def teach_words(self) -> None:
        """`fusion.words_first` steps of the words alone, before the first step of all."""
        branch = self.model.text_branch
        if branch is not None:
            train_words(
                branch,
                self.training,
                self.config.fusion.words_first,
                noise_std=self.material.noise_std,
            )

    def start_from(self, first: checkpoint.Checkpoint, where: Path) -> None:
        """Another training's weights, and nothing else of it."""
        if self.material.encoder is not None:
            checkpoint.same_encoder(first.state.get("encoder"), self.material.encoder, where)
        checkpoint.restore_model(self.model, first, where)
        self.run.write_facts(started_from=str(where))

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Go on where `saved` stands."""
        if self.material.encoder is not None:
            checkpoint.same_encoder(
                saved.state.get("encoder"), self.material.encoder, self.run.last
            )
        checkpoint.restore_model(self.model, saved, self.run.last)
        checkpoint.restore_optimizer(self.model, self.optimizer, saved, self.run.last)
        self.fabric.strategy.precision.load_state_dict(saved.state.get("loss_scale") or {})
        self.state.progress = Progress(
            **{key: saved.state[key] for key in ("step", "best", "sums", "history")}
        )
        self.run.write_metrics(self.progress.history)

    def _noise(self, step: int, batch: Batch) -> Tensor | None:
        if not self.config.text.noise or self.material.scale is None:
            return None
        shape = (len(batch.rows), self.material.scale.dims[1])
        draws = torch.randn(
            shape, generator=torch_generator(self.config.train.seed, "embedding noise", step)
        )
        return (self.material.noise_std * draws).to(batch.embedding.device)

    def to_device(self, batch: Batch) -> Batch:
        """The batch where the model is, in its memory format."""
        image, mask, embedding = (
            tensor.to(self.fabric.device, non_blocking=True)
            for tensor in (batch.image, batch.mask, batch.embedding)
        )
        if self.config.train.channels_last:
            image = image.to(memory_format=torch.channels_last)
        return replace(batch, image=image, mask=mask, embedding=embedding)

    def _end_epoch(self, sums: list[float], rate: float) -> None:
        epoch = len(self.progress.history) + 1
        row: dict[str, Any] = {
            "epoch": epoch,
            "loss": sums[0],
            "segmentation_loss": sums[1],
            "roi_loss": sums[2],
            "learning_rate": rate,
        }
        if epoch % self.config.train.validate_every == 0 or epoch == self.config.train.epochs:
            row |= self._validate()
            callbacks.validated(self.state, row)
        self.progress.sums = [0.0, 0.0, 0.0]
        self.progress.history.append(row)
        if self._is_best(row):
            checkpoint.save(self.run.best, self.config, self.model, self._saved_state())
        self._save_last()
        self.run.write_metrics(self.progress.history)
        self.listen({"event": "epoch", **row})
        callbacks.words_are_heard(self.state, row)

    def _validate(self) -> dict[str, float | None]:
        found: Validation = validate(
            self.fast, self.material, self.config, self.loss, self.fabric.device
        )
        return {
            "val_dice_mean": found.dice_mean,
            "val_dice_pooled": found.dice_pooled,
            "val_loss": found.loss,
            "spread": found.spread,
        }

    def _is_best(self, row: dict[str, Any]) -> bool:
        if "val_dice_mean" not in row:
            return False
        score = (
            row["val_dice_mean"] if self.config.train.select == "dice_mean" else -row["val_loss"]
        )
        is_best, self.progress.best = score > self.progress.best, max(score, self.progress.best)
        return is_best

    def _saved_state(self) -> dict[str, Any]:
        encoder = self.material.encoder
        scale = (
            self.fabric.strategy.precision.state_dict()
        )  # of the loss, in `16-mixed`; else empty
        return {
            "encoder": identity(encoder) if encoder else None,
            "epoch": len(self.progress.history),
            "loss_scale": scale,
            **vars(self.progress),
        }

    def _save_last(self) -> None:
        checkpoint.save(self.run.last, self.config, self.model, self._saved_state(), self.optimizer)


def time_steps(config: Config, material: Material) -> TimeStep:
    """Ready to time steps of this training on its first batch: the model is built, and nothing is written."""
    # The other start takes seconds to compute, and a step takes as long after either.
    plain = config.replace(**{"fusion.start": "default"})
    loop = Loop(plain, material, Run(Path()), launch(config.train), lambda event: None)
    batch = material.training.batch(0)

    def seconds_of(step: int) -> float:
        limit_threads(config.train)
        started = time.perf_counter()
        losses, _ = loop.step(step, loop.to_device(batch))
        losses.tolist()  # wait for the device
        return time.perf_counter() - started

    return seconds_of
