"""Tables of the service: load, refusals, made-up requests, and typing in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sources import RESULTS, markdown, result


def load_table(measured: list[dict[str, Any]]) -> str:
    """The service under load and over time.

    Args:
        measured: what `benchmarks/measure/load.py` keeps, one a run.

    Returns:
        A table in Markdown, and the commands that made it.
    """
    if not measured:
        return "None is kept yet: `make soak` keeps one.\n"
    heads = (
        *("clients", "minutes", "answers", "images/s", "p50", "p99", "memory", "threads"),
        *("open files", "last = first", "machine"),
    )
    return markdown(heads, map(_load, measured), _commands(one["command"] for one in measured))


def _load(one: dict[str, Any]) -> tuple[object, ...]:
    answers = ", ".join(f"{number} {name}" for name, number in one["answers"].items())
    machine = f"{_machine(one)}; {one['network']} at {one['size_px']} px, torch {one['torch']}"
    times = (one["images_per_s"], f"{one['p50_s']} s", f"{one['p99_s']} s")
    same = "yes" if one["same_answer"] else "NO"
    minutes = f"{one['seconds'] / 60:g}"
    return (one["clients"], minutes, answers, *times, *_growth(one), same, machine)


def _growth(one: dict[str, Any]) -> tuple[str, str, str]:
    """Memory, threads and open files, where the run was long enough to tell."""
    if not one["minutes"]:
        return ("", "", "")
    threads, files = (" → ".join(map(str, one[name])) for name in ("threads", "files"))
    return (f"× {one['memory_growth']:.3f}", threads, files)


def _commands(commands: Iterable[str]) -> str:
    """Each command once, in the table's order."""
    return "Made by " + " · ".join(f"`{command}`" for command in dict.fromkeys(commands)) + "."


def _machine(one: dict[str, Any]) -> str:
    return f"{one['cores']} cores, {one['memory_gib']} GiB, load {one['load_before']} before"


def _service() -> str:
    names = sorted(place.stem for place in RESULTS.glob("service_*.json"))
    return load_table([result(name) for name in names])


def _limits() -> str:
    """How soon the service refuses and stops."""
    measured = result("limits")
    rows: list[tuple[object, ...]] = [
        (name, one["status"], f"{one['seconds']:.3f} s")
        for name, one in measured["refused"].items()
    ]
    end = measured["stopping"]
    answers = ", ".join(f"{number} × {status}" for status, number in end["answers"].items())
    stopped = f"{answers}; exit {end['exit']}"
    rows.append((f"SIGTERM, {end['clients']} clients asking", stopped, f"{end['seconds']:.3f} s"))
    left = ", ".join(measured["left"]) or "nothing"
    note = f"`{measured['command']}`; {_machine(measured)}, torch {measured['torch']}"
    ending = f"left in the temporary folder: {left}."
    return markdown(("what comes", "answer", "after"), rows, f"{note}; {ending}")


def _upload_memory() -> str:
    """What many pixels in few bytes cost the service and its children."""
    measured = result("upload_memory")
    rows: list[tuple[object, ...]] = []
    for name, case in measured["cases"].items():
        answers = ", ".join(f"{number} × {status}" for status, number in case["answers"].items())
        added = f"{case['added_mb']:,} MB"
        bound = f"{case['bound_mb']:,} MB"
        rows.append((name, f"{case['bytes']:,}", answers, f"{case['idle_mb']} MB", added, bound))
    heads = ("sent at once", "bytes of each", "answers", "idle before", "at most, beyond idle")
    note = f"`{measured['command']}`; {_machine(measured)}, torch {measured['torch']}."
    return markdown((*heads, "bound"), rows, note)


def _hostile() -> str:
    """What hostile and large files cost to decode."""
    measured = result("hostile")
    rows: list[tuple[object, ...]] = []
    for name, file in measured["files"].items():
        answer = f"refused: {file['refused']}" if file["refused"] else "decoded"
        per_pixel = file.get("bytes per pixel", "")
        size = f"{file['bytes']:,}"
        rows.append((name, size, answer, f"{file['seconds']:.2f} s", f"{file['MB']} MB", per_pixel))
    times = measured["picture of 0.5 MP, ms"]
    child = f"{times['child']} ms in the warm child, {times['here']} ms in the same process"
    note = f"`{measured['command']}`; a picture of half a megapixel takes {child} (the least of 40)"
    if "added, median" in times:
        added = f"the child adds {times['added, median']} ms, {times['added']} ms to the least"
        note += f"; by turns, {added} (goal: {measured['goal, ms']:g} ms)"
    heads = ("file", "bytes", "answer", "of a processor", "memory beyond idle")
    return markdown((*heads, "bytes per pixel of 40 million"), rows, f"{note}.")


def _decoding() -> str:
    """What decoding a large picture takes of memory."""
    measured = result("hostile")
    large = {name: file for name, file in measured["files"].items() if "40 megapixels" in name}
    rows = [(name, file["bytes per pixel"]) for name, file in large.items()]
    return markdown(("picture", "bytes a pixel"), rows, f"`{measured['command']}`.")


def _fuzz() -> str:
    """How often each status was the answer to a made-up request."""
    answers = result("fuzz")["answers"]
    statuses = sorted({status for counted in answers.values() for status in counted})
    rows: list[tuple[object, ...]] = []
    for call, counted in answers.items():
        shown = (f"{counted.get(status, 0):,}" for status in statuses)
        rows.append((f"`{call}`", *shown, f"{sum(counted.values()):,}"))
    requests = sum(sum(counted.values()) for counted in answers.values())
    note = f"`make fuzz`: {requests:,} requests, each answer as documented."
    return markdown(("call", *statuses, "requests"), rows, note)


def _typing() -> str:
    """How soon the mask follows what is typed."""
    measured = result("typing")
    rows = [
        (size, f"{waits['median_s']} s", f"{waits['longest_s']} s")
        for size, waits in measured.items()
        if " × " in size
    ]
    about = "From the last key to the drawn mask, 0.12 s of it waiting for another key"
    command = f"`python benchmarks/measure/typing_words.py {measured['run']} --keep`"
    note = f"{about}; {measured['changes']} changes each. {command}; {_machine(measured)}."
    return markdown(("picture (px)", "median", "longest"), rows, note)


TABLES: dict[str, Callable[[], str]] = {
    "service": _service,
    "limits": _limits,
    "upload_memory": _upload_memory,
    "hostile": _hostile,
    "decoding": _decoding,
    "fuzz": _fuzz,
    "typing": _typing,
}
