"""The training loop, on one page: everything a step does is here, in the order in which it happens."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from saywhere.config import Config, as_config
from saywhere.data.dataset import Batch
from saywhere.engine import checkpoint, failure, fastest, named, run, watch
from saywhere.engine.build import build_model, check_network
from saywhere.engine.material import Material, gather
from saywhere.engine.optimize import build_optimizer, set_learning_rate
from saywhere.engine.validate import Validation, validate
from saywhere.engine.words_first import train_words
from saywhere.fusion.augment import Augmentation
from saywhere.fusion.mixing import Mixing, draw_cutmix
from saywhere.losses import ReferringLoss
from saywhere.model import ReferringSegmenter
from saywhere.seeds import generator, torch_generator
from saywhere.text.encoder import identity

Listener = Callable[[dict[str, Any]], None]
"""Told what happens: {"event": "stage" (what is made ready) | "start" | "step" | "epoch" | "warning" | "end", …}."""


@dataclass
class Progress:
    """Where a training stands: all there is to resume, beside weights and moments."""

    step: int = 0
    best: float = -math.inf
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    config: Config | str | Path,
    out: str | Path | None = None,
    *,
    name: str = "run",
    resume: bool = False,
    start: str | Path | None = None,
    listen: Listener = lambda event: None,
) -> Path:
    """Train, and return the run directory. Ctrl-C saves and raises KeyboardInterrupt.

    `config`: a `saywhere.Config`, or the path of a TOML file. `out`: default runs/NAME, numbered, never overwritten.
    `start`: a run or model whose best weights, with the scale of its embeddings, are this training's first ones (fine-tuning); of the same network and fusion.
    Raises: ConfigError, TooManyFaults, TrainingDiverged, OutOfMemory, NotWritable, BadCheckpoint (resume).
    """
    config = as_config(config)
    out, start = (None if place is None else Path(place) for place in (out, start))
    here = run.reopen(out, name) if resume else None
    saved = checkpoint.load(here.last) if here and (here.last / named.WEIGHTS).is_file() else None
    config = here.config(config, saved.config if saved else None) if here else config
    if here and not saved and (before := here.facts().get("started_from")):
        start = Path(before)  # killed before its first checkpoint
    first = checkpoint.load(named.find(start)) if start and not saved else None
    check_network(config)
    weights = run.weights_of(config)
    stop = threading.Event()
    with failure.reporting_memory(config), _ctrl_c(stop, at_once=True):
        fastest.limit_threads(config)
        listen({"event": "stage", "message": "checking and decoding the images, embedding the prompts (once: they are kept in the cache)"})
        material = taught(gather(config), saved or first)
        if here:
            here.same_data(material.report.manifest.digest)
            here.same_weights(weights)
        is_new, here = here is None, here or run.create(out, name)
        if out is not None and here.folder != out:
            listen({"event": "warning", "message": f"{out} holds something already: this run is {here.folder}"})
        with failure.recording(here, is_new=is_new):
            material.report.write_quarantine(here.folder / "quarantine.jsonl")
            listen({"event": "stage", "message": "building the model" + fastest.what_is_tried(config)})
            config, fabric = fastest.choose(config, material)
            here.write_config(config)
            if weights:
                here.write_facts(weights=weights)
            loop = Loop(config, material, here, fabric, listen)
            if saved:
                loop.restore(saved)
            elif first and start:
                loop.start_from(first, start)
            else:
                loop.teach_words()
            loop.go(stop)
    return here.folder


class Loop:
    """Model, optimiser and the place where they stand."""

    def __init__(self, config: Config, material: Material, here: run.Run, fabric: Fabric, listen: Listener) -> None:
        self.config, self.material, self.run, self.fabric, self.listen = config, material, here, fabric, listen
        self.training, self.arm = material.training, material.arm
        self.model = build_model(config, material.scale, material.table.embeddings)
        self.model.to(memory_format=torch.channels_last if config.train.channels_last else torch.contiguous_format)  # type: ignore[call-overload]
        self.optimizer = build_optimizer(self.model, config.optimizer, fused=config.train.precision != "16-mixed")
        self.fast, self.fast_optimizer = fabric.setup(self.model, self.optimizer)
        self.augmentation, self.loss, self.progress = Augmentation(config.augment), ReferringLoss(config.loss), Progress()
        self.n_steps = config.train.epochs * self.training.steps_per_epoch
        self.started = time.monotonic()

    def go(self, stop: threading.Event) -> None:
        """Every step that is left, then the end; once `stop` is set, by Ctrl-C now or before, the step under way is the last."""
        watch.begin(self)
        sums = torch.tensor(self.progress.sums, dtype=torch.float64, device=self.fabric.device)
        guard = watch.Guard(self)
        with _ctrl_c(stop):
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
                    watch.end(self, "interrupted")
                    raise KeyboardInterrupt
        watch.end(self)

    def step(self, step: int, batch: Batch) -> tuple[Tensor, Tensor]:
        """One step: (total, segmentation, roi) losses and the gradient's norm, not yet synchronised."""
        config, rows = self.config, batch.rows
        self.fast.train()
        torch.manual_seed(int(generator(config.train.seed, "dropout", step).integers(2**63 - 1)))
        geometry = self.arm.geometry(self.augmentation.draw(config.train.seed, step, rows))
        photometry = self.augmentation.draw_photometry(config.train.seed, step, rows)
        mixing = Mixing(draw_cutmix(config.augment, config.train.seed, step, len(rows)), photometry, config.augment.words == "naive")
        image, target = photometry(batch.image), geometry(batch.mask, mode="nearest")
        if self.arm.changes_words:
            batch = self.training.reworded(batch, self.arm.say(batch.prompts, geometry, target))
        segmentation = self.fast(image, batch.embedding, geometry, self._noise(step, batch), mixing)
        value = self.loss(segmentation, mixing.cutmix(target), image, batch.mask, progress=step / self.n_steps)
        self.fast_optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(value.total)
        norm = self._clip()
        self.fast_optimizer.step()
        return torch.stack([value.total.detach(), value.segmentation, value.roi]).double(), norm

    def _clip(self) -> Tensor:
        """The gradient's norm as it was before clipping; unscaled first, where `16-mixed` scales the loss."""
        largest = self.config.optimizer.clip_norm or math.inf
        norm = self.fabric.clip_gradients(self.fast, self.fast_optimizer, max_norm=largest, error_if_nonfinite=False)
        assert norm is not None  # it is given wherever `max_norm` is
        return norm

    def teach_words(self) -> None:
        """`fusion.words_first` steps of the words alone, before the first step of all."""
        if isinstance(self.model, ReferringSegmenter):
            train_words(self.model, self.training, self.config.fusion.words_first, noise_std=self.material.noise_std)

    def start_from(self, first: checkpoint.Checkpoint, where: Path) -> None:
        """Another training's weights, and nothing else of it."""
        if self.material.encoder is not None:
            checkpoint.same_encoder(first.state.get("encoder"), self.material.encoder, where)
        checkpoint.restore_model(self.model, first, where)
        self.run.write_facts(started_from=str(where))

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Go on where `saved` stands."""
        if self.material.encoder is not None:
            checkpoint.same_encoder(saved.state.get("encoder"), self.material.encoder, self.run.last)
        checkpoint.restore_model(self.model, saved, self.run.last)
        checkpoint.restore_optimizer(self.model, self.optimizer, saved, self.run.last)
        self.fabric.strategy.precision.load_state_dict(saved.state.get("loss_scale") or {})
        self.progress = Progress(**{key: saved.state[key] for key in ("step", "best", "sums", "history")})
        self.run.write_metrics(self.progress.history)

    def _noise(self, step: int, batch: Batch) -> Tensor | None:
        if not self.config.text.noise or self.material.scale is None:
            return None
        shape = (len(batch.rows), self.material.scale.dims[1])
        draws = torch.randn(shape, generator=torch_generator(self.config.train.seed, "embedding noise", step))
        return (self.material.noise_std * draws).to(batch.embedding.device)

    def to_device(self, batch: Batch) -> Batch:
        """The batch where the model is, in its memory format."""
        image, mask, embedding = (tensor.to(self.fabric.device, non_blocking=True) for tensor in (batch.image, batch.mask, batch.embedding))
        if self.config.train.channels_last:
            image = image.to(memory_format=torch.channels_last)
        return replace(batch, image=image, mask=mask, embedding=embedding)

    def _end_epoch(self, sums: list[float], rate: float) -> None:
        epoch = len(self.progress.history) + 1
        row: dict[str, Any] = {"epoch": epoch, "loss": sums[0], "segmentation_loss": sums[1], "roi_loss": sums[2], "learning_rate": rate}
        if epoch % self.config.train.validate_every == 0 or epoch == self.config.train.epochs:
            row |= self._validate()
            watch.validated(self, row)
        self.progress.sums = [0.0, 0.0, 0.0]
        self.progress.history.append(row)
        if self._is_best(row):
            checkpoint.save(self.run.best, self.config, self.model, self._state())
        self._save_last()
        self.run.write_metrics(self.progress.history)
        self.listen({"event": "epoch", **row})
        watch.words_are_heard(self, row)

    def _validate(self) -> dict[str, float | None]:
        found: Validation = validate(self.fast, self.material, self.config, self.loss, self.fabric.device)
        return {"val_dice_mean": found.dice_mean, "val_dice_pooled": found.dice_pooled, "val_loss": found.loss, "spread": found.spread}

    def _is_best(self, row: dict[str, Any]) -> bool:
        if "val_dice_mean" not in row:
            return False
        score = row["val_dice_mean"] if self.config.train.select == "dice_mean" else -row["val_loss"]
        is_best, self.progress.best = score > self.progress.best, max(score, self.progress.best)
        return is_best

    def _state(self) -> dict[str, Any]:
        encoder = self.material.encoder
        scale = self.fabric.strategy.precision.state_dict()  # of the loss, in `16-mixed`; else empty
        return {"encoder": identity(encoder) if encoder else None, "epoch": len(self.progress.history), "loss_scale": scale, **vars(self.progress)}

    def _save_last(self) -> None:
        checkpoint.save(self.run.last, self.config, self.model, self._state(), self.optimizer)


def taught(material: Material, before: checkpoint.Checkpoint | None) -> Material:
    """With the scale that a model learned by, where there was one before: other prompts would give another scale, and the words another meaning."""
    if before is None or material.scale is None or (scale := checkpoint.scale_of(before)) is None:
        return material
    return replace(material, scale=scale)


@contextmanager
def _ctrl_c(stop: threading.Event, *, at_once: bool = False) -> Iterator[None]:
    """Ctrl-C and SIGTERM are remembered in `stop`, which ends the training after the step under way, not inside of it; `at_once`: they raise too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def remember(*_: object) -> None:
        stop.set()
        if at_once:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
