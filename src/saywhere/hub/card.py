"""A model's card: what it is, what was measured, whether it listens, what was never tested. Made from config.json alone, so no number is typed."""

from __future__ import annotations

from typing import Any

from saywhere.metrics.calibration import promised
from saywhere.metrics.confidence import sure_and_right
from saywhere.metrics.statistics import with_span

NOT_STATED = "Not stated."
RESEARCH = "**Research use only. Not a medical device.**"
_WORDS = {
    "right": "right words",
    "empty": "no words",
    "shuffled": "another case's words",
    "contradictory": "left and right, upper and lower exchanged",
    "unseen": "wordings never trained on",
}

_HALVES = (
    ("share of the mask that lies in the named half", "inside"),
    ("Dice with what lies there", "dice"),
    ("area marked in a half that holds nothing", "empty_area"),
    ("presence, where the half holds something", "presence"),
    ("presence, where it holds nothing", "empty_presence"),
)


def card(facts: dict[str, Any]) -> str:
    """Markdown with the front matter that hubs read."""
    about, config = facts["about"], facts["config"]
    parts = [
        f"---\nlibrary_name: saywhere\npipeline_tag: image-segmentation\nlicense: {about['license']}\ntags: [medical-imaging, referring-segmentation]\n---",
        f"# {about['title'] or facts['name']}",
        RESEARCH,
        about["task"],
        _use(facts["name"], about["suggestions"]),
        f"## Data and terms\n\n{about['data'] or NOT_STATED}\n\nTerms: {about['terms'] or NOT_STATED}",
        _made(facts, config),
        *_evidence(
            facts["evidence"], facts.get("expected"), is_taught=bool(config["data"].get("half"))
        ),
        "## Never tested\n\n"
        + ("\n".join(f"- {limit}" for limit in about["limits"]) or NOT_STATED),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _use(name: str, suggestions: list[str]) -> str:
    prompt = max(suggestions, key=len) if suggestions else "…"
    return f'## Use\n\n```console\nsaywhere predict {name} image.png --prompt "{prompt}" --out masks\n```'


def _made(facts: dict[str, Any], config: dict[str, Any]) -> str:
    run, train = facts["run"], config["train"]
    machine = f"{run.get('device', 'a device not stated')}, {run.get('threads', '?')} thread(s), {run.get('precision', '?')}"
    steps = f"{train['epochs']} epochs" + (
        f" of {train['steps_per_epoch']} steps" if train["steps_per_epoch"] else ""
    )
    time = f"; {run['seconds'] / 60:.0f} minutes" if "seconds" in run else ""
    made = f"Network `{config['network']['name']}` at {config['data']['size']} px, fusion `{config['fusion']['name']}`, encoder `{config['text']['encoder']}`, "
    last = "its last part: " if run.get("continued") else ""
    made += f"{facts['n_parameters'] / 1e6:.2f} M numbers; {last}{steps} of {train['batch_size']}, seed {train['seed']}; {machine}{time}."
    return f"## How it was made\n\n{facts['about']['made']}\n\n{made} `config.toml` holds every setting."


def _evidence(
    evidence: dict[str, Any], learned: dict[str, Any] | None, *, is_taught: bool
) -> list[str]:
    if "evaluation" not in evidence:
        return ["## Metrics\n\nNot evaluated: nothing is known of how well it works."]
    found = evidence["evaluation"]
    return [
        _metrics(found),
        _listening(found),
        *_mosaic(evidence.get("mosaic")),
        *_halves(evidence.get("halves"), is_taught=is_taught),
        *_trust(found, learned),
    ]


def _metrics(found: dict[str, Any]) -> str:
    lines = [
        "| words | cases | Dice a case [95 %] | Dice pooled | IoU a case [95 %] | IoU pooled | median HD95 (px) |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, row in found["words"].items():
        distance = row["hausdorff_95_px"]["median"]
        lines.append(f"| {_WORDS.get(kind, kind)} | {row['n']} | {with_span(**row['dice_mean'])} | {row['dice_pooled']:.3f} | {with_span(**row['iou_mean'])} | "
                     f"{row['iou_pooled']:.3f} | {'∞' if distance is None else f'{distance:.1f}'} |")  # fmt: skip
    how = f"Split `{found['split']}`, prompts `{found['level']}`, at the images' own size; intervals from 2,000 resamples of the cases."
    return f"## Metrics\n\n{how}\n\n" + "\n".join(lines)


def _listening(found: dict[str, Any]) -> str:
    lines = ["| right words against | difference in Dice [95 %] | verdict |", "|---|---|---|"]
    for kind, gap in found["listening"].items():
        lines.append(
            f"| {_WORDS.get(kind, kind)} | {with_span(gap['difference'], gap['low'], gap['high'], '+')} | {gap['verdict']} |"
        )
    return (
        f"## Does it listen?\n\nVerdict: **{found['verdict'] or 'no words were asked for'}**.\n\n"
        + "\n".join(lines)
    )


def _trust(found: dict[str, Any], learned: dict[str, Any] | None) -> list[str]:
    said = [*_tells(found.get("trust")), *_expected(learned, found)]
    return ["## Does it know when it is wrong?\n\n" + " ".join(said)] if said else []


def _tells(found: dict[str, Any] | None) -> list[str]:
    if not found:
        return []
    gain = with_span(**found["gain"], sign="+")
    said = [
        f"The surest {found['share']:.0%} of the answers to the right words: Dice {with_span(**found['surest'])}, {gain} over all of them."
    ]
    if not found["tells"]:
        said.append("So it is not shown that its confidence tells which answers are worse.")
    if sure := sure_and_right(found):
        said.append(f"{_capital(sure)}.")
    return said


def _expected(learned: dict[str, Any] | None, found: dict[str, Any]) -> list[str]:
    if not learned:
        return []
    measured = found.get("expected") if found.get("expected_from") == learned else None
    said = [
        f"An answer's expected Dice was learned from {learned['n']} cases of split `{learned['split']}` with their own words; "
        "of wrong words it expects too much."
    ]
    if measured and "right" in measured:
        said.append(f"On split `{found['split']}` {promised(measured['right'])}.")
    return said


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _mosaic(found: dict[str, Any] | None) -> list[str]:
    if not found:
        return []
    lines = [
        f"| words | Dice with the named tile's target, {found['n']} mosaics [95 %] |",
        "|---|---|",
    ]
    lines += [f"| {words} | {with_span(**dice)} |" for words, dice in found["dice_mean"].items()]
    return [
        f"Where the words decide: {found['side']}×{found['side']} test images in one picture, and a sentence that names one.\n\n"
        + "\n".join(lines)
    ]


def _halves(found: dict[str, Any] | None, *, is_taught: bool) -> list[str]:
    if not found:
        return []
    how = "Words that name one half of the image" + (
        "." if is_taught else ", which it was never taught."
    )
    lines = [f"{how}\n", f"| {found['n']} images, either half | [95 %] |", "|---|---|"]
    return [
        "\n".join(
            lines
            + [
                f"| {label} | {with_span(**found[key])} |"
                for label, key in _HALVES
                if found.get(key)
            ]
        )
    ]
