"""How fast is prediction, beside another commit of this repository, in one run?

    python benchmarks/measure/prediction.py --against 359ffa0 --pictures 200 --runtime onnx

Both checkouts do the same work in turn, and the ratio of the medians is printed. `folder`: the
command `saywhere predict` on so many pictures, from call to end. `single`: one picture at a time
in a loaded model. `prompts`: eight prompts on one picture, decoded for each and once. `cold`: the
command on one picture with a prompt never seen, in times of `import torch`. `answers`: how far
bfloat16 and ONNX Runtime are from PyTorch in float32 on twelve pictures.

Pictures come from ../shared/data/kvasir where that is at hand, else phantoms are made.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "kvasir" / "images"
PROMPT = "one small round polyp, upper right"
CHILD = """
import json, sys, time
from pathlib import Path
what, folder, runtime = sys.argv[1:4]
import saywhere
options = {"runtime": runtime} if runtime else {}
segmenter = saywhere.load("polyp", **options)
pictures = sorted(Path(folder).iterdir())[:12]
prompt = "one small round polyp, upper right"
segmenter.segment(pictures[0], prompt)
seconds = []
if what == "single":
    for picture in pictures:
        started = time.perf_counter()
        segmenter.segment(picture, prompt)
        seconds.append(time.perf_counter() - started)
else:
    prompts = [f"{prompt} {number}" for number in range(8)]
    segmenter.embed(prompts)
    for picture in pictures[:4]:
        for once in (False, True):
            started = time.perf_counter()
            image = segmenter.prepare(picture) if once else picture
            for text in prompts:
                segmenter.segment(image, text)
            seconds.append((once, time.perf_counter() - started))
print(json.dumps(seconds))
"""

ANSWERS = """
import json, sys
from pathlib import Path
import numpy as np
import saywhere
pictures = sorted(Path(sys.argv[2]).iterdir())[:12]
prompt = "one small round polyp, upper right"
whole = saywhere.load("polyp")
figures = {}
for name in ("torch-bfloat16", "onnx"):
    other = saywhere.load("polyp", runtime=name)
    changes, equal = [], []
    for picture in pictures:
        one, two = whole.segment(picture, prompt), other.segment(picture, prompt)
        changes.append(float(np.abs(one.probability - two.probability).max()))
        equal.append(float((one.mask == two.mask).mean()))
    share = {"mean": float(np.mean(equal)), "least": min(equal)}
    figures[name] = {"largest_change": max(changes), "equal_pixels": share}
print(json.dumps(figures))
"""


def environment(checkout: Path) -> dict[str, str]:
    """With that checkout's `saywhere` in front of any other."""
    return os.environ | {"PYTHONPATH": str(checkout / "src"), "HF_HUB_OFFLINE": "1"}


def timed(command: list[str], checkout: Path) -> float:
    """Seconds of a process, which must succeed."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        env=environment(checkout),
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def child(what: str, folder: Path, runtime: str, checkout: Path) -> Any:
    """What a process of its own measures within a loaded model."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS if what == "answers" else CHILD, what, str(folder), runtime],
        env=environment(checkout),
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def predict(folder: Path, out: Path, prompt: str, runtime: str) -> list[str]:
    """The command line."""
    options = ["--runtime", runtime] if runtime else []
    call = ["predict", "polyp", str(folder), "--prompt", prompt, "--out", str(out), "--quiet"]
    return ["-m", "saywhere", *call, *options]


def measure(old: Path, folder: Path, runtime: str, rounds: int, parts: list[str]) -> dict[str, Any]:
    """Seconds of both in turn, and their ratios."""
    found: dict[str, Any] = {}
    pairs = [("before", old, ""), ("now", ROOT, runtime)]
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            for name, checkout, chosen in pairs:
                out = Path(scratch) / f"{name}-{number}"
                if "folder" in parts:
                    seconds = timed(predict(folder, out, PROMPT, chosen), checkout)
                    times.setdefault(("folder", name), []).append(seconds)
                if "single" in parts:
                    each = child("single", folder, chosen, checkout)
                    times.setdefault(("single", name), []).extend(each)
                if "cold" in parts:
                    one = sorted(folder.iterdir())[0]
                    unseen = f"{PROMPT} {time.time_ns()}"
                    call = predict(one, out.with_suffix(".cold"), unseen, chosen)
                    times.setdefault(("cold", name), []).append(timed(call, checkout))
            if "cold" in parts:
                torch_alone = timed(["-c", "import torch"], ROOT)
                times.setdefault(("cold", "import torch"), []).append(torch_alone)
    if "prompts" in parts:
        both: list[tuple[bool, float]] = child("prompts", folder, runtime, ROOT)
        fresh = median(seconds for is_once, seconds in both if not is_once)
        once = median(seconds for is_once, seconds in both if is_once)
        found["prompts"] = {"decoded for each": fresh, "once": once, "ratio": fresh / once}
    if "answers" in parts:
        found["answers"] = child("answers", folder, runtime, ROOT)
    for part in ("folder", "single", "cold"):
        if part in parts:
            found[part] = {name: median(v) for (of, name), v in times.items() if of == part}
            found[part]["ratio"] = found[part]["before"] / found[part]["now"]
    if "cold" in parts:
        cold = found["cold"]
        cold["now, in times of import torch"] = cold["now"] / cold["import torch"]
        cold["before, in times of import torch"] = cold["before"] / cold["import torch"]
    return found


def pictures(into: Path, n: int) -> Path:
    """A folder of so many pictures, and nothing else."""
    folder = into / "pictures"
    folder.mkdir()
    source = DATA
    if not DATA.is_dir():
        import saywhere

        made = saywhere.make_phantoms(into / "phantoms", n_train=n, n_val=1, n_test=1)
        source = made.parent / "images"
    for path in sorted(source.iterdir())[:n]:
        shutil.copy(path, folder)
    return folder


def main() -> None:
    """Print the figures as JSON, and keep them where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--against", default="359ffa0", metavar="REVISION")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", default="torch", help="of this checkout")
    parser.add_argument("--parts", default="folder,single,prompts,cold")
    parser.add_argument("--out", type=Path, metavar="FILE")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        old = Path(scratch) / "checkout"
        add = ["git", "worktree", "add", "--detach", str(old), asked.against]
        subprocess.run(add, cwd=ROOT, check=True, capture_output=True)
        try:
            folder = pictures(Path(scratch), asked.pictures)
            n_pictures = len(list(folder.iterdir()))
            # Made once a machine; what is measured is what comes after.
            if asked.runtime == "onnx":
                keep = ["-m", "saywhere", "export", "polyp", "--to", "onnx", "--keep", "--quiet"]
                timed(keep, ROOT)
            parts = asked.parts.split(",")
            found = measure(old, folder, asked.runtime, asked.rounds, parts)
        finally:
            remove = ["git", "worktree", "remove", "--force", str(old)]
            subprocess.run(remove, cwd=ROOT, check=True)
    command = f"python benchmarks/measure/prediction.py {' '.join(sys.argv[1:])}"
    about = {
        "command": command,
        "against": asked.against,
        "pictures": n_pictures,
        "runtime": asked.runtime,
    }
    load = list(os.getloadavg())
    document = about | {"rounds": asked.rounds, "cores": os.cpu_count(), "load": load} | found
    text = json.dumps(document, indent=1)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
