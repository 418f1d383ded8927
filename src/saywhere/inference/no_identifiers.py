"""Predictions that name nobody: keyed hashes in place of file names, paths and prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from saywhere.errors import SaywhereError, UsageError, counted
from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.inference.ledger import Ledger
from saywhere.inference.predictions_file import Failure, Prediction, Terms
from saywhere.inference.requests import Job, packed_jobs
from saywhere.io.pseudonyms import N_DIGITS, WITHHELD, Pseudonyms
from saywhere.io.skipped import Skipped

PATIENTS = ("dicom-seg", "secondary-capture")
"""Formats that must name the patient, since they belong to the patient's study."""
HASH = re.compile(rf"[0-9a-f]{{{N_DIGITS}}}")


def refuse_named(formats: str | Sequence[str], out: Path) -> None:
    """Refuse what would name a patient in spite of --no-identifiers.

    Args:
        formats: As `writers.choose` takes them.
        out: Where the predictions are to go.

    Raises:
        UsageError: For a DICOM format, and for a folder with predictions that have names.
    """
    for name in writers.choose(formats):
        if name in PATIENTS:
            raise UsageError(
                f"format {name!r} with --no-identifiers",
                allowed="a DICOM file names the patient whose study it belongs to",
                remedy="choose another --format, or leave --no-identifiers out",
            )
    # Their lines and files would stay beside the new ones, and go into the same table.
    lines = Ledger(out).lines.values()
    if not all(HASH.fullmatch(str(line.get("image"))) for line in lines):
        raise UsageError(
            f"{out} holds predictions with names",
            remedy="choose a new folder with --out",
        )


class Names:
    """What each name becomes on its way into a file; without pseudonyms it stays as it is."""

    def __init__(self, pseudonyms: Pseudonyms | None = None) -> None:
        """Choose what is done.

        Args:
            pseudonyms: None where names are written as they are.
        """
        self.pseudonyms = pseudonyms

    def of(self, name: object) -> str:
        """Hash a name.

        Args:
            name: An id, a path or a prompt.

        Returns:
            Its hash, or the name itself.
        """
        return str(name) if self.pseudonyms is None else self.pseudonyms.of(name)

    def jobs(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Name the files of jobs.

        Args:
            jobs: With stems made of the images' names or the rows' ids.

        Returns:
            The same jobs; their images and prompts stay, since they are still to be read.
        """
        if self.pseudonyms is None:
            return jobs
        return packed_jobs(
            replace(
                job, stem=self.of(job.stem), volume=self.of(job.volume), group=self.of(job.group)
            )
            for job in jobs
        )

    def terms(self, terms: Terms) -> Terms:
        """Name what an answer depends on.

        Args:
            terms: With the prompt and the image's digest, by which the image could be known.

        Returns:
            The same terms under the same key.
        """
        prompt = self.of(terms.prompt)
        return replace(terms, prompt=prompt, image_sha256=self.of(terms.image_sha256))

    def answer(self, answer: Answer, prompt: str) -> Answer:
        """Name an answer for the writers, which draw its prompt and put it into tables.

        Args:
            answer: Of the model.
            prompt: As it was given: it has one hash, however it was cleaned.

        Returns:
            The answer; its warnings, which quote the prompt, are counted only.
        """
        if self.pseudonyms is None:
            return answer
        return replace(
            answer,
            prompt=self.of(prompt) if answer.prompt else "",
            read_as=None if answer.read_as is None else self.of(answer.read_as),
            warnings=tuple(self.sentences(answer.warnings, "warning")),
        )

    def prediction(self, prediction: Prediction, job: Job) -> Prediction:
        """Say which picture a prediction is of.

        Args:
            prediction: Of this job, or of an equal one before.
            job: With the image's path, and its place in a file or a volume.

        Returns:
            The prediction with image and place.
        """
        number, n_slices = job.place or (None, None)
        member = self.of(job.member)
        place = {"member": member, "frame_number": job.frame, "slice": number, "slices": n_slices}
        known = {name: value for name, value in place.items() if value}
        return replace(prediction, image=self.of(job.image), place=known)

    def failure(self, failure: Failure) -> Failure:
        """Name a failure.

        Args:
            failure: Its reason is in words, which name files.

        Returns:
            The failure with its code; the reason is withheld.
        """
        if self.pseudonyms is None:
            return failure
        image = None if failure.image is None else self.of(failure.image)
        prompt = None if failure.prompt is None else self.of(failure.prompt)
        reason = f"{failure.code}, the words are {WITHHELD}"
        return replace(failure, image=image, prompt=prompt, reason=reason)

    def failed(self, job: Job, error: SaywhereError) -> Failure:
        """Make the record of a job that was set aside.

        Args:
            job: That could not be done.
            error: Why.

        Returns:
            The failure, named as `failure` does.
        """
        return self.failure(
            Failure(error.code, str(error), image=str(job.image), prompt=job.prompt)
        )

    def skipped(self, files: Sequence[Skipped]) -> list[dict[str, str]]:
        """Name files that were not read, as --json prints them.

        Args:
            files: With paths and reasons.

        Returns:
            One record per file.
        """
        records = [file.to_json() for file in files]
        if self.pseudonyms is None:
            return records
        return [{"path": self.of(one["path"]), "reason": WITHHELD} for one in records]

    def sentences(self, sentences: Sequence[str], noun: str) -> list[str]:
        """Tell of sentences that name files or prompts.

        Args:
            sentences: What a user should know.
            noun: What they are, such as "note".

        Returns:
            The sentences; under pseudonyms one that counts them, so that none is lost in silence.
        """
        if self.pseudonyms is None or not sentences:
            return list(sentences)
        return [f"{counted(len(sentences), noun)} {WITHHELD}"]
