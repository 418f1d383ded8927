"""A table says what the result files hold, and how sure that is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon

from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.experiments.compare import compare
from saywhere.experiments.compare import table as markdown_of
from saywhere.experiments.paired import case_difference
from saywhere.metrics.statistics import rank_biserial
from table_files import cell, with_negatives, written

N = 40


def table(folder: Path) -> str:
    return markdown_of(compare(folder))


def row_of(markdown: str, label: str) -> list[str]:
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {label} |"))
    return [part.strip() for part in line.strip("|").split("|")]


def test_means_and_paired_differences_are_numpys_and_p_is_scipys(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    image = [random.uniform(0.3, 0.7, N) for _ in range(2)]
    text = [np.clip(dice + random.normal(0.1, 0.05, N), 0, 1) for dice in image]
    wrong = [dice - 0.2 for dice in text]
    cells = [cell("image", s, image[s]) for s in range(2)] + [
        cell("image and text", s, text[s], wrong[s]) for s in range(2)
    ]
    markdown = table(written(tmp_path, cells))
    found = row_of(markdown, "image and text")
    assert found[2].startswith(f"{np.mean(text):.3f} [")
    assert found[6].startswith("+0.200 [")
    assert found[7].startswith(f"{np.mean(text) - np.mean(image):+.3f} [")
    p = wilcoxon(np.mean(text, axis=0) - np.mean(image, axis=0)).pvalue
    assert found[8] == ("< 0.001" if p < 0.001 else f"{p:.3f}")
    assert float(found[9]) == pytest.approx(
        rank_biserial(np.mean(text, axis=0), np.mean(image, axis=0)), abs=0.006
    )
    assert row_of(markdown, "image")[6:8] == ["–", "reference"]


def test_a_failed_cell_is_left_out_and_seeds_are_paired(tmp_path: Path) -> None:
    dice = np.linspace(0.2, 0.8, N)
    cells = [
        cell("image", 0, dice),
        cell("image", 1, dice),
        cell("text", 0, dice + 0.1),
        cell("text", 1, dice) | {"status": "failed"},
    ]
    found = row_of(table(written(tmp_path, cells)), "text")
    assert found[1] == "1"
    assert found[-3].startswith("+0.100")


def test_an_empty_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="saywhere experiment"):
        table(tmp_path)
    with pytest.raises(MissingFile, match="no finished cell"):
        table(written(tmp_path, []))


def test_unseen_wordings_mosaics_and_the_spread_have_columns_where_cells_have_them(
    tmp_path: Path,
) -> None:
    dice = np.full(N, 0.5)
    one, other = cell("image", 0, dice), cell("text", 0, dice)
    other["summary"]["words"]["unseen"] = {"dice_mean": {"mean": 0.25}}
    other |= {
        "spread": 0.125,
        "mosaic": {
            "right": {"mean": 0.7},
            "another tile's": {"mean": 0.01},
            "unseen wording": {"mean": 0.6},
        },
    }
    one["mosaic"] = {"right": {"mean": 0.2}}
    markdown = table(written(tmp_path, [one, other]))
    heads = row_of(markdown, "")
    found = {label: dict(zip(heads, row_of(markdown, label))) for label in ("image", "text")}
    assert found["text"]["unseen wording"] == "0.250"
    assert found["text"]["spread"] == "0.125"
    assert [
        found["text"][f"mosaics: {words}"]
        for words in ("right", "another tile's", "unseen wording")
    ] == ["0.700", "0.010", "0.600"]
    assert [found["image"][f"mosaics: {words}"] for words in ("right", "unseen wording")] == [
        "0.200",
        "–",
    ]
    assert found["image"]["spread"] == "–"


def test_lines_stand_in_the_grids_order_and_networks_are_all_named(tmp_path: Path) -> None:
    dice = np.array([0.5, 0.6])
    folder = written(
        tmp_path, [cell(label, 0, dice) for label in ("a · x", "b · x", "b · y")], None
    )
    about = json.loads((folder / "table.json").read_text()) | {
        "axis": [[{"label": "b"}, {"label": "a"}], [{"label": "y"}, {"label": "x"}]],
        "seeds": [0],
    }
    (folder / "table.json").write_text(json.dumps(about))
    place = next(
        path
        for path in folder.glob("*-seed0.json")
        if json.loads(path.read_text())["label"] == "b · x"
    )
    other = json.loads(place.read_text())
    other["config"]["network"] |= {"name": "unetpp", "width": 8, "depth": 0.5}
    place.write_text(json.dumps(other))
    found = compare(folder)
    assert [line.label for line in found.lines] == ["b · y", "b · x", "a · x"]
    assert "`unet` of width 64, `unetpp` of width 8 and depth 0.5 at 224 px" in found.note


def test_a_difference_whose_interval_holds_zero_is_printed_as_such(tmp_path: Path) -> None:
    dice = np.linspace(0.2, 0.8, N)
    wobble = np.where(np.arange(N) % 2, 0.1, -0.1)
    cells = [
        cell("image", 0, dice),
        cell("same", 0, dice + wobble),
        cell("more", 0, dice + 0.1, dice + wobble),
    ]
    markdown = table(written(tmp_path, cells))
    assert row_of(markdown, "same")[-3].endswith("] holds 0")
    assert "holds 0" not in row_of(markdown, "more")[-3]
    assert row_of(markdown, "more")[6].startswith("+0.100 [")  # right − shuffled
    assert "holds 0" not in row_of(markdown, "more")[6]
    assert "one seed: what another would give is not in them" in markdown


def test_seeds_disagree_and_a_small_p_is_not_enough(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, N)
    cells = [
        cell(label, seed, dice + gain)
        for label, gains in (("image", (0, 0, 0)), ("text", (0.3, 0.3, -0.1)))
        for seed, gain in enumerate(gains)
    ]
    row = row_of(table(written(tmp_path, cells)), "text")
    assert row[-3:-1] == [row[-3], "< 0.001"]
    assert row[-3].endswith("holds 0")


def test_seeds_that_agree_on_the_side_and_not_on_how_much_are_said_to_differ(
    tmp_path: Path,
) -> None:
    dice = np.linspace(0.3, 0.6, N)
    gains = {"image": (0, 0, 0), "torn": (0.02, 0.3, 0.1), "alike": (0.2, 0.25, 0.21)}
    cells = [
        cell(label, seed, dice + gain)
        for label, own in gains.items()
        for seed, gain in enumerate(own)
    ]
    markdown = table(written(tmp_path, cells))
    assert row_of(markdown, "torn")[-3].endswith("] seeds differ")
    assert row_of(markdown, "alike")[-3].endswith("]")
    assert "“seeds differ” where a t interval for other seeds holds 0" in markdown


def test_each_group_is_compared_with_its_own_reference(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, N)
    gains = {
        "UNet · aug": 0.0,
        "UNet · text + aug": 0.1,
        "UNet++ · aug": 0.2,
        "UNet++ · text + aug": 0.1,
    }
    found = compare(
        written(tmp_path, [cell(label, 0, dice + gain) for label, gain in gains.items()], "aug")
    )
    differences = {
        line.label: None if line.difference is None else round(line.difference.difference, 6)
        for line in found.lines
    }
    assert differences == {
        "UNet · aug": None,
        "UNet · text + aug": 0.1,
        "UNet++ · aug": None,
        "UNet++ · text + aug": -0.1,
    }
    assert {line.label for line in found.lines if line.is_reference} == {
        "UNet · aug",
        "UNet++ · aug",
    }
    assert "Dice − “aug” [95 %]" in found.heads


def test_without_a_seed_in_common_there_is_no_difference(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, N)
    markdown = table(written(tmp_path, [cell("image", 0, dice), cell("text", 1, dice)]))
    assert row_of(markdown, "text")[-3:] == ["–", "", ""]
    with pytest.raises(UsageError, match=r"no seed in common.*text, image"):
        case_difference([cell("text", 1, dice)], [cell("image", 0, dice)])


def test_half_a_file_and_a_failed_cell_are_named_and_the_others_count(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, N)
    folder = written(
        tmp_path,
        [
            cell("image", 0, dice),
            cell("text", 0, dice),
            cell("text", 1, dice) | {"status": "failed", "reason": "no such prompts"},
        ],
    )
    half = folder / "text-seed0.json"
    half.write_text(half.read_text()[: half.stat().st_size // 2])
    markdown = table(folder)
    assert (
        "Left out: text-seed0.json (not a whole result: run `saywhere experiment` again)."
        in markdown
    )
    assert "Left out: text-seed1.json (the cell failed: no such prompts)." in markdown
    assert row_of(markdown, "image")[1] == "1"


def test_the_fit_of_the_rule_that_writes_sentences_anew_is_told(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, N)
    rule = {"place_rule": {"n": 5716, "agreement": 0.67}, "name": "recaption"}
    found = compare(
        written(
            tmp_path, [cell("image", 0, dice), cell("early · recaption", 0, dice) | {"arm": rule}]
        )
    )
    assert (
        "`recaption` names the places of 67.0% of 5,716 training sentences as they do."
        in found.note
    )
    (tmp_path / "early-·-recaption-seed0.json").unlink()
    assert "recaption" not in compare(tmp_path).note


def test_cases_are_paired_by_name_and_not_by_place(tmp_path: Path) -> None:
    dice = np.linspace(0.2, 0.9, N)
    image, text = cell("image", 0, dice), cell("text", 0, dice + 0.05)
    image["cases"].reverse()
    assert case_difference([text], [image]).low == pytest.approx(
        0.05
    )  # each case gains as much, so the interval has no width
    image["cases"].pop()
    with pytest.raises(
        UsageError,
        match=r"1 of 40 cases are not there with right words \(the first: case-0\).*image, seed 0",
    ):
        case_difference([text], [image])


def test_a_cell_of_an_older_form_of_the_grid_is_left_out(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, N)
    folder = written(
        tmp_path, [cell("image", 0, dice), cell("text", 0, dice), cell("image", 3, dice)]
    )
    place = folder / "table.json"
    place.write_text(
        json.dumps(
            json.loads(place.read_text()) | {"axis": [[{"label": "image"}]], "seeds": [0, 1, 2]}
        )
    )
    found = compare(folder)
    assert [line.label for line in found.lines] == ["image"]
    assert found.left_out == dict.fromkeys(
        ["image-seed3.json", "text-seed0.json"],
        "no cell of the grid as it was last run: move the file away",
    )


@pytest.mark.parametrize("broken", ['{"title": "T"', "{}", "[]", "null", "[" * 100_000])
def test_a_table_that_is_not_whole_says_what_to_run(tmp_path: Path, broken: str) -> None:
    folder = written(tmp_path, [cell("image", 0, np.full(N, 0.5))])
    (folder / "table.json").write_text(broken)
    with pytest.raises(UnreadableFile, match=r"table.json is not whole.*finished cells are kept"):
        compare(folder)


@pytest.mark.parametrize("key", ["label", "seed", "config", "summary", "cases"])
def test_a_result_that_lacks_a_part_is_left_out(tmp_path: Path, key: str) -> None:
    whole = cell("image", 0, np.full(N, 0.5))
    folder = written(tmp_path, [whole])
    (folder / "other-seed0.json").write_text(
        json.dumps({name: value for name, value in whole.items() if name != key})
    )
    (folder / "third-seed0.json").write_text(
        json.dumps(whole | {key: ["a list"] if key != "cases" else "no list"})
    )
    assert list(compare(folder).left_out) == ["other-seed0.json", "third-seed0.json"]


def test_marking_nothing_on_normal_images_earns_no_dice(tmp_path: Path) -> None:
    # One marks nothing anywhere; the other finds half of each lesion, and marks every normal image.
    nothing = with_negatives(cell("image", 0, np.zeros(N)), [True] * N)
    halves = with_negatives(cell("text", 0, np.full(N, 0.5), np.full(N, 0.2)), [False] * N)
    markdown = table(written(tmp_path, [nothing, halves]))
    heads = row_of(markdown, "")
    found = {label: dict(zip(heads, row_of(markdown, label))) for label in ("image", "text")}
    dice, empty = "mean Dice per image with a target [95 %]", "without a target: left empty"
    assert found["image"][dice].startswith("0.000")
    assert found["text"][dice].startswith("0.500")
    assert found["text"]["IoU per image with a target"] == "0.250"
    assert found["text"]["Dice − “image” [95 %]"].startswith("+0.500")
    assert found["text"]["right − shuffled"].startswith("+0.300")
    assert found["image"][empty] == f"{N} of {N} (100%)"
    assert found["text"][empty] == f"0 of {N} (0%)"


def test_where_every_case_has_a_target_no_column_is_added(tmp_path: Path) -> None:
    plain = with_negatives(cell("image", 0, np.full(N, 0.5)), [])
    assert "target" not in table(written(tmp_path, [plain]))


def test_a_table_of_normal_images_alone_has_their_dice(tmp_path: Path) -> None:
    alone = with_negatives(cell("image", 0, np.array([])), [True])
    alone["cases"] = [{**with_negatives(cell("i", 0, np.array([0.5])), [True])["cases"][1]}]
    markdown = table(written(tmp_path, [alone]))
    assert row_of(markdown, "image")[2].startswith("1.000")
    assert "1 of 1 (100%)" in markdown
