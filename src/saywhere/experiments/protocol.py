"""What the cells of a table share, in sentences: network, length of training, cases, statistics."""

from __future__ import annotations

from saywhere.experiments.cell_record import Results
from saywhere.experiments.frozen_document import Document

_FRAMES = {
    "original": "test cases at their original size",
    "mosaic": "mosaics of test images, at the network's size",
}


def protocol(results: Results) -> str:
    """How the cells were trained and compared, from their own files.

    Args:
        results: label → its finished cells.

    Returns:
        Sentences for a table's note. Size, length and optimiser are the first cell's.
    """
    cell = next(iter(results.values()))[0]
    config = cell["config"]
    every = [cells[0]["config"]["network"] for cells in results.values()]
    networks = ", ".join(dict.fromkeys(_network(one) for one in every))
    steps = config["train"]["steps_per_epoch"]
    length = f"{config['train']['epochs']} epochs" + (f" of {steps} steps" if steps else "")
    n_seeds = max(len(cells) for cells in results.values())
    return (
        f"{networks} at {config['data']['size']} px, {length}, "
        f"batch {config['train']['batch_size']}, {_optimizer(config)}, {cell['summary']['n']} "
        f"{_FRAMES[cell['summary'].get('frame', 'original')]}. "
        f"{statistics_note(n_seeds)} {_rule(results)}"
        f"Made by `{cell['command']}` and `saywhere compare`."
    )


def statistics_note(n_seeds: int) -> str:
    """How intervals, p and effect are computed.

    Args:
        n_seeds: the most seeds that a label has.

    Returns:
        One sentence.
    """
    effect = "effect: its rank-biserial correlation."
    if n_seeds == 1:
        return (
            "Intervals: bootstrap over cases (one seed: what another would give is not in them); "
            f"p: Wilcoxon over cases; {effect}"
        )
    return (
        "Intervals: bootstrap over seeds and cases, “seeds differ” where a t interval for other "
        "seeds holds 0 all the same; p: Wilcoxon over the cases' means, which does not ask "
        f"whether other seeds would agree; {effect}"
    )


def _network(config: Document) -> str:
    width = f" of width {config['width']}" if not config["name"].startswith("lite") else ""
    # Results of before lack the key.
    depth = config.get("depth", 1)
    return f"`{config['name']}`{width}" + (f" and depth {depth:g}" if depth != 1 else "")


def _optimizer(config: Document) -> str:
    optimizer = config["optimizer"]
    rate = f"AdamW at {optimizer['learning_rate']:g}"
    return f"{rate} ({optimizer['schedule']}), {config['train']['precision']}"


def _rule(results: Results) -> str:
    """How well the rule that writes sentences anew fits the set's own, where cells hold it."""
    every = [cell for cells in results.values() for cell in cells]
    for cell in every:
        rule = cell["arm"].get("place_rule") if "arm" in cell else None
        # A rule that was fitted to no sentence has no agreement with any.
        if rule and (agreement := rule.get("agreement")) is not None:
            return (
                f"`recaption` names the places of {agreement:.1%} of {rule['n']:,} training "
                "sentences as they do. "
            )
    return ""
