"""Where `saywhere predict` takes images and prompts from: the call, a manifest, or a job file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saywhere.errors import UsageError

if TYPE_CHECKING:
    from saywhere.inference.predictions_file import Failure
    from saywhere.inference.requests import Plan
    from saywhere.inference.segmenter import Segmenter

SOURCES = "INPUT… with --prompt, or --manifest M, or --jobs FILE.jsonl"


@dataclass(frozen=True)
class JobSource:
    """What a call names. Of inputs, manifest and jobs it is to be one.

    Attributes:
        inputs: Images, folders, archives or references; each is paired with every prompt.
        prompts: Of the inputs; None where the call names none.
        manifest: Its rows name image and prompt.
        split: Of the manifest; None: all of it.
        jobs: A file whose lines name image and prompts.
        orientation: How all the pictures lie in the patient, where their files do not say.
    """

    inputs: list[Path]
    prompts: list[str] | None
    manifest: Path | None
    split: str | None
    jobs: Path | None
    orientation: str | None

    def refuse_other_than_one(self) -> None:
        """Hold that there is one source, and that no option belongs to another one.

        Raises:
            UsageError: There is none, there are two, or an option would have no effect.
        """
        options = (("INPUT", self.inputs), ("--manifest", self.manifest), ("--jobs", self.jobs))
        sources = [name for name, value in options if value]
        if not sources:
            raise UsageError("nothing to predict", allowed=SOURCES)
        if len(sources) > 1:
            raise UsageError(
                f"both {sources[0]} and {sources[1]}",
                allowed=SOURCES,
                remedy="leave one of them out",
            )
        if self.prompts and not self.inputs:
            whose = "a manifest's rows" if self.manifest else "the lines of --jobs"
            raise UsageError(
                f"both --prompt and {sources[0]}",
                allowed=f"{whose} have their own prompts",
                remedy="leave one of them out",
            )
        # Refused and not ignored: who names a split believes that only its rows are predicted.
        if self.split is not None and self.manifest is None:
            raise UsageError(
                "--split without --manifest", remedy="name a manifest, or leave --split out"
            )

    def plan(self, segmenter: Segmenter, inputs: list[Path]) -> tuple[Plan, list[Failure]]:
        """Read what is to be predicted.

        Args:
            segmenter: The model: one without words needs no prompts.
            inputs: The same inputs, with folders on this machine in place of references.

        Returns:
            The jobs, and those of a file of jobs that cannot be read.

        Raises:
            UsageError: Inputs have no prompt, or something cannot be read.
        """
        from saywhere.inference.address_requests import plan_anywhere, with_local_list
        from saywhere.inference.requests import (
            Plan,
            jobs_from_file,
            jobs_from_manifest,
            packed_jobs,
        )

        if self.jobs is not None:
            (from_file, refused), placed = with_local_list(
                self.jobs, lambda path: jobs_from_file(path, hears_words=segmenter.hears_words)
            )
            return Plan(packed_jobs(map(placed, from_file)), [], []), refused
        if self.manifest is not None:
            rows, placed = with_local_list(
                self.manifest,
                lambda path: jobs_from_manifest(path, segmenter, self.split, self.orientation),
            )
            return Plan(packed_jobs(map(placed, rows)), [], []), []
        # A blank prompt is a choice, and is said as one: a forgotten one would look like a good
        # answer.
        if self.prompts is None and segmenter.hears_words:
            raise UsageError(
                "no --prompt",
                allowed="say what to segment",
                remedy='--prompt "one small round polyp, upper right"; --prompt "" for no words',
            )
        return plan_anywhere(inputs, self.prompts or [""]), []
