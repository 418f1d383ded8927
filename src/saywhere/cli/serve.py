"""saywhere serve [RUN…]"""

from __future__ import annotations

import json
import os
import secrets
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from saywhere.cli.compute import Device


def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Run directories, or models' names. Default: every model on this machine.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Off loopback a token is needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 7860,
    store: Annotated[
        Path,
        typer.Option(
            help="Folder of what is kept on the page: a manifest that `saywhere train` takes."
        ),
    ] = Path("kept"),
    token: Annotated[
        str | None,
        typer.Option(
            help="Needed for every call under /v1. Off loopback one is drawn if none is given.",
            envvar="SAYWHERE_TOKEN",
        ),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Names behind a token each, hashed; reviews and kept masks bear the name.",
        ),
    ] = None,
    add_user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Draw a token for a name, write its hash to --users, and end."
        ),
    ] = None,
    public_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of a reverse proxy in front (saywhere.example.org). A token is needed.",
        ),
    ] = None,
    places: Annotated[
        int, typer.Option(min=1, help="Requests in work or waiting; one more is answered 503.")
    ] = 32,
    dicomweb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="An archive that images may be fetched from by reference; may be repeated.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose images Label Studio's tasks and an agent may name.",
        ),
    ] = None,
    label_studio: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Also be an ML backend, at /label-studio/MODEL, of the Label Studio there.",
        ),
    ] = None,
    label_studio_token: Annotated[
        str,
        typer.Option(
            help="Of a person there, to fetch what was uploaded.", envvar="LABEL_STUDIO_API_KEY"
        ),
    ] = "",
    image_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Another server that images of its tasks may be fetched from; may be repeated.",
        ),
    ] = None,
    mcp: Annotated[
        bool,
        typer.Option(
            "--mcp", help="Be tools of an agent (Model Context Protocol) over stdio, and no page."
        ),
    ] = False,
    http: Annotated[
        bool, typer.Option("--http", help="With --mcp: over HTTP at --host and --port instead.")
    ] = False,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the address.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print address and drawn token as one line of JSON once it takes requests.",
        ),
    ] = False,
) -> None:
    """Serve the page at /, the service at /v1, /healthz, /readyz and /metrics.

    Nothing leaves this machine. With --label-studio also an ML backend; with --mcp tools alone.
    """
    # First of all: `io.limits` reads them once, when it is imported.
    _keep_own_limits()
    _refuse_missing()
    from saywhere.cli.progress import warn_of_unfinished
    from saywhere.errors import UsageError

    if add_user is not None:
        _add_user(users, add_user, as_json=as_json)
        return
    _refuse_two_ways(users, token, is_mcp=mcp)
    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    check_name(device, "--device")
    _refuse_no_folder(images)
    for run in runs or ():
        find(run)
        warn_of_unfinished(run)
    if http and not mcp:
        raise UsageError("--http without --mcp", remedy="leave it out: the page and /v1 are HTTP")
    if mcp:
        _serve_tools(runs or [], images, device, (host, port) if http else None, token, quiet=quiet)
        return
    from saywhere.serve.run import run_server
    from saywhere.serve.task_images import TaskImages
    from saywhere.serve.users import read_users

    listed = None if users is None else read_users(users)
    drawn = None if token or listed else _drawn_token(public_name, host)

    bridge = None
    if label_studio:
        bridge = TaskImages.of(label_studio, label_studio_token, image_host or (), images)
    run_server(
        runs or [],
        host=host,
        port=port,
        store=store,
        # An empty token counts as none: SAYWHERE_TOKEN= must not open the door.
        token=token or drawn,
        places=places,
        public_name=public_name,
        archives=dicomweb or (),
        device=device,
        task_images=bridge,
        users=listed,
        say=partial(_announce, store=store, drawn=drawn, as_json=as_json, quiet=quiet),
    )


def _keep_own_limits() -> None:
    """What a user allows for files of their own, strangers may not send."""
    from saywhere.cli.progress import warn

    for variable in ("SAYWHERE_MAX_PIXELS", "SAYWHERE_MAX_MIB"):
        if os.environ.pop(variable, ""):
            warn(f"{variable} is for your own files; the service keeps its own limit")


def _refuse_missing() -> None:
    """Raises MissingExtra where the service's packages are not installed."""
    from saywhere.errors import MissingExtra

    # Looked for, and not loaded: that takes a third of a second.
    if not (find_spec("fastapi") and find_spec("uvicorn")):
        raise MissingExtra(
            "what the service is made of is not installed", remedy="pip install 'saywhere[serve]'"
        )


def _add_user(users: Path | None, name: str, *, as_json: bool) -> None:
    from saywhere.errors import UsageError
    from saywhere.serve.users import add_user

    if users is None:
        raise UsageError("--add-user without --users", remedy="--users FILE.toml says where")
    token = add_user(users, name)
    typer.echo(json.dumps({"user": name, "token": token}) if as_json else token)


def _refuse_two_ways(users: Path | None, token: str | None, *, is_mcp: bool) -> None:
    from saywhere.errors import UsageError

    if users is not None and (token or is_mcp):
        other = "--mcp" if is_mcp else "--token (or SAYWHERE_TOKEN)"
        raise UsageError(f"--users beside {other}", remedy="leave one of them out")


def _refuse_no_folder(images: Path | None) -> None:
    """Raises MissingFile. Typer's own check would refuse without saying what to do."""
    from saywhere.errors import MissingFile

    if images is not None and not images.is_dir():
        raise MissingFile(
            f"no folder {images}", where="--images", remedy="make it, or name another one"
        )


def _drawn_token(public_name: str | None, host: str) -> str | None:
    """A token where one is needed and none was given; None where only this machine can call."""
    from saywhere.cli.progress import warn
    from saywhere.io.dicomweb import is_loopback

    if not public_name and is_loopback(host):
        return None
    drawn = secrets.token_urlsafe(24)
    warn(f"{public_name or host} can be reached from outside, so a token is asked for: {drawn}")
    return drawn


def _announce(
    address: str, names: list[str], *, store: Path, drawn: str | None, as_json: bool, quiet: bool
) -> None:
    """Requests are taken now: say where, and with which token."""
    if as_json:
        document = {"address": address, "models": names, "store": str(store)}
        typer.echo(json.dumps(document | ({"token": drawn} if drawn else {})))
    elif not quiet:
        typer.echo(
            f"Saywhere is at {address} ({', '.join(names)}); kept work goes to {store}; "
            "Ctrl-C ends it",
            err=True,
        )


def _serve_tools(
    runs: list[Path],
    images: Path | None,
    device: str,
    http: tuple[str, int] | None,
    token: str | None,
    *,
    quiet: bool,
) -> None:
    from saywhere.serve.mcp_server import run_mcp

    def say(address: str, names: list[str]) -> None:
        # stdout is the protocol's.
        if not quiet:
            typer.echo(f"Saywhere's tools are at {address} ({', '.join(names)})", err=True)

    run_mcp(runs, folder=images, device=device, say=say, http=http, token=token or None)
