"""What holds for every test: no network, a cache of its own, few threads, and shapes checked at run
time.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["SAYWHERE_CACHE"] = _cache = tempfile.mkdtemp(
    prefix="saywhere-tests-"
)  # before anything of ours is imported

from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src"
_TYPES = (SOURCE / "saywhere/types.py").read_text(encoding="utf-8")
_SHAPES = "|".join(re.findall(r"^(\w+) = (?:Float|Bool|Int)\[", _TYPES, re.MULTILINE))
_NAMES_SHAPES = re.compile(
    r"^from jaxtyping import|"
    rf"^from saywhere\.types import (\([^)]*|[^(\n]*)\b({_SHAPES})\b",
    re.MULTILINE,
)


def modules_with_shapes() -> list[str]:
    """Modules of the package that write shapes in signatures; read as text, not imported."""
    paths = [
        path.relative_to(SOURCE)
        for path in sorted(SOURCE.rglob("*.py"))
        if _NAMES_SHAPES.search(path.read_text(encoding="utf-8"))
    ]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]


UNCHECKED = {"saywhere.metrics.functional"}
"""It refuses wrong shapes itself, in plain words, which tests read."""
CHECKED = sorted(set(modules_with_shapes()) - UNCHECKED)
install_import_hook(CHECKED, "beartype.beartype")

import torch  # noqa: E402

from tiny_bert import write_checkpoint  # noqa: E402

KVASIR = Path("../shared/data/kvasir")
LOOPBACK = ("127.", "::1", "localhost")
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex
# Beside other workers, one; `make test-anywhere` says how many.
_usual = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
N_THREADS = int(os.environ.get("SAYWHERE_TEST_THREADS", _usual))
torch.set_num_threads(N_THREADS)
os.environ.setdefault("OMP_NUM_THREADS", str(N_THREADS))  # of what tests start, too


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """SAYWHERE_TEST_ORDER=reversed runs the last test of the last file first."""
    if os.environ.get("SAYWHERE_TEST_ORDER") == "reversed":
        items.reverse()


class NetworkUsed(RuntimeError):
    """A test tried to leave the machine."""


def pytest_unconfigure() -> None:
    import shutil

    shutil.rmtree(_cache, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    """Connecting anywhere but to this machine raises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            socket.socket, "connect", lambda self, address: _connect(self, _local(self, address))
        )
        patch.setattr(
            socket.socket,
            "connect_ex",
            lambda self, address: _connect_ex(self, _local(self, address)),
        )
        yield


def _local(self: socket.socket, address: Any) -> Any:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(
        LOOPBACK
    ):
        raise NetworkUsed(f"{address}: no test may leave the machine")
    return address


@pytest.fixture(scope="session")
def kvasir() -> Path:
    """The folder of the real endoscopy images."""
    if not (KVASIR / "annotations.jsonl").is_file():
        pytest.skip(f"{KVASIR} is not here")
    return KVASIR


@pytest.fixture(scope="session")
def cxr_bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint in CXR-BERT's published layout, weights as a pickle."""
    return write_checkpoint(tmp_path_factory.mktemp("cxr-bert"))


@pytest.fixture(scope="session")
def minilm() -> Any:
    """The default encoder, opened once."""
    from saywhere.text.minilm import open_minilm

    return open_minilm()
