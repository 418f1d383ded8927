"""Whoever types what a page of docs/ shows gets what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import CONSOLE, DOCS, ROOT, Snippet, snippets

from page_run import PageRun
from saywhere.cli import demo_run
from saywhere.config import Config
from saywhere.experiments.grid import cells_of, read_grid
from saywhere.experiments.rungs import rungs_of
from saywhere.runs.directory import Run


def blocks_of(page: str) -> list[Snippet]:
    return [
        one
        for one in snippets((ROOT / page).read_text(encoding="utf-8"))
        if one.title or one.language in {"python", *CONSOLE}
    ]


# Four trainings and two probes; Ray's start.
SLOW = {"docs/tutorials/researcher.md", "docs/how-to/cluster.md"}


def has_run_blocks(page: str) -> bool:
    return any(block.reason is None for block in blocks_of(page))


WITH_BLOCKS = [
    pytest.param(page, marks=pytest.mark.slow if page in SLOW else ())
    for page in filter(has_run_blocks, DOCS)
]
NOT_RUN = {
    "docs/deploy.md": [
        "needs root, systemd and a package registry",
        "needs a container engine",
        "tests/unit/serve/test_users.py runs it",
    ],
    "docs/how-to/cluster.md": [
        "takes some minutes",
        "needs two machines",
        *["tests/docs/test_cluster_walk.py runs it with a head of its own"] * 2,
        "needs Slurm",
        "tests/docs/test_cluster_walk.py runs it with a head and a bucket of its own",
    ],
    "docs/scale.md": ["it measures for a minute, and replaces what is measured"],
    "docs/how-to/s3.md": [
        "needs a package registry",
        "needs a server; tests/s3_server.py is one of its own",
    ],
    "docs/how-to/cxr-bert.md": [
        "needs the published CXR-BERT files",
        "needs the published CXR-BERT files, the QaTa-COV19 set and a GPU",
    ],
    "docs/how-to/dicom.md": [
        "needs your images; tests/unit/inference/test_volumes.py runs such",
        "needs a run, and pictures of yours",
        "needs a series of yours; tests/unit/datasets/test_segmented_slices.py runs such",
    ],
    "docs/results/contradictions.md": ["needs one of the public sets"],
    "docs/how-to/export.md": [
        "needs a package registry",
        "needs the package fire, which MONAI's command line asks for",
    ],
    "docs/how-to/fine-tune.md": [
        "needs work that a person kept",
        "needs a test set of your own",
        "needs the fine-tuned run of above",
    ],
    "docs/how-to/gpu.md": [
        "needs a GPU",
        "needs a GPU",
        "needs a GPU and the published CXR-BERT files",
        "needs a package registry and Kvasir-SEG",
        "needs a GPU",
    ],
    "docs/performance.md": ["takes minutes"] * 2,
    "docs/how-to/speed.md": ["exporting takes a minute", "takes minutes"],
    "docs/how-to/models.md": ["needs a run with twenty validation cases"],
    "docs/how-to/own-network.md": ["needs the published R50+ViT-B_16.npz and a GPU"],
    "docs/how-to/offline.md": [
        "needs a package registry",
        "needs the folder of wheels that a registry filled",
    ],
    "docs/service.md": [
        *["tests/unit/serve runs it against a server of its own"] * 3,
        "tests/unit/serve/test_volumes.py sends such calls to a server of its own",
        "needs an archive; tests/unit/serve has one of its own",
    ],
    "docs/index.md": ["needs a package registry, and some 2 GB of packages"],
    "docs/how-to/own-data.md": ["needs hours"],
    "docs/how-to/compare.md": [
        "needs two finished runs",
        "needs a grid of your own, and hours",
        "needs a table of your own",
    ],
    "docs/how-to/server.md": ["needs a server; tests/unit/serve runs one of its own"],
    "docs/how-to/viewers.md": [
        "tests/unit/inference/test_viewers_page runs it with files of its own",
        "tests/unit/inference/test_viewers_page runs it with files of its own",
        "needs a server; tests/unit/serve runs one of its own",
        "tests/unit/inference/test_viewers_page runs it with files of its own",
    ],
    "docs/how-to/label-studio.md": [
        "needs a Label Studio; tests/unit/serve/test_real_label_studio.py starts one"
    ],
    "docs/how-to/agents.md": [
        "an agent starts it; tests/unit/serve/test_mcp.py does so with the SDK's own client",
        "tests/unit/serve/test_mcp.py runs it",
    ],
    "docs/how-to/page.md": ["needs a server; tests/unit/serve runs one of its own"] * 2,
    "docs/how-to/train.md": ["needs your images"] * 1,
    "docs/tutorials/python.md": ["needs a run, and pictures of yours"] * 3,
}
"""A block is not run for a reason; one more is a line here."""


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_what_a_page_shows_runs(
    page: str, page_run: PageRun, request: pytest.FixtureRequest
) -> None:
    if page == "docs/how-to/s3.md":
        request.getfixturevalue("filled_bucket")
    if page == "docs/how-to/cluster.md":
        pytest.importorskip("ray.data", reason="the extra `cluster` is not installed")
    for snippet in blocks_of(page):
        if snippet.reason is None:
            page_run.run(snippet)


@pytest.mark.parametrize("config", [demo_run.PHANTOMS, demo_run.REAL])
def test_the_search_begins_from_either_run_of_the_demo(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small run of these tests validates more often than the demo's."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/demo/run")
    folder.mkdir(parents=True)
    Run(folder).write_config(config)
    (shown,) = [block for block in blocks_of("docs/how-to/compare.md") if block.title]
    Path("search.toml").write_text(shown.code, encoding="utf-8")
    grid = read_grid(Path("search.toml"))
    assert rungs_of(grid, cells_of(grid)) == [1]


def test_what_is_not_run_is_counted_and_says_why() -> None:
    """Their options are held to exist all the same (tests/architecture/test_readme.py)."""
    reasons: dict[str, list[str]] = {}
    for page in DOCS:
        for block in blocks_of(page):
            if block.reason:
                reasons.setdefault(page, []).append(block.reason)
    assert reasons == NOT_RUN


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (Snippet("console", "saywhere train nowhere.toml\n"), "nowhere.toml"),
        (Snippet("console", "cat nowhere.txt\n"), "nowhere.txt"),
        (Snippet("python", "assert 1 == 2, 'no'\n"), "no"),
    ],
)
def test_a_block_that_fails_is_noticed(block: Snippet, told: str, page_run: PageRun) -> None:
    with pytest.raises(AssertionError, match=told):
        page_run.run(block)


def test_a_titled_block_is_a_file_and_names_last_from_block_to_block(page_run: PageRun) -> None:
    page_run.run(Snippet("toml", "seed = 1\n", title="here/grid.toml"))
    page_run.run(
        Snippet("python", "from pathlib import Path\nfound = Path('here/grid.toml').read_text()\n")
    )
    page_run.run(Snippet("python", "assert found == 'seed = 1\\n'\n"))
