"""DICOMweb: references, the list of hosts, and each way in which an archive may misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from archive_server import TWO, Answer, answering, archive
from saywhere.errors import UsageError
from saywhere.io import dicomweb, pinned
from saywhere.io.dicomweb import ArchiveError, Archives, Reference, fetch, parse, store


def test_the_parts_of_an_answer_are_the_files_to_the_byte() -> None:
    with archive(answering(200)) as reference:
        assert fetch(reference) == [b"one\r\n--", b"\r\n\r\ntwo"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dicomweb://pacs/studies/1.2", Reference(True, "pacs", 443, "", "/studies/1.2")),
        # As pathlib makes it.
        (Path("dicomweb://PACS/studies/1.2"), Reference(True, "pacs", 443, "", "/studies/1.2")),
        (
            "dicomweb+http://pacs:80/a/b/studies/1/series/2/instances/3",
            Reference(False, "pacs", 80, "/a/b", "/studies/1/series/2/instances/3"),
        ),
        (
            "dicomweb://[::1]:8042/dicom-web/studies/1/series/2",
            Reference(False, "::1", 8042, "/dicom-web", "/studies/1/series/2"),
        ),
        (
            "dicomweb+https://localhost/studies/1",
            Reference(True, "localhost", 443, "", "/studies/1"),
        ),
    ],
)
def test_a_reference_is_read(text: object, expected: Reference) -> None:
    assert dicomweb.is_reference(text)
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "dicomweb://pacs",
        "dicomweb://user:word@pacs/studies/1.2",
        "dicomweb://pacs/studies/1.2?x=1",
        "dicomweb://pacs/studies/../1.2",
        "dicomweb://pacs/studies/abc",
        "dicomweb://pacs/studies/1/instances/2",
        "dicomweb://pacs\r\nHost: x/studies/1",
        "dicomweb://pacs/studies/1.2/rendered",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="dicomweb://HOST"):
        parse(text)


def test_a_host_that_is_not_listed_is_refused_without_a_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = Archives.of(["127.0.0.1:8042"])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *parts, **named: pytest.fail("looked up"))
    for text in ("dicomweb://127.0.0.1:22/studies/1", "dicomweb://metadata/studies/1"):
        with pytest.raises(UsageError, match="a host that is not on this server's list"):
            fetch(parse(text), listed)


def test_a_name_that_resolves_to_another_address_later_leads_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo

    def to(address: str) -> Callable[..., object]:
        return lambda host, *parts, **named: real(
            address if host == "pacs.test" else host, *parts, **named
        )

    with archive(answering(200)) as reference:
        named = Reference(False, "pacs.test", reference.port, "/root", "/studies/1.2")
        monkeypatch.setattr(socket, "getaddrinfo", to("127.0.0.1"))
        listed = Archives.of(["pacs.test"])
        monkeypatch.setattr(socket, "getaddrinfo", to("127.0.0.99"))
        assert len(fetch(named, listed)) == 2


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0"])
def test_addresses_that_no_archive_has_are_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(UsageError, match="link-local, multicast or no address"):
        Archives.of([host])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answering(302, Location="http://127.0.0.1/x"), "redirects are not followed"),
        (answering(301, Location="/studies/1"), "redirects are not followed"),
        (answering(401), "asks for a login"),
        (answering(404), "does not have it"),
        (answering(500), r"refused \(HTTP 500\)"),
        (answering(200, kind="text/html", body=b"<html>"), "holds no DICOM files"),
        (answering(200, body=b"--xyz--\r\n"), "holds no image"),
        (answering(200, body=bytes(3000)), "an answer of more than 2,000 bytes"),
        (answering(200, **{"Content-Length": "99999"}), "cut off"),
        (answering(200, body=TWO[:-5]), "cut off"),
        (lambda request: request.connection.close(), "cannot be reached"),
    ],
)
def test_each_refusal_is_said(answer: Answer, message: str) -> None:
    with archive(answer) as reference, pytest.raises(ArchiveError, match=message):
        fetch(reference, most_bytes=2_000)


def test_an_answer_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "WHOLE_S", 0.2)
    stopped = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        answering(200)(request)
        while not stopped.wait(0.05):
            request.wfile.write(b"x")

    with archive(drip) as reference:
        with pytest.raises(ArchiveError, match="takes more than"):
            fetch(reference)
        stopped.set()


def test_a_silent_archive_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "CONNECT_S", 0.2)
    stopped = threading.Event()
    with archive(lambda request: stopped.wait(30) and None) as reference:
        with pytest.raises(ArchiveError, match=r"cannot be reached \(TimeoutError\)"):
            fetch(reference)
        stopped.set()


@pytest.mark.parametrize("status", [202, 409])
def test_what_was_not_stored_is_said(status: int) -> None:
    expected = pytest.raises(ArchiveError, match="did not take")
    with archive(answering(status)) as reference, expected:
        store(reference, [b"a"])
