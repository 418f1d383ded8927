"""Tables of docs/performance.md, from what `saywhere bench` wrote: on a CPU, and on a GPU where one
was at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sources import RESULTS, markdown, result

from saywhere.bench.targets import outcomes

Row = tuple[object, ...]
NAMES = ("performance_cpu", "performance_cuda")
"""What `make bench` writes, by DEVICE."""
LABELS = {"one": "one in a loaded model", "folder": "a folder, masks written"}
NOTHING = "Not measured yet.\n"


def _documents() -> Iterator[dict[str, Any]]:
    for name in NAMES:
        if (RESULTS / f"{name}.json").is_file():
            yield result(name)


def _machines() -> str:
    """What was measured on."""
    rows: list[Row] = []
    for document in _documents():
        machine = document["machine"]
        rates = (f"{machine['matrix_gflops'][kind]:,g}" for kind in ("float32", "bfloat16"))
        about = f"{machine['name']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
        torch = machine["packages"]["torch"]
        rows.append((machine["device"], about, torch, machine["load"], *rates))
    heads = ("device", "machine", "PyTorch", "load before")
    rates_of = ("float32, GFLOP/s", "bfloat16, GFLOP/s")
    commands = " · ".join(f"`{document['command']}`" for document in _documents())
    note = f"GFLOP/s of a large matrix product. Made by {commands}."
    return markdown((*heads, *rates_of), rows, note) if rows else NOTHING


def _goals() -> str:
    """Our goals beside what was measured."""
    rows: list[Row] = []
    for document in _documents():
        device = document["machine"]["device"]
        rows += [(device, *outcome.row()) for outcome in outcomes(document)]
    return markdown(("device", "goal", "wanted", "measured", ""), rows) if rows else NOTHING


def _cells() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Device, name and content of each training."""
    for document in _documents():
        for name, cell in document.get("training", {}).items():
            yield document["machine"]["device"], name, cell


def _training() -> str:
    """A step beside the naive one."""
    rows: list[Row] = []
    for device, _, cell in _cells():
        seconds = cell["step_s"]
        network = f"{cell['network']}, width {cell['width']}"
        what = f"{network}, {cell['size']} px, {cell['batch']} a step"
        share = f"{cell['gflops']:,} GFLOP/s, {100 * cell['share_of_matrix_rate']:.0f} %"
        both = (_with_spread(seconds[way]) for way in ("naive", "ours"))
        precision = f"{cell['precision']}, {cell['threads']} threads"
        # As if nothing but products were left, each at the rate of a large one.
        bound = f"{cell['ratio'] / cell['share_of_matrix_rate']:.1f} ×"
        rows.append((device, what, *both, f"**{cell['ratio']} ×**", precision, share, bound))
    heads = (
        "device",
        "training",
        "naive",
        "ours",
        "ratio",
        "ours in",
        "of the matrix rate",
        "at most",
    )
    note = (
        "Seconds a step: median (lowest to highest). Arithmetic: three forward passes a step, "
        "convolutions and matrix products alone. At most: the ratio of a step that does this "
        "arithmetic at the machine's matrix rate, and nothing else."
    )
    return markdown(heads, rows, note) if rows else NOTHING


def _prediction() -> str:
    """A picture beside the naive way."""
    rows: list[Row] = []
    for document in _documents():
        found = document.get("prediction")
        if not found:
            continue
        seconds = found["picture_s"]
        for what, label in LABELS.items():
            both = (_milliseconds(seconds[f"{way}, {what}"]) for way in ("naive", "ours"))
            ratio = f"**{found['ratio'][what]} ×**"
            model = f"{found['model']}: {found['network']}, {found['size']} px"
            rows.append((document["machine"]["device"], model, label, *both, ratio))
    heads = ("device", "model", "pictures", "naive", "ours", "ratio")
    note = "Milliseconds a picture: median (lowest to highest). Grey PNG files of 512 px."
    return markdown(heads, rows, note) if rows else NOTHING


def _profiles() -> str:
    """Where the time of a step and of a prediction goes."""
    rows: list[Row] = []
    for device, name, cell in _cells():
        for way, phases in cell["profile_s"].items():
            rows.append((device, f"a step, {name}", way, _in_percent(phases)))
    for document in _documents():
        for way, phases in document.get("prediction", {}).get("profile_s", {}).items():
            device = document["machine"]["device"]
            rows.append((device, "a prediction, with its file", way, _in_percent(phases)))
    note = (
        "Shares of the time in these phases, over all threads. text: projection and generator, "
        "forward; their backward pass is in backward."
    )
    return markdown(("device", "of", "way", "phases"), rows, note) if rows else NOTHING


def _starts() -> str:
    """How soon something happens."""
    rows: list[Row] = []
    for device, name, cell in _cells():
        start = cell["start_s"]
        what = f"training of {name}: call to first step, first · second time"
        rows.append((device, what, f"{start['first']} s · {start['second']} s"))
    for document in _documents():
        found = document.get("start", {})
        device = document["machine"]["device"]
        for runtime, ratio in found.get("ratio", {}).items():
            call = f"`saywhere predict --runtime {runtime}`"
            what = f"{call} of one picture, cold, beside `import torch`"
            both = (_with_spread(found["seconds"][way]) for way in (runtime, "import torch"))
            rows.append((device, what, f"{' s · '.join(both)} s: {ratio} ×"))
    return markdown(("device", "what", "measured"), rows) if rows else NOTHING


def _boundaries() -> str:
    """Boundary measures beside MONAI's loop."""
    rows: list[Row] = []
    for document in _documents():
        for kind, found in document.get("boundaries", {}).get("kinds", {}).items():
            distance, surface = found["hausdorff_95_differs_px"], found["surface_dice_differs"]
            differs = f"{distance:.0e} px, {surface:.0e}"
            each = (f"{1000 * found[way] / found['cases']:.1f} ms" for way in ("monai_s", "ours_s"))
            rows.append((kind, found["cases"], *each, f"**{found['ratio']} ×**", differs))
    heads = ("masks", "cases", "MONAI", "ours", "ratio", "values differ by at most")
    note = (
        "Processor time a case, one thread: 95th percentile of the surface distance and surface "
        "Dice. MONAI finds its percentile in float32."
    )
    return markdown(heads, rows, note) if rows else NOTHING


def _with_spread(seconds: dict[str, Any]) -> str:
    return f"{seconds['median']:g} ({seconds['lowest']:g} to {seconds['highest']:g})"


def _milliseconds(seconds: dict[str, Any]) -> str:
    shown = {name: round(1000 * seconds[name], 1) for name in ("median", "lowest", "highest")}
    return _with_spread(shown)


def _in_percent(phases: dict[str, float]) -> str:
    whole = sum(phases.values())
    return ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in phases.items())


TABLES: dict[str, Callable[[], str]] = {
    "performance_goals": _goals,
    "performance_machines": _machines,
    "performance_training": _training,
    "performance_prediction": _prediction,
    "performance_profiles": _profiles,
    "performance_starts": _starts,
    "performance_boundaries": _boundaries,
}
