"""saywhere calibrate RUN"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.cli.compute import Device

if TYPE_CHECKING:
    from saywhere.evaluation.calibrate import CalibrationOutcome


def calibrate(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's folder or name.")],
    data: Annotated[
        Path | None, typer.Option(help="Another manifest than the run's: your own images, say.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Default: the configuration's validation split.")
    ] = None,
    prompts: Annotated[
        str | None,
        typer.Option(help="Level of the manifest's prompts. Default: the configuration's."),
    ] = None,
    presence: Annotated[
        bool,
        typer.Option(
            "--presence",
            help="Teach a model without a presence head whether what the words name is there at "
            "all; it may then empty right masks, too, and says what that costs.",
        ),
    ] = False,
    device: Device = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was learned from as JSON.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Learn which Dice to expect of an answer; every answer says it from then on.

    It takes 20 cases or more whose truth is known.
    """
    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    find(run)
    check_name(device, "--device")
    from saywhere.cli.progress import CaseProgress, warn, warn_of_quarantine, warn_of_unfinished
    from saywhere.evaluation.calibrate import calibrate as learn

    warn_of_unfinished(run)
    with CaseProgress("cases", quiet=quiet or as_json) as advance:
        learned = learn(
            run,
            manifest=data,
            split=split,
            prompts=prompts,
            presence=presence,
            device=device,
            advance=advance,
        )
    if as_json:
        typer.echo(json.dumps(learned, indent=2))
    elif not quiet:
        # The evaluation that is proposed reads the same data and prompts.
        given = {"data": data, "prompts": prompts}
        options = [f" --{name} {value}" for name, value in given.items() if value is not None]
        typer.echo(_in_words(learned, f"saywhere evaluate {run}{''.join(options)}"))
    if learned["is_test"]:
        warn(
            "learned from the test split: what an evaluation says of it there is said of the "
            "cases that it was learned from"
        )
    if presence and learned["presence"] is None:
        warn(
            "presence was not learned: it takes 20 cases with a target and 20 without, 200 "
            "pictures of the training split, and an area under the curve of 0.9 or more; what an "
            "earlier calibration of these weights learned of it still holds"
        )
    warn_of_quarantine(learned)


def _in_words(learned: CalibrationOutcome, check: str) -> str:
    """What was learned from how much, and the command that shows how good it is."""
    from saywhere.errors import counted

    pictures = learned["n_pictures"]
    known = "" if pictures is None else f", and from {pictures:,} training pictures"
    line = (
        f"learned from {counted(learned['n'], 'answer')} of split {learned['split']!r}{known} "
        f"(mean Dice {learned['dice']:.3f}), kept in {learned['kept']}; how good it is: {check}"
    )
    if presence := learned["presence"]:
        line += (
            f"\npresence: below {presence['threshold']:.3f} a mask is emptied; of "
            f"{counted(presence['n_absent'], 'case')} without a target "
            f"{presence['left_empty']:.0%} are left empty, at a cost of {presence['cost']:.4f} "
            "mean Dice where there is one"
        )
    if pictures is not None:
        return line
    return (
        f"{line}\n"
        "which pictures are like the training's was not learned: it takes 50 pictures of "
        "the training split, and 50 of this one, and a network that names its maps"
    )
