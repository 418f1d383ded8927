"""`saywhere info` tells the truth about the registries, at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from saywhere.cli.info import info, tables
from saywhere.config import TextConfig
from saywhere.config.fusions import FUSIONS
from saywhere.datasets import SETS
from saywhere.errors import UsageError
from saywhere.networks.registry import NETWORKS
from saywhere.text.encoder import ENCODERS, open_encoder

app = typer.Typer()
app.command()(info)


def answer(*words: str) -> str:
    outcome = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert outcome.exit_code == 0
    return outcome.stdout


def test_it_names_everything_that_a_configuration_or_prepare_may_name() -> None:
    assert [*NETWORKS, "monai:NAME"] == list(tables()["networks"])
    assert list(ENCODERS) == list(tables()["encoders"])
    assert list(FUSIONS) == list(tables()["fusions"])
    assert list(SETS) == list(tables()["sets"])


def test_the_default_encoder_has_as_many_numbers_as_it_says() -> None:
    assert open_encoder(TextConfig()).dim == tables()["encoders"]["minilm"]["dim"]


def test_json_is_one_document_with_a_list_a_table() -> None:
    document = json.loads(answer("--json"))
    assert list(document) == ["networks", "encoders", "fusions", "sets"]
    assert document["sets"] == [
        {"name": name, "what": entry.what, "prepare": f"saywhere prepare {name}"}
        for name, entry in SETS.items()
    ]
    assert (
        json.loads(answer("networks", "--json"))["networks"][0]["parameters_6_channels"]
        == 31_039_361
    )


def test_without_json_it_draws_the_tables_that_were_asked_for() -> None:
    drawn = answer("encoders")
    assert "minilm" in drawn
    assert "768" in drawn
    assert "unet" not in drawn


def test_one_network_is_counted_at_3_and_6_channels() -> None:
    facts = json.loads(answer("network", "unet", "--json"))
    assert (facts["parameters_3_channels"], facts["parameters_6_channels"]) == (
        31_037_633,
        31_039_361,
    )
    assert (facts["gflop_3_channels"], facts["gflop_6_channels"]) == (73.756, 73.93)
    assert "parameters 6 channels: 31,039,361" in answer("network", "unet")


def test_quiet_prints_names_only() -> None:
    assert answer("fusions", "--quiet").split() == list(tables()["fusions"])
    assert answer("network", "unet", "--quiet") == "unet\n"


def test_a_smaller_width_costs_less() -> None:
    assert (
        json.loads(answer("network", "unet", "--width", "16", "--json"))["parameters_3_channels"]
        < 2_000_000
    )


def test_a_smaller_depth_costs_less_and_a_network_without_the_scale_says_so() -> None:
    facts = json.loads(answer("network", "unet", "--depth", "0.5", "--json"))
    assert facts["depth"] == 0.5
    assert (
        facts["parameters_3_channels"] < 2_000_000
    )  # two of four levels: a sixteenth of the channels' products
    assert json.loads(answer("network", "lite", "--json"))["depth"] is None
    assert "depth: it has no such scale" in answer("network", "lite")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["netwroks"], "info knows no 'netwroks': did you mean 'networks'"),
        (
            ["networks", "unet"],
            "takes no name, but 'unet' was given: for one network: saywhere info network unet",
        ),
        (
            ["network"],
            f"info network was given no name: choose one of {', '.join(NETWORKS)}",
        ),
        (
            ["network", "unet", "--depth", "0"],
            "a network of depth 0.0; it is a share above 0 and up to 2",
        ),
        (["network", "lite", "--depth", "0.5"], "depth is 0.5, but lite has no depth scale"),
        (["network", "unett"], "no network is called 'unett': did you mean 'unet'"),
    ],
)
def test_a_wrong_word_is_refused_with_what_is_meant(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        answer(*words)


def test_the_tables_come_without_torch() -> None:
    program = (
        "import sys, json; from saywhere.cli.info import info; "
        "info(None, None, 64, as_json=True, quiet=False); "
        "print(json.dumps('torch' in sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert json.loads(printed[-1]) is False
