"""Pack what benchmarks/measure/gpu.sh needs on a machine without a network, into build/gpu.

python benchmarks/measure/gpu_pack.py [--from MANIFEST] [--to FOLDER] [--limit-mib 60]

The images of a set at 224 px (WebP, of the best quality that fits), its masks, the embedding of
every prompt, and, as one archive, the packages that an image with torch 2.11 for Python 3.12 lacks.
Tracked files and these together stay below the limit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saywhere.config import TextConfig
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.io.files import write_text
from saywhere.text.directions import contradict
from saywhere.text.encoder import open_encoder
from saywhere.text.prompts import clean

ROOT = Path(__file__).parents[2]
KVASIR = Path("../shared/data/kvasir/annotations.jsonl")
LEVELS = ("p6", "p9")
QUALITIES = (95, 90, 85, 80, 75, 70)
PACKAGES = (
    "kornia",
    "kornia-rs",
    "monai",
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "tomli-w",
    "lightning-fabric",
)
"""What Saywhere imports and the machine lacks."""
PYTHON = ("--python-version", "3.12", "--implementation", "cp")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def main(manifest: Path, to: Path, limit_mib: float, packages: Sequence[str] = PACKAGES) -> int:
    """Make the folder anew.

    Args:
        manifest: of the set, with the prompt levels p6 and p9.
        to: the folder.
        limit_mib: that tracked files and the folder may take together.
        packages: that are fetched from the package index; none: the machine has them.

    Returns:
        Bytes of tracked files and the folder together.

    Raises:
        SystemExit: where it does not fit even at the lowest quality.
    """
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    rows = read_manifest(manifest).rows
    write_embeddings(rows, to / "embeddings.npz")
    if packages:
        write_packages(packages, to / "site.tar.xz")
    for quality in QUALITIES:
        write_images(rows, to / "data", quality)
        total = tracked_bytes() + folder_bytes(to)
        if total <= limit_mib * 2**20:
            print(f"{to}: WebP quality {quality}, {total / 2**20:.1f} MiB with the tracked files")
            return total
    raise SystemExit(f"{total / 2**20:.1f} MiB even at quality {quality}; allowed: {limit_mib}")


def write_images(rows: Sequence[Row], folder: Path, quality: int, size: int = 224) -> None:
    """Write images, masks and manifest of the size that the network sees."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = []
    for number, row in enumerate(rows):
        assert row.mask is not None
        image, mask = f"{number}.webp", f"{number}.png"
        opened = Image.open(row.image).convert("RGB")
        small = opened.resize((size, size), Image.Resampling.BILINEAR)
        # WebP: a JPEG of these bytes would be of far lower quality.
        small.save(folder / image, quality=quality, method=6)
        grey = Image.open(row.mask).convert("L").resize((size, size), Image.Resampling.NEAREST)
        Image.fromarray(np.asarray(grey) > 127).save(folder / mask)
        prompts = {level: list(row.prompts[level]) for level in LEVELS}
        line = {"id": row.id, "image": image, "mask": mask, "split": row.split, "prompts": prompts}
        lines.append(json.dumps(line) + "\n")
    write_text(folder / "manifest.jsonl", "".join(lines))


def write_embeddings(rows: Sequence[Row], path: Path) -> None:
    """Write the vector of every prompt that a training or an evaluation can meet.

    In float16, whose rounding is 1/2000 of a number: a tenth of the space that float32's noise
    takes.
    """
    texts = {clean(text) for row in rows for level in LEVELS for text in row.prompts[level]}
    opposites = {contradict(text) for text in texts}
    prompts = sorted({"", *texts, *(clean(text) for text in opposites if text)})
    encoder = open_encoder(TextConfig())
    about = {
        "name": encoder.name,
        "dim": encoder.dim,
        "revision": encoder.revision,
        "pooling": encoder.pooling,
        "max_length": encoder.max_length,
    }
    tokens = [encoder.count_tokens(prompt) for prompt in prompts]
    vectors = encoder.embed(prompts).astype(np.float16)
    np.savez_compressed(
        path, vectors=vectors, tokens=tokens, prompts=json.dumps(prompts), about=json.dumps(about)
    )


def write_packages(packages: Sequence[str], path: Path) -> None:
    """Fetch wheels of the pinned versions, and pack what is in them; tighter than the wheels."""
    with tempfile.TemporaryDirectory() as temporary:
        wheels, site = Path(temporary) / "wheels", Path(temporary) / "site"
        names = [f"{name}=={pinned()[name]}" for name in packages]
        platforms = [word for name in PLATFORMS for word in ("--platform", name)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *PYTHON]
        more = ["--only-binary=:all:", *platforms, "--dest", str(wheels), *names]
        subprocess.run([*command, *more], check=True)
        for wheel in sorted(wheels.glob("*.whl")):
            zipfile.ZipFile(wheel).extractall(site)
        with tarfile.open(path, "w:xz") as archive:
            archive.add(site, ".")


def pinned() -> dict[str, str]:
    """Package → version, of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(";")[0].strip().partition("==") for line in lines if "==" in line]
    return {name.lower().replace("_", "-"): version for name, _, version in pairs}


def tracked_bytes() -> int:
    """What travels with the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = listed.stdout.decode().split("\0")
    paths = [ROOT / name for name in names if name]
    return sum(path.stat().st_size for path in paths if path.is_file())


def folder_bytes(folder: Path) -> int:
    """Of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def arguments() -> Any:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="manifest", type=Path, default=KVASIR)
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "gpu")
    parser.add_argument("--limit-mib", type=float, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    typed = arguments()
    main(typed.manifest, typed.to, typed.limit_mib)
