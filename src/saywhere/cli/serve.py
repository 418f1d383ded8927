"""saywhere serve [RUN…]"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...", help="Run directories, or models' names. Default: every model here."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Off loopback a token is asked for.")
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
            help="Asked for in every call under /v1. Off loopback one is drawn where none is given.",
            envvar="SAYWHERE_TOKEN",
        ),
    ] = None,
    public_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The name of a reverse proxy in front of it (saywhere.example.org). A token is asked for.",
        ),
    ] = None,
    places: Annotated[
        int, typer.Option(min=1, help="Requests in work or waiting; one more is answered 503.")
    ] = 32,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not say where it is.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Say where it is, and a drawn token, as one line of JSON on stdout, once it takes requests.",
        ),
    ] = False,
) -> None:
    """The page at /, the service at /v1, /healthz, /readyz, /metrics. Nothing leaves this machine."""
    from saywhere.cli.progress import warn
    from saywhere.errors import MissingExtra

    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "what the service is made of is not installed", remedy="pip install 'saywhere[serve]'"
        ) from None
    import secrets

    from saywhere.runs.named import find

    for run in runs or ():
        find(run)  # before torch is loaded: a slip is refused at once
    from saywhere.serve.run import is_loopback, run_server

    drawn = None
    if not token and (
        public_name or not is_loopback(host)
    ):  # an empty one is none: SAYWHERE_TOKEN= must not open the door
        token = drawn = secrets.token_urlsafe(24)
        warn(f"{public_name or host} can be reached from outside, so a token is asked for: {token}")

    def say(address: str, names: list[str]) -> None:
        if as_json:
            typer.echo(
                json.dumps(
                    {"address": address, "models": names, "store": str(store)}
                    | ({"token": drawn} if drawn else {})
                )
            )
        elif not quiet:
            typer.echo(
                f"Saywhere is at {address} ({', '.join(names)}); kept work goes to {store}; Ctrl-C ends it",
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
        say=say,
    )
