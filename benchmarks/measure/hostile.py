"""What hostile and large files cost to decode: python benchmarks/measure/hostile.py [--keep]
[--only NAME]…

Each file is decoded in a process of its own: seconds of a processor (the clock would measure who
else is at work), and memory beyond an idle process. Then what the service's child adds to a picture
of half a megapixel. Prints JSON, and with --keep writes it to benchmarks/results/hostile.json.
With --only it measures these files alone, and keeps what was measured of the rest.
Exit 1 where a refused file takes more than 3 s or 256 MB.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from saywhere.errors import SaywhereError
from saywhere.io.files import write_json

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import hostile_files as hostile  # noqa: E402

RESULT = Path(__file__).parents[1] / "results" / "hostile.json"
MOST_S, MOST_MB = 3.0, 256.0
MOST_CHILD_MS = 5.0
SIDES = (8_000, 5_000)
"""Of a picture with the most pixels."""
CHILD = "picture of 0.5 MP, ms"
END_OF_ROW = b"\1\0\0\0"


def _encoded(mode: str, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, SIDES).save(stream, kind, **options)
    return stream.getvalue()


def _dicom() -> bytes:
    from pydicom.uid import JPEGLSLossless

    import dicom_file

    dataset = dicom_file.make(np.zeros(SIDES[::-1], np.uint16))
    dataset.compress(JPEGLSLossless, encoding_plugin="pyjpegls")
    return dicom_file.to_bytes(dataset)


FILES: dict[str, Callable[[], bytes]] = {
    "TIFF of 20,000 pages": lambda: hostile.tiff_of_pages(20_000),
    "TIFF of 330,000 pages": lambda: hostile.tiff_of_pages(330_000),
    "TIFF of 3 million strips": lambda: hostile.tiff_of_strips(3_000_000),
    "TIFF of 65,535 strips": lambda: hostile.tiff_of_strips(65_535),
    "TIFF with a tile of 3.6 gigapixels": lambda: hostile.tiff_of_tile(60_000),
    "JPEG of 300 scans, 25 megapixels": lambda: hostile.jpeg_of_scans(300, side=5_000),
    "JPEG of 1,001 scans": lambda: hostile.jpeg_of_scans(1_001),
    "JPEG of 8 million segments": lambda: hostile.jpeg_of_segments(8_000_000),
    "BMP of 40 million × 1, run lengths": lambda: hostile.bmp_of_runs(40_000_000, 1, END_OF_ROW),
    "BMP of 8,000 × 5,000, run lengths": lambda: hostile.bmp_of_runs(*SIDES, END_OF_ROW * 250),
    "PNG of 1 × 40 million": lambda: hostile.png(1, 40_000_000),
    "PNG of 2 million chunks": lambda: hostile.png_of_chunks(2_000_000),
    "DICOM of 3 million elements": lambda: hostile.dicom_of_elements(3_000_000),
    "DICOM of 190,000 elements": lambda: hostile.dicom_of_elements(190_000),
    "GIF with a comment of 30 MB": lambda: hostile.gif_of_comment(120_000),
    "PNG of 40 megapixels, colour": lambda: _encoded("RGB", "PNG"),
    "PNG of 40 megapixels, 16 bits": lambda: hostile.png(*SIDES, n_bits=16),
    "PNG of 40 megapixels, 16 bits, colour": lambda: hostile.png(*SIDES, n_bits=16, is_colour=True),
    "TIFF of 40 megapixels, float32": lambda: _encoded("F", "TIFF", compression="tiff_deflate"),
    "DICOM of 40 megapixels, 16 bits": _dicom,
    "JPEG of 40 megapixels, progressive": lambda: _encoded("RGB", "JPEG", progressive=True),
    "TIFF of 40 megapixels, deflated": lambda: _encoded("RGB", "TIFF", compression="tiff_deflate"),
}


def one(name: str) -> dict[str, Any]:
    """Decode one file in this process."""
    import resource

    from saywhere.io.uploads import image

    content = FILES[name]()
    image(hostile.png(8, 8), channels=3, rule="percentile")
    # The peak so far is of the file's making: from here on it is the decoder's.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _peak_mb()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    refusal = None
    try:
        image(content, channels=3, rule="percentile")
    except SaywhereError as error:
        refusal = error.found
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    memory_mb = max(0.0, _peak_mb() - before)
    measured = {"bytes": len(content), "seconds": round(seconds, 2), "MB": round(memory_mb)}
    if refusal is None:
        measured["bytes per pixel"] = round(memory_mb * 1e6 / 40_000_000, 1)
    return {"refused": refusal, **measured}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def child_ms(n: int = 40) -> dict[str, float]:
    """Milliseconds for a photograph of half a megapixel: here, and in the warm child."""
    from saywhere.io.decoding_pool import DecodingPool
    from saywhere.io.uploads import image

    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    Image.fromarray(noise).resize((800, 640)).save(stream, "JPEG")
    content = stream.getvalue()
    pool = DecodingPool()
    pool.warm()
    options = {"channels": 3, "rule": "percentile"}
    within: list[float] = []
    outside: list[float] = []
    # By turns: whoever else is at work slows both alike.
    for _ in range(n):
        within.append(_ms(lambda: image(content, **options)))  # type: ignore[arg-type]
        outside.append(_ms(lambda: pool.run("saywhere.io.uploads:image", content, **options)))
    pool.close()
    added = [child - here for here, child in zip(within, outside)]
    # The least is what it costs where nobody else is at work.
    least = {"here": min(within), "child": min(outside), "added": min(outside) - min(within)}
    middle = {
        "here, median": median(within),
        "child, median": median(outside),
        "added, median": median(added),
        "child / here, median": median(map(truediv, outside, within)),
    }
    return {name: round(value, 2) for name, value in (least | middle).items()}


def _ms(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - started)


def is_well(files: dict[str, Any]) -> bool:
    """Is every refused file refused soon, and in little memory?"""
    refused = [file for file in files.values() if file["refused"]]
    return all(file["seconds"] <= MOST_S and file["MB"] <= MOST_MB for file in refused)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=FILES)
    parser.add_argument("--only", choices=FILES, action="append", help="measure this file")
    parser.add_argument("--keep", action="store_true", help=f"write {RESULT.name}")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one)))
        sys.exit()
    before = json.loads(RESULT.read_text(encoding="utf-8")) if given.only else {"files": {}}
    measured = {
        name: json.loads(subprocess.check_output([sys.executable, __file__, "--one", name]))
        for name in given.only or FILES
    }
    known = before["files"] | measured
    # In their order, without those that are no longer measured.
    files = {name: known[name] for name in FILES if name in known}
    child = before[CHILD] if given.only else child_ms()
    command = "python benchmarks/measure/hostile.py --keep"
    document = {"command": command, "files": files, CHILD: child, "goal, ms": MOST_CHILD_MS}
    print(json.dumps(document, indent=2, ensure_ascii=False))
    if given.keep:
        write_json(RESULT, document)
    sys.exit(not is_well(files))
