"""Learning curves from the committed results, for docs/results/learning-curves.md.

python benchmarks/pages/curves.py docs/images/learning_curves.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes

from saywhere.errors import MissingFile
from saywhere.experiments.compare import Line, compare

matplotlib.use("Agg")
RESULTS = Path(__file__).parents[1] / "results"
SETS = {
    "lungs": "Lungs (chest films)",
    "phantoms": "Phantoms",
    "kvasir": "Kvasir-SEG",
    "qata": "QaTa-COV19, subset",
}
POLICIES = {
    "fuse-first": "#0b6e4f",
    "swap": "#c0561a",
    "still": "#3b6fb6",
    "untouched": "#8a3ffc",
    "image only": "#6b6b6b",
}  # told apart by marker and name too
MARKERS = dict(zip(POLICIES, "osD^x"))


def main(out: Path) -> None:
    """Draw mean Dice per image over the number of training cases, 95 % intervals, a set a panel.

    Args:
        out: where the picture goes.
    """
    curves = {name: _lines(name) for name in SETS}
    measured = {name: lines for name, lines in curves.items() if lines}
    n_rows = -(-len(measured) // 2)
    figure, panels = pyplot.subplots(
        n_rows, 2, figsize=(10.4, 3.9 * n_rows), layout="constrained", squeeze=False
    )
    for panel, (name, lines) in zip(panels.flat, measured.items()):
        _draw(panel, SETS[name], lines)
    for panel in panels[:, 0]:
        panel.set_ylabel("mean Dice per image, right prompt")
    for panel in panels.flat[len(measured) :]:
        panel.remove()
    figure.savefig(out, dpi=120)


def _lines(name: str) -> list[Line]:
    try:
        return compare(RESULTS / f"learning_{name}").lines
    except MissingFile:
        return []


def _draw(panel: Axes, title: str, lines: list[Line]) -> None:
    sizes = list(dict.fromkeys(line.label.split(" · ")[0] for line in lines))
    for policy, colour in POLICIES.items():
        chosen = [line for line in lines if line.label.split(" · ")[1] == policy]
        x = [sizes.index(line.label.split(" · ")[0]) for line in chosen]
        panel.plot(
            x,
            [line.dice.difference for line in chosen],
            color=colour,
            marker=MARKERS[policy],
            label=policy,
        )
        panel.fill_between(
            x,
            [line.dice.low for line in chosen],
            [line.dice.high for line in chosen],
            color=colour,
            alpha=0.12,
            linewidth=0,
        )
    panel.set_xticks(range(len(sizes)), sizes)
    panel.set_ylim(0, 1)
    panel.grid(axis="y", alpha=0.3)
    n_seeds = sorted({line.n_seeds for line in lines})
    plural = "s" if n_seeds[-1] > 1 else ""
    panel.set_title(f"{title} ({'–'.join(map(str, n_seeds))} seed{plural})")
    panel.set_xlabel("training cases (an image and a sentence)")
    panel.legend(fontsize=8, loc="lower right", framealpha=0.9)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
