"""A grid is read whole or refused before the first step."""

from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.config import Config
from saywhere.errors import ConfigError, MissingFile
from saywhere.experiments.grid import Cell, cells_of, read_grid
from saywhere.experiments.results import references
from saywhere.modeling.build import check_network

BASE = "[train]\nepochs = 3\n"
GRID = """
table = "small"
title = "Small"
base = "{base}"
seeds = [4, 5]
threads = 1
axis = [
  [{{ label = "image", set = {{ "fusion.name" = "none" }} }}, {{ label = "text" }}],
  [{{ label = "still", set = {{ "augment.name" = "none" }} }}, {{ label = "turned" }}],
]
"""


def written(folder: Path, text: str) -> Path:
    (folder / "base.toml").write_text(BASE)
    (folder / "grid.toml").write_text(text.format(base=(folder / "base.toml").as_posix()))
    return folder / "grid.toml"


def test_cells_are_the_product_of_the_axes_seed_by_seed(tmp_path: Path) -> None:
    cells = cells_of(read_grid(written(tmp_path, GRID)))
    labels = ["image · still", "image · turned", "text · still", "text · turned"]
    assert [(cell.seed, cell.label) for cell in cells] == [
        (seed, label) for seed in (4, 5) for label in labels
    ]
    assert cells[0].id == "image-still-seed4"
    assert (
        cells[0].config.fusion.name,
        cells[0].config.augment.name,
        cells[0].config.train.epochs,
    ) == ("none", "none", 3)
    assert (
        cells[-1].config.train.seed,
        cells[-1].config.fusion.name,
        cells[-1].config.augment.name,
    ) == (5, "early", "paper")


def test_what_a_grid_sets_holds_in_every_cell_and_a_choice_overrides_it(tmp_path: Path) -> None:
    common = '"train.epochs" = 2, "fusion.name" = "early"'
    cells = cells_of(read_grid(written(tmp_path, GRID + f"set = {{{{ {common} }}}}\n")))
    assert {cell.config.train.epochs for cell in cells} == {2}
    assert [cell.config.fusion.name for cell in cells[:4]] == ["none", "none", "early", "early"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seeds =", "seed ="), "did you mean 'seeds'"),
        (
            ("seeds =", "jobz = 2\nseeds ="),
            r"unknown key jobz in \S+grid\.toml: did you mean 'jobs'",
        ),
        (('table = "small"', 'table = "Small Table"'), "table"),
        (('"turned"', '"still"'), r"two cells are called image-still-seed4 in \S+grid\.toml"),
        (
            ("fusion.name", "fusion.nam"),
            r"unknown key fusion\.nam in \S+grid\.toml, cell 'image · still': did you mean 'name'",
        ),
        (
            ("fusion.name", "fusio.name"),
            r"unknown key fusio in \S+grid\.toml, cell 'image · still': did you mean 'fusion'",
        ),
        (
            ('"fusion.name" = "none"', '"fusion.name.x" = 1'),
            r"fusion\.name\.x names a key inside of a value in \S+grid\.toml, cell 'image · still'",
        ),
        (
            ('"augment.name" = "none"', '"augment.name" = "all"'),
            r'augment\.name is "all" in \S+grid\.toml, cell \'image · still\'; input should be',
        ),
        (
            ('"still", set', '"still", sett'),
            r"unknown key sett in \S+grid\.toml, axis 2, choice 1 \('still'\): did you mean 'set'",
        ),
        (
            ('label = "turned"', "set = {{}}"),
            r"label: field required in \S+grid\.toml, axis 2, choice 2",
        ),
        (
            ('label = "turned"', "label = 3"),
            r"label: input should be a valid string in \S+grid\.toml, axis 2, choice 2 \(3\)",
        ),
        (
            ("axis = [\n", "axis = [\n 3,\n"),
            r"axis\.0: input should be a valid list in \S+grid\.toml",
        ),
        (
            ("axis = [\n", "axis = [\n [3],\n"),
            r"axis\.0\.0: input should be a valid .* in \S+grid\.toml",
        ),
        (("[4, 5]", "[4, 5"), "not valid TOML"),
        (("[4, 5]", "[]"), "seeds"),
    ],
)
def test_a_broken_grid_is_refused_with_its_place(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = written(tmp_path, GRID.replace(*change))
    with pytest.raises(ConfigError, match=message):
        cells_of(read_grid(path))


def test_a_missing_grid_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no grid"):
        read_grid(tmp_path / "nowhere.toml")


def test_names_that_differ_in_their_plus_signs_differ_as_ids() -> None:
    assert (
        Cell("UNet++ · image + text", 0, Config()).id
        == "unetpp-image-text-seed0"
        != Cell("UNet · image + text", 0, Config()).id
    )


def test_one_seed_of_a_grid_can_be_asked_for(tmp_path: Path) -> None:
    grid = read_grid(written(tmp_path, GRID))
    assert {cell.seed for cell in cells_of(grid, [5])} == {5}
    with pytest.raises(ConfigError, match=r"no seed 3 in this grid.*it has 4, 5"):
        cells_of(grid, [3])


def test_a_table_of_mosaics_says_on_how_many(tmp_path: Path) -> None:
    path = written(tmp_path, GRID.replace("threads = 1", 'threads = 1\nmeasure = "mosaics"'))
    with pytest.raises(ConfigError, match=r"mosaics is 0.*mosaics = 100"):
        cells_of(read_grid(path))


@pytest.mark.parametrize("reference", ["image · turned", "turned"])
def test_a_reference_is_a_label_or_a_choice_of_the_last_axis(
    tmp_path: Path, reference: str
) -> None:
    assert len(cells_of(read_grid(written(tmp_path, GRID + f'reference = "{reference}"\n')))) == 8


@pytest.mark.parametrize("reference", ["image · turnd", "image", ""])
def test_any_other_reference_is_refused(tmp_path: Path, reference: str) -> None:
    grid = read_grid(written(tmp_path, GRID + f'reference = "{reference}"\n'))
    message = (
        rf"the reference '{reference}' is no cell's label in \S+grid\.toml; "
        r"a whole label, or that of a choice in the last axis: (did you|choose)"
    )
    with pytest.raises(ConfigError, match=message):
        cells_of(grid)


def test_the_file_of_a_grid_is_not_written_into_its_table(tmp_path: Path) -> None:
    grid = read_grid(written(tmp_path, GRID))
    assert grid.place == str(tmp_path / "grid.toml")
    assert "grid.toml" not in grid.model_dump_json()


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "benchmarks/grids").glob("*.toml")),
    ids=lambda path: path.stem,
)
def test_the_committed_grids_are_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parents[2])
    grid = read_grid(path)
    cells = cells_of(grid)
    labels = {cell.label for cell in cells}
    for cell in cells:
        check_network(cell.config)
    beside = references(grid.reference, labels)
    assert grid.reference is None or labels == {
        *beside,
        *beside.values(),
    }  # each line is a reference or has one
