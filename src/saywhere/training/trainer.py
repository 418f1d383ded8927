"""Train a model: a fresh start, a fine-tuning, or the resumption of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric

from saywhere.config import Config, TrainConfig, as_config
from saywhere.data.select import manifest_of
from saywhere.data.targets import one_set
from saywhere.errors import UsageError
from saywhere.io.pseudonyms import Pseudonyms
from saywhere.modeling.build import build_model, check_network
from saywhere.runs import checkpoint, locate, prompt_facts_file
from saywhere.runs.checkpoint import Checkpoint, Saver
from saywhere.runs.directory import Run, create, reopen, weights_of
from saywhere.runs.older_values import keep_taught, taught_otherwise
from saywhere.runs.status import refuse_running, status_of
from saywhere.text.frames import FRAMES
from saywhere.text.prompt_facts import PromptFacts
from saywhere.training import autotune, failures
from saywhere.training.autotune import TimeStep
from saywhere.training.device import check_device, launch, limit_threads
from saywhere.training.events import EventRecord, Listener, Stage, Warned
from saywhere.training.first_weights import of_head, of_size
from saywhere.training.interrupts import until_interrupted
from saywhere.training.kept_choice import KeptChoice
from saywhere.training.launcher import Job, launch_processes
from saywhere.training.loggers import check_loggers, logging_to
from saywhere.training.loop import Loop
from saywhere.training.processes import Processes
from saywhere.training.setup import Material, gather
from saywhere.training.state import LoopConfig
from saywhere.training.step_timing import time_steps

GETTING_READY = (
    "checking and decoding the images, embedding the prompts (once: they are kept in the cache)"
)


@dataclass(frozen=True)
class Start:
    """How a training begins.

    Attributes:
        config: what it is trained with.
        run: the directory to go on in; None: a new one.
        before: whose scale of the embeddings is kept, so that the prompts mean the same.
        warning: what to say of it before the first step; "" where nothing is.
        taught: what the first weights of a fine-tuning know of prompts.
        pause_after: the epoch after which it pauses; None: it goes on to the end.
        prepare: brings weights, optimiser and progress to where the training begins.
    """

    config: Config
    run: Run | None
    before: Checkpoint | None
    prepare: Callable[[Loop], None]
    warning: str = ""
    taught: PromptFacts = field(default_factory=PromptFacts)
    pause_after: int | None = None


def train(
    config: Config | str | Path,
    out: str | Path | None = None,
    *,
    name: str = "run",
    resume: bool = False,
    start: str | Path | None = None,
    other_threads: bool = False,
    pause_after: int | None = None,
    listen: Listener = lambda event: None,
    pseudonyms: Pseudonyms | None = None,
) -> Path:
    """Train a model. Ctrl-C saves what was learned, and raises KeyboardInterrupt.

    Args:
        config: a `saywhere.Config`, or the path of a TOML file.
        out: the run directory. Default: runs/NAME, numbered, never overwritten.
        name: of the default directory.
        resume: go on where the run stands, with its own configuration; begin where there is none.
        start: a run or model whose best weights, with the scale of its embeddings, are this
            training's first ones (fine-tuning); of the same network and fusion.
        other_threads: may a resumed run go on with another `train.threads` than it began with? The
            last bits of its numbers are others then.
        pause_after: end after this epoch, with run.json at "interrupted": `resume` goes on, and
            ends with the numbers of an uninterrupted training. None: train to the end.
        listen: called with each event of the training, as `training.events` lists them.
        pseudonyms: where given, the run's files name no id, path or prompt: these are hashed, and
            where the data lies is left out. To go on with such a run, its configuration is given
            again.

    Returns:
        The run directory.

    Raises:
        ConfigError: for a configuration that cannot be trained.
        TooManyFaults: over `data.fault_budget`.
        TrainingDiverged: where loss or gradient are not finite.
        OutOfMemory: with a smaller suggestion.
        NotWritable: where the run cannot be written.
        BadCheckpoint: for a run or model to begin from that cannot be read.
        ProcessLost: where one of several processes died.
        UsageError: for a resumption under another configuration, or with other threads.
    """
    processes = Processes.of_environment()
    config = processes.settle(as_config(config))
    check_loggers(config.train.loggers)
    out = None if out is None else Path(out)
    start = None if start is None else Path(start)
    if processes.n < config.train.devices:
        check_device(config.train)
        check_network(config)
        if pseudonyms is not None:
            raise UsageError(
                "--no-identifiers with train.devices > 1",
                allowed="the key of the hashes stays in one process",
                remedy="train in one process, or start them with torchrun",
            )
        job = Job(config, out, name, resume, start, other_threads, pause_after)
        return launch_processes(job, listen)
    run = reopen(out, name) if resume else None
    if run is not None:
        run = Run(run.folder, pseudonyms)
        run.same_naming()
        # The first process alone: the others may see its new record, and take it for another.
        if processes.is_first:
            refuse_running(run.folder)
            _tell_of_earlier(run, listen)
        begin = _resumption(run, config, start, other_threads=other_threads)
    elif start is not None:
        begin = _fine_tuning(config, start)
    else:
        begin = _fresh(config)
    begin = replace(begin, pause_after=pause_after)
    heard = listen if processes.is_first else _hear_nothing
    with failures.reporting_lost(processes.n):
        return _run(begin, out, name, heard, pseudonyms, processes)


def _tell_of_earlier(run: Run, listen: Listener) -> None:
    """Say how the run was left, before it goes on."""
    status = status_of(run.folder)
    if status is not None:
        listen(Stage(f"going on with {run.folder}: {status.in_words()}").to_json())


def _hear_nothing(event: EventRecord) -> None:
    """Of several processes the first one alone reports."""


def _fresh(config: Config) -> Start:
    return Start(config, None, None, Loop.teach_words)


def _fine_tuning(config: Config, start: Path, run: Run | None = None) -> Start:
    place = locate.find(start)
    first = checkpoint.load(place)
    # Weights answer best in the way that they learned in; a key that is named counts all the same.
    config = keep_taught(config, first.config)
    config, of_target = _as_one_set(config)
    prepare = partial(Loop.start_from, first=first, where=start)
    remarks = (
        taught_otherwise(config, first.config),
        of_head(config.loss.presence, first),
        of_size(config.data.size, first),
        of_target,
    )
    warning = "; ".join(remark for remark in remarks if remark)
    taught = prompt_facts_file.read(place, first.state, first.config)
    return Start(config, run, first, prepare, warning, taught)


def _as_one_set(config: Config) -> tuple[Config, str]:
    """Rows of one's own seldom say what their masks show, as those of several sets must."""
    if config.data.target_column is None:
        return config, ""
    manifest = manifest_of(config.data)
    if one_set(config.data, manifest.rows) is config.data:
        return config, ""
    remark = (
        f"no row of {manifest.path} has the column {config.data.target_column!r}: they are taken "
        f"as one set of {config.data.target!r}; data.target names it otherwise"
    )
    return config.replace(**{"data.target_column": None, "data.shares": {}}), remark


def _resumption(run: Run, wanted: Config, start: Path | None, *, other_threads: bool) -> Start:
    """From the last checkpoint; a run that was killed before its first one begins as it began."""
    if start is not None or run.facts().get("started_from"):
        # As it was when it began.
        wanted, _ = _as_one_set(wanted)
    if (run.last / locate.WEIGHTS).is_file():
        saved = checkpoint.load(run.last)
        config = run.config(wanted, saved.config, other_threads=other_threads)
        warning = _of_other_threads(saved.config.train.threads, config.train.threads)
        return Start(config, run, saved, partial(Loop.restore, saved=saved), warning)
    config = run.config(wanted, None, other_threads=other_threads)
    origin = _origin(run, start)
    if origin is not None:
        return _fine_tuning(config, origin, run)
    return replace(_fresh(config), run=run)


def _origin(run: Run, start: Path | None) -> Path | None:
    """Whose weights a run without a checkpoint begins with."""
    # The run may have been killed before run.json named its first weights.
    begun = run.facts().get("started_from")
    if begun is None or run.pseudonyms is None:
        return Path(begun) if begun else start
    if start is None:
        raise UsageError(
            "this run is a fine-tuning, and with --no-identifiers it does not say of what",
            where=run.folder,
            remedy="give --from again, as it was given",
        )
    return start


def _of_other_threads(before: int, now: int) -> str:
    if before == now:
        return ""
    return (
        f"it goes on with train.threads = {now}, and began with {before}: the last bits of losses "
        "and weights are not those of an uninterrupted run"
    )


def _run(
    begin: Start,
    out: Path | None,
    name: str,
    listen: Listener,
    pseudonyms: Pseudonyms | None,
    processes: Processes,
) -> Path:
    """Everything that the three ways have in common, from the check of the data to the end."""
    config = begin.config
    # Before the data is read, which can take minutes: what cannot run is refused at once.
    check_device(config.train)
    check_network(config)
    weights = weights_of(config.network)
    stop = threading.Event()
    memory = failures.reporting_memory(config.train.batch_size, config.data.size)
    with memory, until_interrupted(stop, at_once=True):
        limit_threads(config.train)
        listen(Stage(GETTING_READY).to_json())
        processes.join(config.train)
        with processes.first_then_others():
            material = _with_scale_of(begin.before, gather(config))
        # After the data was checked: what is refused leaves no folder.
        run = begin.run or Run(_directory(out, name, listen, processes), pseudonyms)
        run.is_written = processes.is_first
        # Outside of `recording`: a refusal must not mark a good run as failed.
        if begin.run is not None:
            run.same_data(material.report.manifest.digest)
            run.same_weights(weights)
        with failures.recording(run, is_new=begin.run is None):
            if processes.is_first:
                material.report.write_quarantine(run.folder / "quarantine.jsonl", pseudonyms)
            config = _settled(config, material, run, listen, processes)
            fabric = launch(config.train)
            # As settled, so that a resumed run takes the same.
            run.write_config(config)
            if weights:
                run.write_facts(weights=weights)
            warnings = [begin.warning, _of_another_frame(begin.taught, material.prompt_facts)]
            _warn(run, [text for text in warnings if text], listen)
            names = config.train.loggers if processes.is_first else []
            with logging_to(names, config, run, listen) as listener:
                loop = _loop(config, material, run, fabric, listener, processes)
                begin.prepare(loop)
                processes.equalise(loop.model)
                loop.go(stop, begin.pause_after)
            processes.leave()
    return run.folder


def _of_another_frame(taught: PromptFacts, new: PromptFacts) -> str:
    """Say where prompts mean another left than those that the first weights learned from."""
    if taught.frame not in FRAMES or new.frame not in FRAMES or taught.frame == new.frame:
        return ""
    return (
        f"left meant {taught.left} to the first weights, and means {new.left} in these prompts: "
        f"set text.frame = '{taught.frame}' to have them translated, where the orientation of "
        "their pictures is known"
    )


def _warn(run: Run, warnings: list[str], listen: Listener) -> None:
    if warnings:
        run.write_facts(warnings=warnings)
    for message in warnings:
        listen(Warned(message).to_json())


def _settled(
    config: Config, material: Material, run: Run, listen: Listener, processes: Processes
) -> Config:
    """With what `auto` becomes on this machine; of several processes the first one tries."""

    def prepare(train: TrainConfig) -> TimeStep:
        return trial(config.model_copy(update={"train": train}), material)

    kept_choice = KeptChoice(config)
    tried = autotune.what_is_tried(config.train, kept_choice)
    listen(Stage(f"building the model{tried}", str(run.folder)).to_json())
    per_step = config.train.batch_size * config.train.accumulate
    n_samples = per_step * config.train.epochs * material.training.steps_per_epoch
    trials = autotune.Trials(n_samples / autotune.N_SAMPLES)
    settled = config.train
    if processes.is_first:
        settled = autotune.choose(settled, prepare, trials, kept_choice)
    settled = processes.of_first(settled)
    limit_threads(settled)
    return config.model_copy(update={"train": settled})


def trial(config: Config, material: Material, n_samples: int = autotune.N_SAMPLES) -> TimeStep:
    """Build a training only to time its steps.

    Args:
        config: what the training would run with.
        material: its rows, prompts and scale.
        n_samples: of a step; few by default, since a whole step of a large network takes seconds.

    Returns:
        Step number → seconds. The model is built, and nothing is written.
    """
    # The other start takes seconds to compute, and a step takes as long after either.
    plain = config.replace(**{"fusion.start": "default"})
    parts = (Run(Path()), launch(config.train, alone=True), _hear_nothing, Processes())
    return time_steps(_loop(plain, material, *parts), n_samples)


def _loop(
    config: Config,
    material: Material,
    run: Run,
    fabric: Fabric,
    listen: Listener,
    processes: Processes,
) -> Loop:
    """Each part with its own section; the whole goes with the weights alone."""
    sections = LoopConfig(
        config.train,
        config.optimizer,
        config.augment,
        config.loss,
        config.evaluate,
        config.fusion.words_first,
    )
    model = build_model(config, material.scale, material.table.embeddings)
    if config.train.sync_batch_norm:
        model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    saver = Saver(run.written(config), is_written=run.is_written)
    return Loop(sections, model, material, run, saver, fabric, listen, processes)


def _directory(out: Path | None, name: str, listen: Listener, processes: Processes) -> Path:
    """A new folder for a run, which the first process makes."""
    folder = create(out, name).folder if processes.is_first else Path()
    folder = processes.of_first(folder)
    if out is not None and folder != out:
        message = f"{out} holds something already: this run is {folder}"
        listen(Warned(message).to_json())
    return folder


def _with_scale_of(before: Checkpoint | None, material: Material) -> Material:
    """With the scale that a model learned by, where there was one before.

    Other prompts would give another scale, and the same prompt would be other numbers.
    """
    scale = None if before is None else checkpoint.scale_of(before)
    if scale is None or material.scale is None:
        return material
    return replace(material, scale=scale)
