"""The guards that conftest.py puts around the whole suite are at work (what code may read is in
test_source.py).
"""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from saywhere.io.paths import cache_folder


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("huggingface.co", 443), ("0.0.0.0", 80)])
@pytest.mark.parametrize("verb", ["connect", "connect_ex"])
def test_no_test_can_leave_the_machine(address: tuple[str, int], verb: str) -> None:
    with (
        socket.socket() as connection,
        pytest.raises(RuntimeError, match="no test may leave the machine"),
    ):
        getattr(connection, verb)(address)


def test_the_machine_itself_can_be_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as connection,
    ):
        assert connection.getpeername() == server.getsockname()


def test_the_cache_of_the_tests_is_their_own() -> None:
    assert cache_folder().is_relative_to(tempfile.gettempdir())
    assert not cache_folder().is_relative_to(Path.home() / ".cache")


def test_no_hub_is_asked() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
