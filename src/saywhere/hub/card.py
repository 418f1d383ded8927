"""A model's card: what it is, what was measured, whether it listens, what was never tested.

Made from config.json alone, so no number is typed.
"""

from __future__ import annotations

from saywhere.config import Document, FusionConfig
from saywhere.config.fusions import FUSIONS
from saywhere.evaluation.negatives import negatives_in_words
from saywhere.evaluation.probes.probe_record import HalfMeasure, HalvesRecord, MosaicRecord
from saywhere.evaluation.summary_record import LearnedRecord, SummaryRecord, TrustRecord
from saywhere.evaluation.target_table import target_table
from saywhere.evaluation.verdict import least_favourable, verdict_of
from saywhere.hub.facts import ModelEvidence, ModelFacts
from saywhere.hub.metadata import AboutRecord
from saywhere.metrics.calibration import promised
from saywhere.metrics.confidence import sure_and_right
from saywhere.metrics.statistics import with_span
from saywhere.runs.presence_file import PresenceRecord

NOT_STATED = "Not stated."
RESEARCH = "**Research use only. Not a medical device.**"
_FRONT_MATTER = (
    "---\nlibrary_name: saywhere\npipeline_tag: image-segmentation\nlicense: {license}\n"
    "tags: [medical-imaging, referring-segmentation]\n---"
)
_CONDITIONS = {
    "right": "right prompt",
    "empty": "empty prompt",
    "shuffled": "another image's prompt",
    "contradictory": "left and right, upper and lower exchanged",
    "unseen": "wordings never trained on",
}
"""A prompt condition of the evaluation → its name in a table."""
_FRAMES = {
    "image": (
        "Left and right are those of the image as it is shown, not the patient's. "
        "In a chest film taken from the front, the left of the image is the patient's right."
    ),
    "patient": (
        "Left and right are the patient's own. "
        "In a chest film taken from the front, the patient's left is on the right of the image."
    ),
    "both": (
        "The prompts say whose left and right they mean: the image's, or the patient's. In a chest "
        "film taken from the front, the left of the image is the patient's right."
    ),
}
_FRAME_NOT_STATED = (
    "It is not stated whether left and right are those of the image or the patient's. "
    "Try a prompt of each side before you rely on it."
)
_JOINS = {
    "image": "The prompt becomes a pseudo-image, which the network sees beside the image.",
    "features": (
        "The prompt conditions the network's features (`{name}`); there is no pseudo-image."
    ),
    "nothing": "It reads no prompt: the network sees the image alone.",
}
_POLICIES = {
    "fuse-first": (
        "In training, the pseudo-image is transformed together with the image and the mask, so "
        "the prompt stays true wherever the image turns (prompt policy `fuse-first`)."
    ),
    "untouched": (
        "In training, image and mask are transformed and the prompt is not: after a flip, a "
        "prompt may name the wrong side (prompt policy `untouched`)."
    ),
    "swap": (
        "In training, the prompt's position words are exchanged as the image turns: left and "
        "right, upper and lower (prompt policy `swap`)."
    ),
    "recaption": (
        "In training, the prompt's places are written anew from the transformed mask "
        "(prompt policy `recaption`)."
    ),
    "still": (
        "In training, the image is never turned, flipped, shifted or scaled, so every prompt "
        "stays true (prompt policy `still`)."
    ),
}
_HALVES: tuple[tuple[str, HalfMeasure], ...] = (
    ("share of the mask that lies in the named half", "inside"),
    ("Dice with what lies there", "dice"),
    ("area marked in a half that holds nothing", "empty_area"),
    ("presence, where the half holds something", "presence"),
    ("presence, where it holds nothing", "empty_presence"),
)


def card(facts: ModelFacts) -> str:
    """Write a model's card.

    Args:
        facts: the content of its config.json.

    Returns:
        Markdown with the front matter that hubs read.
    """
    about, config = facts["about"], facts["config"]
    limits = "\n".join(f"- {limit}" for limit in about["limits"])
    parts = [
        _FRONT_MATTER.format(license=about["license"]),
        f"# {about['title'] or facts['name']}",
        RESEARCH,
        about["task"],
        _use(facts["name"], about["suggestions"]),
        _reading(about, config),
        f"## Data and terms\n\n{about['data'] or NOT_STATED}\n\n"
        f"Terms: {about['terms'] or NOT_STATED}",
        _made(facts, config),
        *_evidence(facts["evidence"], facts.get("expected"), config),
        *_presence(facts.get("presence")),
        f"## Never tested\n\n{limits or NOT_STATED}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _use(name: str, suggestions: list[str]) -> str:
    prompt = max(suggestions, key=len) if suggestions else "…"
    command = f'saywhere predict {name} image.png --prompt "{prompt}" --out masks'
    return f"## Use\n\n```console\n{command}\n```"


def _reading(about: AboutRecord, config: Document) -> str:
    """Whose left is meant, and what became of the prompts when training turned the image."""
    name = config["fusion"]["name"]
    fusion = FusionConfig(name=name, arm=config["fusion"].get("arm"))
    how = _JOINS[FUSIONS[name].joins].format(name=name)
    if not fusion.uses_text:
        return f"## How it reads a prompt\n\n{how}"
    policy = fusion.chosen_arm
    if config["augment"]["name"] == "none":
        # Nothing was transformed, whatever the policy would have done.
        policy = "still"
    where = _FRAMES.get(about.get("frame", ""), _FRAME_NOT_STATED)
    if about.get("frame_evidence"):
        where = f"{where} {about['frame_evidence']}"
    return f"## How it reads a prompt\n\n{where}\n\n{how} {_POLICIES[policy]}"


def _made(facts: ModelFacts, config: Document) -> str:
    run, train = facts["run"], config["train"]
    part = "its last part: " if run.get("continued") else ""
    steps = f"{train['epochs']} epochs"
    if train["steps_per_epoch"]:
        steps += f" of {train['steps_per_epoch']} steps"
    machine = ", ".join(
        (
            str(run.get("device", "a device not stated")),
            f"{run.get('threads', '?')} thread(s)",
            str(run.get("precision", "?")),
        )
    )
    time = f"; {run['seconds'] / 60:.0f} minutes" if "seconds" in run else ""
    made = (
        f"Network `{config['network']['name']}` at {config['data']['size']} px, "
        f"fusion `{config['fusion']['name']}`, encoder `{config['text']['encoder']}`, "
        f"{facts['n_parameters'] / 1e6:.2f} M parameters; {part}{steps} of {train['batch_size']}, "
        f"seed {train['seed']}; {machine}{time}. `config.toml` holds every setting."
    )
    return f"## How it was made\n\n{facts['about']['made']}\n\n{made}"


def _evidence(
    evidence: ModelEvidence, learned: LearnedRecord | None, config: Document
) -> list[str]:
    if "evaluation" not in evidence:
        return ["## Metrics\n\nNot evaluated: nothing is known of how well it works."]
    summary = evidence["evaluation"]
    return [
        _metrics(summary, config["evaluate"]["bootstrap"]),
        _listening(summary),
        *_mosaic(evidence.get("mosaic")),
        *_halves(evidence.get("halves"), is_trained=bool(config["data"].get("half"))),
        *_trust(summary, learned),
    ]


def _metrics(summary: SummaryRecord, resamples: int) -> str:
    how = (
        f"Split `{summary['split']}`, prompts `{summary['level']}`, at the images' own size; "
        f"intervals from {resamples:,} resamples of the images. Mean: every image counts alike. "
        "Pooled: every pixel counts alike."
    )
    lines = [
        "| prompt | images | mean Dice per image [95 %] | Dice pooled "
        "| mean IoU per image [95 %] | IoU pooled | median HD95 (px) |",
        "|---|---|---|---|---|---|---|",
    ]
    how += _apart(summary)
    for condition, row in summary["words"].items():
        distance = row["hausdorff_95_px"]["median"]
        cells = (
            _CONDITIONS.get(condition, condition),
            str(row["n"]),
            with_span(**row["dice_mean"]),
            f"{row['dice_pooled']:.3f}",
            with_span(**row["iou_mean"]),
            f"{row['iou_pooled']:.3f}",
            # JSON has no infinity, so None stands for it.
            "∞" if distance is None else f"{distance:.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return f"## Metrics\n\n{how}\n\n" + "\n".join([*lines, *_targets(summary)])


def _targets(summary: SummaryRecord) -> list[str]:
    heads, lines = target_table(summary)
    if not lines:
        return []
    table = [heads, ["---"] * len(heads), *lines]
    return [
        "",
        "Each target alone, mean Dice per image where it is there:",
        "",
        *(f"| {' | '.join(line)} |" for line in table),
    ]


def _apart(summary: SummaryRecord) -> str:
    """Images with a target and those without, by prompt condition; empty where all have one."""
    sentences = {
        _CONDITIONS.get(condition, condition): negatives_in_words(summary, condition)
        for condition in summary["words"]
    }
    listed = [f"- {name}: {sentence}." for name, sentence in sentences.items() if sentence]
    if not listed:
        return ""
    return (
        "\n\nA model that marks nothing has Dice 1 where nothing is there, so these cases are told "
        "apart; the table is over all of them.\n\n" + "\n".join(listed)
    )


def _listening(summary: SummaryRecord) -> str:
    lines = ["| right prompt against | difference in Dice [95 %] | verdict |", "|---|---|---|"]
    verdicts = {}
    for condition, gap in summary["listening"].items():
        # A summary of an earlier version is judged by today's rule.
        verdict = verdict_of(gap) or gap["verdict"]
        verdicts[condition] = verdict
        difference = with_span(gap["difference"], gap["low"], gap["high"], "+")
        lines.append(f"| {_CONDITIONS.get(condition, condition)} | {difference} | {verdict} |")
    decisive = least_favourable(verdicts)
    answer = verdicts[decisive] if decisive else "prompts were not compared"
    return f"## Does it listen?\n\nVerdict: **{answer}**.\n\n" + "\n".join(lines)


def _trust(summary: SummaryRecord, learned: LearnedRecord | None) -> list[str]:
    sentences = [*_tells(summary.get("trust")), *_expected(learned, summary)]
    return ["## Does it know when it is wrong?\n\n" + " ".join(sentences)] if sentences else []


def _tells(trust: TrustRecord | None) -> list[str]:
    if not trust:
        return []
    sentences = [
        f"The surest {trust['share']:.0%} of the answers to right prompts: "
        f"Dice {with_span(**trust['surest'])}, "
        f"{with_span(**trust['gain'], sign='+')} over all of them."
    ]
    if not trust["tells"]:
        sentences.append("So it is not shown that its confidence tells which answers are worse.")
    if sure := sure_and_right(trust):
        sentences.append(f"{sure[:1].upper()}{sure[1:]}.")
    return sentences


def _expected(learned: LearnedRecord | None, summary: SummaryRecord) -> list[str]:
    if not learned:
        return []
    sentences = [
        f"An answer's expected Dice was learned from {learned['n']} images of split "
        f"`{learned['split']}` with their own prompts; of wrong prompts it expects too much."
    ]
    # Measured with another calibration, the numbers would not be this model's.
    is_of_this = summary.get("expected_from") == learned
    measured = (summary.get("expected") or {}).get("right") if is_of_this else None
    if measured:
        sentences.append(f"On split `{summary['split']}` {promised(measured)}.")
    return sentences


def _presence(presence: PresenceRecord | None) -> list[str]:
    if not presence:
        return []
    tells = with_span(presence["auroc"], presence["auroc_low"], presence["auroc_high"])
    error = with_span(presence["error"], presence["error_low"], presence["error_high"])
    return [
        "## Does it know when nothing is there?\n\n"
        "An answer's presence is the probability that what the prompt names is in the image. "
        f"Below {presence['threshold']:.3f} the mask is emptied, and the answer says so. Of "
        f"{presence['n']} cases with a target and {presence['n_absent']} without, of split "
        f"`{presence['split']}`, which it was calibrated on: area under the curve {tells}, "
        f"calibration error {error}; {presence['left_empty']:.0%} of the cases without a target "
        f"are left empty, at a cost of {presence['cost']:.4f} mean Dice where there is one."
    ]


def _mosaic(mosaic: MosaicRecord | None) -> list[str]:
    if not mosaic:
        return []
    lines = [
        f"Where the prompt decides: {mosaic['side']}×{mosaic['side']} test images in one picture, "
        "and a sentence that names one.",
        "",
        f"| prompt | Dice with the named tile's target, {mosaic['n']} mosaics [95 %] |",
        "|---|---|",
    ]
    lines += [f"| {kind} | {with_span(**dice)} |" for kind, dice in mosaic["dice_mean"].items()]
    return ["\n".join(lines)]


def _halves(halves: HalvesRecord | None, *, is_trained: bool) -> list[str]:
    if not halves:
        return []
    untrained = "" if is_trained else ", for which it was never trained"
    lines = [
        f"Prompts that name one half of the image{untrained}.",
        "",
        f"| {halves['n']} images, either half | [95 %] |",
        "|---|---|",
    ]
    for label, key in _HALVES:
        interval = halves.get(key)
        if interval:
            lines.append(f"| {label} | {with_span(**interval)} |")
    return ["\n".join(lines)]
