"""The training loop: everything a step does is here, in the order in which it happens."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from saywhere.data.training_set import Batch
from saywhere.losses import Loss, ReferringLoss
from saywhere.modeling.changes import Changes
from saywhere.modeling.model import Model
from saywhere.modeling.presence_head import judges
from saywhere.runs import checkpoint
from saywhere.runs.checkpoint import Saver
from saywhere.runs.directory import Run
from saywhere.runs.history import EpochRow
from saywhere.runs.run_record import CheckpointState
from saywhere.seeds import generator
from saywhere.text.encoder import identity, same_encoder
from saywhere.training import callbacks
from saywhere.training.divergence import Step, StepGuard, check_validation
from saywhere.training.draws import StepSampler
from saywhere.training.events import EpochEnded, Listener, Stage, StartScored, Stepped, TextStepped
from saywhere.training.first_weights import fitted
from saywhere.training.interrupts import until_interrupted
from saywhere.training.optimizer import build_optimizer, set_learning_rate
from saywhere.training.pretrain import train_words
from saywhere.training.processes import Processes
from saywhere.training.running_average import RunningAverage
from saywhere.training.setup import Material
from saywhere.training.state import LoopConfig, Progress, StartingPoint, TrainState
from saywhere.training.validation import Validation, validate


class Loop:
    """Model, optimiser and the place where they stand."""

    def __init__(
        self,
        config: LoopConfig,
        model: Model,
        material: Material,
        run: Run,
        saver: Saver,
        fabric: Fabric,
        listen: Listener,
        processes: Processes | None = None,
    ) -> None:
        """Make the model's optimiser; nothing is written.

        Args:
            config: how to train.
            model: with its first weights; moved to the device and the memory format.
            material: rows, prompts, scale.
            run: the directory that will be written to.
            saver: of its checkpoints.
            fabric: device and precision.
            listen: given each event.
            processes: which one of the training this is; None: the only one.
        """
        self.config, self.material = config, material
        self.processes = processes or Processes()
        self.run, self.saver, self.fabric = run, saver, fabric
        self.model = model
        self.model.to(memory_format=self._memory_format)  # type: ignore[call-overload]
        # A fused step would unscale the gradients of `16-mixed` a second time.
        is_fused = config.train.precision != "16-mixed"
        decay = config.train.average
        self.average = RunningAverage(model, decay) if decay else None
        self.optimizer = build_optimizer(self.model, config.optimizer, fused=is_fused)
        self.fast, self.fast_optimizer = fabric.setup(self.model, self.optimizer)
        # What is validated, and kept as the best weights.
        self.kept = self.model if self.average is None else self.average.module
        self.fast_kept = self.fast if self.average is None else fabric.setup_module(self.kept)
        self.sampler = StepSampler(config.augment, material, config.train)
        self.loss = ReferringLoss(config.loss)
        self.n_steps = config.train.epochs * material.training.steps_per_epoch
        self.state = TrainState(
            config, material, run, fabric.device, self.model, self.n_steps, listen
        )

    @property
    def progress(self) -> Progress:
        """Where the training stands."""
        return self.state.progress

    @property
    def _memory_format(self) -> torch.memory_format:
        is_last = self.config.train.channels_last
        return torch.channels_last if is_last else torch.contiguous_format

    def go(self, stop: threading.Event, pause_after: int | None = None) -> None:
        """Take every step that is left, then end.

        Args:
            stop: once it is set, by Ctrl-C now or before, the step under way is the last.
            pause_after: take the steps up to the end of this epoch; None: all of them.

        Raises:
            KeyboardInterrupt: after such a step; `last` is saved.
            TrainingDiverged: where a number is not finite.
        """
        callbacks.begin(self.state)
        timed = self.state.phases.timed
        # On the device, so that no step waits for its losses to be added.
        terms = self.progress.sums
        # Of presence, too, which a run from before its sum was kept begins with.
        if judges(self.model.network):
            terms = [*terms, 0.0][:4]
        sums = torch.tensor(terms, dtype=torch.float64, device=self.fabric.device)
        steps_per_epoch = self.material.training.steps_per_epoch
        last = self.n_steps
        if pause_after is not None:
            last = min(last, pause_after * steps_per_epoch)
        guard = StepGuard(self.state)
        with until_interrupted(stop):
            # A resumed fine-tuning has this score in its checkpoint.
            if self.progress.fine_tuning is not None and self.progress.step == 0:
                self._score_start()
            for step in range(self.progress.step, last):
                if self.has_stopped_early:
                    break
                with timed("data"):
                    batches = [self.to_device(batch) for batch in self._batches(step)]
                rate = set_learning_rate(self.optimizer, self.config.optimizer, step, self.n_steps)
                losses, norm = self.step(step, batches)
                guard.watch(Step(step, partial(self._every_batch, step), losses, norm))
                sums += losses
                self.progress.step = step + 1
                self.state.tell(Stepped(step + 1, self.n_steps))
                # The guard is one step behind: it must see this step before anything is saved.
                if (step + 1) % steps_per_epoch == 0:
                    guard.check()
                    self._end_epoch((sums / steps_per_epoch).tolist(), rate)
                    sums.zero_()
                # All processes stop after the same step.
                if self.processes.largest(stop.is_set()):
                    guard.check()
                    # The epoch goes on from these when the run is resumed.
                    self.progress.sums = sums.tolist()
                    self._save_last()
                    callbacks.end(self.state, "interrupted")
                    raise KeyboardInterrupt
        is_over = last == self.n_steps or self.has_stopped_early
        callbacks.end(self.state, "finished" if is_over else "interrupted")

    @property
    def has_stopped_early(self) -> bool:
        """Were `train.patience` validations no better than one before them?"""
        patience = self.config.train.patience
        return patience is not None and self.progress.n_stale >= patience

    def _batches(self, step: int) -> list[Batch]:
        """Those of this process. They lie between those of the others, batch by batch."""
        parts = range(self.processes.rank, self.config.train.parts, self.processes.n)
        return [self.material.training.batch(step, part) for part in parts]

    def _every_batch(self, step: int) -> list[Batch]:
        return [self.material.training.batch(step, n) for n in range(self.config.train.parts)]

    def step(self, step: int, batches: Sequence[Batch]) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            step: from 0; every random draw is a function of it.
            batches: of this process, on the model's device; their gradients are averaged.

        Returns:
            (total, segmentation, roi) losses, with a presence head (…, presence), and the
            gradient's norm, over all processes, not yet synchronised with the device.
        """
        timed = self.state.phases.timed
        self.fast.train()
        self.fast_optimizer.zero_grad(set_to_none=True)
        values = []
        for number, batch in enumerate(batches, start=1):
            # The processes tell each other their gradients once, after the last batch.
            with self.fabric.no_backward_sync(self.fast, enabled=number < len(batches)):
                with timed("forward"):
                    value = self._loss(step, batch)
                    # Not divided where there is one: not even a last bit may differ.
                    total = value.total / len(batches) if len(batches) > 1 else value.total
                with timed("backward"):
                    self.fabric.backward(total)
            values.append(value.parts())
        with timed("optimizer"):
            norm = self._clip()
            self.fast_optimizer.step()
            if self.average is not None:
                self.average.follow(self.model)
        losses = torch.stack(values).double().mean(0) if len(values) > 1 else values[0].double()
        return self.processes.mean(losses), norm

    def _loss(self, step: int, batch: Batch) -> Loss:
        """Draw, augment, segment, and judge one batch."""
        seed, policy = self.config.train.seed, self.material.policy
        # Dropout draws from torch's own state. Seeded by the step, there is none to restore.
        part = batch.first // self.config.train.batch_size
        key = (step, part) if part else (step,)
        torch.manual_seed(int(generator(seed, "dropout", *key).integers(2**63 - 1)))
        draws = self.sampler.draw(step, batch.rows, self.fabric.device, batch.first)
        image = draws.photometry(batch.image)
        # Nearest, so that a mask stays 0 or 1.
        target = draws.geometry(batch.mask, mode="nearest")
        # After the target was moved: a policy may describe where it is now.
        if policy.changes_prompts:
            prompts = policy.prompts_after(batch.prompts, draws.geometry, target)
            batch = self.material.training.reworded(batch, prompts)
        changes = Changes(draws.geometry, draws.noise, draws.mixing)
        segmentation = self.fast(image, batch.embedding, changes)
        # The model mixes its stack by the same draws.
        mixed = draws.mixing.cutmix(target)
        # The pseudo-image is judged in the original frame: by the mask before it was moved.
        return self.loss(segmentation, mixed, image, batch.mask, progress=step / self.n_steps)

    def _clip(self) -> Tensor:
        """The gradient's norm before clipping; unscaled first, where `16-mixed` scales the loss."""
        # To clip at infinity changes nothing, and gives the norm that the guard looks at.
        largest = self.config.optimizer.clip_norm or math.inf
        # Of a norm that is not finite the guard reports more than torch's error would.
        norm = self.fabric.clip_gradients(
            self.fast, self.fast_optimizer, max_norm=largest, error_if_nonfinite=False
        )
        # Fabric returns it wherever `max_norm` is given.
        assert norm is not None
        return norm

    def teach_words(self) -> None:
        """Take `fusion.words_first` steps of the text branch alone, before all others."""
        branch = self.model.text_branch
        if branch is None:
            return
        # They come on top of the steps that are counted, and may take longer than these.
        if self.config.words_first:
            message = f"first {self.config.words_first} steps of the text branch alone"
            self.state.tell(Stage(f"{message} (fusion.words_first)"))
        steps, noise_std = self.config.words_first, self.material.noise_std
        train_words(
            branch,
            self.material.training,
            steps,
            noise_std=noise_std,
            advance=lambda step: self.state.tell(TextStepped(step, steps)),
        )

    def start_from(self, first: checkpoint.Checkpoint, where: Path) -> None:
        """Take another training's weights, and nothing else of it.

        Args:
            first: whose weights these are.
            where: its folder; run.json records it.

        Raises:
            BadCheckpoint: for weights of another model, or of another text encoder.
        """
        same_encoder(first.state.get("encoder"), self.material.encoder, where)
        first = replace(first, model=fitted(self.model, first, where))
        for model in {self.model, self.kept}:
            checkpoint.restore_model(model, first, where)
        # Filled when these weights are scored, before the first step.
        self.progress.fine_tuning = StartingPoint([], [])
        self.run.write_facts(started_from=str(where))

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Take up the training where a checkpoint stands.

        Args:
            saved: the run's last checkpoint.

        Raises:
            BadCheckpoint: for a checkpoint of another model or encoder, or a damaged one.
        """
        where = self.run.last
        same_encoder(saved.state.get("encoder"), self.material.encoder, where)
        checkpoint.restore_model(self.model, saved, where)
        checkpoint.restore_optimizer(self.model, self.optimizer, saved, where)
        if self.average is not None:
            checkpoint.restore_average(self.kept, saved, where)
            self.average.go_on(saved.state["step"])
        self.fabric.strategy.precision.load_state_dict(saved.state.get("loss_scale") or {})
        self.state.progress = Progress.from_json(saved.state, where)
        # A kill after `last` was saved may have left these files a row short.
        self.run.write_metrics(self.progress.history)

    def to_device(self, batch: Batch) -> Batch:
        """Move a batch to the model.

        Args:
            batch: from the training set.

        Returns:
            The same batch on the model's device, its image in the model's memory format.
        """
        device = self.fabric.device
        image = batch.image.to(device, non_blocking=True)
        return replace(
            batch,
            image=image.to(memory_format=self._memory_format),
            mask=batch.mask.to(device, non_blocking=True),
            embedding=batch.embedding.to(device, non_blocking=True),
        )

    def _score_start(self) -> None:
        """The first weights are the best ones until an epoch is better."""
        first = self._validate(epoch=0)
        self.progress.fine_tuning = StartingPoint(first.dice_per_image, first.dice_per_image)
        self.progress.best = self._score(first)
        self._save_best()
        self.state.tell(StartScored(first.dice_mean, first.loss))

    def _end_epoch(self, sums: list[float], rate: float) -> None:
        epoch = len(self.progress.history) + 1
        config = self.config.train
        total, segmentation, roi, *beside = sums
        presence = beside[0] if beside else None
        row = EpochRow(epoch, total, segmentation, roi, rate, presence_loss=presence)
        is_best = False
        if epoch % config.validate_every == 0 or epoch == config.epochs:
            validation = self._validate(epoch)
            row = replace(
                row,
                val_dice_mean=validation.dice_mean,
                val_dice_pooled=validation.dice_pooled,
                val_loss=validation.loss,
                spread=validation.spread,
            )
            is_best = self._score(validation) > self.progress.best
            self.progress.n_stale = 0 if is_best else self.progress.n_stale + 1
            if is_best:
                self._remember_best(validation, epoch)
        self.progress.sums = [0.0] * len(sums)
        # Before the saves: what is resumed from them holds this row.
        self.progress.history.append(row)
        # `best` before `last`: a kill in between repeats the epoch, and `best` with it.
        if is_best:
            self._save_best()
        self._save_last()
        self.run.write_metrics(self.progress.history)
        self.state.tell(EpochEnded(row, self.state.phases.rounded(), self.state.seconds_left()))
        callbacks.warn_if_unheard(self.state, row)

    def _validate(self, epoch: int) -> Validation:
        # A process's batch norms have met its own samples: the first one's statistics count.
        self.processes.equalise(self.model, buffers_alone=True)
        if self.average is not None:
            self.processes.equalise(self.kept, buffers_alone=True)
        with self.state.phases.timed("validation"):
            validation = validate(
                self.fast_kept,
                self.material,
                self.config.evaluate,
                self.loss,
                self.fabric.device,
                self._memory_format,
                self.processes,
            )
        check_validation(self.state, validation, epoch)
        return validation

    def _score(self, validation: Validation) -> float:
        """What the best weights are best at; larger is better."""
        is_dice = self.config.train.select == "dice_mean"
        return validation.dice_mean if is_dice else -validation.loss

    def _remember_best(self, validation: Validation, epoch: int) -> None:
        self.progress.best = self._score(validation)
        if self.progress.fine_tuning is not None:
            self.progress.fine_tuning.after = validation.dice_per_image
            self.progress.fine_tuning.best_epoch = epoch

    def _saved_state(self) -> CheckpointState:
        encoder = self.material.encoder
        return {
            "encoder": identity(encoder) if encoder else None,
            "prompts": self.material.prompt_facts.to_json(),
            "epoch": len(self.progress.history),
            # Of the loss, in `16-mixed`; else it is empty.
            "loss_scale": self.fabric.strategy.precision.state_dict(),
            **self.progress.to_json(),
        }

    def _save_best(self) -> None:
        # Without moments: no training is resumed from `best`.
        with self.state.phases.timed("saving"):
            self.saver.save(self.run.best, self.kept, self._saved_state())

    def _save_last(self) -> None:
        with self.state.phases.timed("saving"):
            average = None if self.average is None else self.kept
            state = self._saved_state()
            self.saver.save(self.run.last, self.model, state, self.optimizer, average)
