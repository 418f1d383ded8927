"""saywhere serve [RUN…]"""

from __future__ import annotations

import json
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

    Nothing leaves this machine.
    """
    import os

    from saywhere.cli.progress import warn
    from saywhere.errors import MissingExtra

    # Before the limits are read: what a user allows for files of their own, strangers may not send.
    for variable in ("SAYWHERE_MAX_PIXELS", "SAYWHERE_MAX_MIB"):
        if os.environ.pop(variable, ""):
            warn(f"{variable} is for your own files; the service keeps its own limit")

    import secrets
    from importlib.util import find_spec

    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    # Looked for, and not loaded: that takes a third of a second.
    if not (find_spec("fastapi") and find_spec("uvicorn")):
        raise MissingExtra(
            "what the service is made of is not installed", remedy="pip install 'saywhere[serve]'"
        )
    check_name(device, "--device")
    for run in runs or ():
        # Before torch is loaded: a slip is refused at once.
        find(run)
    from saywhere.io.dicomweb import is_loopback
    from saywhere.serve.run import run_server

    drawn = None
    # An empty token counts as none: SAYWHERE_TOKEN= must not open the door.
    if not token and (public_name or not is_loopback(host)):
        token = drawn = secrets.token_urlsafe(24)
        warn(f"{public_name or host} can be reached from outside, so a token is asked for: {token}")

    def say(address: str, names: list[str]) -> None:
        if as_json:
            document = {"address": address, "models": names, "store": str(store)}
            typer.echo(json.dumps(document | ({"token": drawn} if drawn else {})))
        elif not quiet:
            typer.echo(
                f"Saywhere is at {address} ({', '.join(names)}); kept work goes to {store}; "
                "Ctrl-C ends it",
                err=True,
            )

    run_server(
        runs or [],
        host=host,
        port=port,
        store=store,
        token=token or None,
        places=places,
        public_name=public_name,
        archives=dicomweb or (),
        device=device,
        say=say,
    )
