"""The models as tools of an agent: a server of the Model Context Protocol (MCP).

An agent lists the models, segments an image by words, and looks at the mask on the image. Over
stdio it is a program on one's own machine; over HTTP it listens on loopback.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import uvicorn
from PIL import Image as Picture
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from saywhere._version import __version__
from saywhere.errors import MissingExtra, SaywhereError, UsageError
from saywhere.inference.result import Result
from saywhere.io import decoding_pool, uploads
from saywhere.io.allowed_folder import read_allowed
from saywhere.io.limits import MAX_FILE_BYTES
from saywhere.io.pinned import is_loopback
from saywhere.serve.app import LOOPBACK
from saywhere.serve.auth import Auth
from saywhere.serve.body_limit import BodyLimit
from saywhere.serve.connections import protocol
from saywhere.serve.content import check_prompts
from saywhere.serve.encode import as_json
from saywhere.serve.models import Models, open_models
from saywhere.serve.queue import Job, SegmentQueue
from saywhere.serve.run import listen, usual_patience
from saywhere.serve.schemas import Found, ModelFacts
from saywhere.serve.slow_work import DECODING, count_pixels, in_thread

try:
    from mcp.server.mcpserver import Image, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.transport_security import TransportSecuritySettings
except ImportError:
    raise MissingExtra(
        "the SDK of the Model Context Protocol is not installed",
        remedy="pip install 'saywhere[mcp]'",
    ) from None

INSTRUCTIONS = (
    "Segments medical images by words: say what and where, and get a mask. First list_models, "
    "then segment with a model made for that kind of image; look at the overlay before you rely on "
    "it. A warning or an expected_dice of null means that the answer may be wrong. Research use "
    "only, not a medical device: never a diagnosis."
)
HTTP_PATH = "/v1/mcp"
"""Below /v1, where each call needs the token."""
SHOWN_PX = 1024
"""The longest side of an overlay."""
MAX_MESSAGE_BYTES = MAX_FILE_BYTES * 4 // 3 + (1 << 20)
"""Of an image in base64, and a call's own lines."""

_T = TypeVar("_T")
Words = Annotated[str, Field(description="what to segment, and where: one small polyp, upper left")]
Model = Annotated[
    str | None, Field(description="name of list_models; needed where there are several")
]
ImagePath = Annotated[
    str | None,
    Field(description="an image of the folder that the server allows; or give image_base64"),
]
Base64 = Annotated[str | None, Field(description="the image's file: PNG, JPEG, DICOM …")]
Threshold = Annotated[
    float | None, Field(gt=0, lt=1, description="of the probability; null: the model's own")
]


class Box(BaseModel):
    """The least box around a mask; right and bottom are the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int


class Segmented(Found):
    """A mask, and what to know of it."""

    model: str
    size: list[int] = Field(description="height, width", min_length=2, max_length=2)
    box: Box | None = Field(description="in pixels of the image; null for an empty mask")


class ModelList(BaseModel):
    """The models of this server."""

    models: list[ModelFacts]


class Desk:
    """The models, one worker for all calls, and the folder whose files may be named."""

    def __init__(self, models: Models, folder: Path | None) -> None:
        """Start the worker.

        Args:
            models: the models that it offers.
            folder: whose images may be named by their paths; None: none may be.
        """
        self.models = models
        self.folder = folder
        self.queue = SegmentQueue()

    async def answer(
        self,
        words: str,
        model: str | None,
        path: str | None,
        image_base64: str | None,
        threshold: float | None,
        make: Callable[[Result, str], _T],
    ) -> _T:
        """Segment an image, within the places and pixels of the service.

        Args:
            words: what to segment.
            model: its name; None: the only one.
            path: of the image, in the allowed folder.
            image_base64: the image's file, in the place of `path`.
            threshold: of the probability; None: the model's own.
            make: writes the answer, of the result and the model's name; called in a thread.

        Returns:
            What `make` gives.

        Raises:
            ToolError: in the words of what went wrong, for the agent to read.
        """
        try:
            chosen = self.models.named(model)
            check_prompts([words])
            data = chosen.segmenter.config.data
            with self.queue.place():
                content = await run_in_threadpool(self._content, path, image_base64)
                async with self.queue.pixels.reserve(await count_pixels(content)):
                    sent = (content, data.channels, data.grey)
                    picture = await in_thread(DECODING, uploads.read_picture, *sent)
                    job = Job(chosen.segmenter, picture, words, threshold)
                    result, _ = await asyncio.wrap_future(self.queue.submit(job))
                    return await run_in_threadpool(make, result, chosen.name)
        except SaywhereError as error:
            raise ToolError(str(error)) from None

    def _content(self, path: str | None, image_base64: str | None) -> bytes:
        if (path is None) == (image_base64 is None):
            raise UsageError("no image, or two", allowed="path or image_base64, one of them")
        if path is not None:
            return read_allowed(self.folder, path)
        try:
            return base64.b64decode(image_base64 or "", validate=True)
        except (binascii.Error, ValueError):
            raise UsageError("an image_base64 that is no base64") from None


def build_mcp(desk: Desk) -> MCPServer[Any]:
    """Build the server and its tools.

    Args:
        desk: what answers.

    Returns:
        The SDK's server, not yet running.
    """
    server: MCPServer[Any] = MCPServer(
        "saywhere", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )

    @server.tool()
    def list_models() -> ModelList:
        """The models: name, whose left and right each means, prompts that it knows."""
        return ModelList(models=[ModelFacts(**model.facts()) for model in desk.models])

    @server.tool()
    async def segment(
        words: Words,
        model: Model = None,
        path: ImagePath = None,
        image_base64: Base64 = None,
        threshold: Threshold = None,
    ) -> Segmented:
        """Mark what the words name: a mask (COCO run lengths), its box, how good it may be."""
        return await desk.answer(words, model, path, image_base64, threshold, _written)

    @server.tool()
    async def overlay(
        words: Words,
        model: Model = None,
        path: ImagePath = None,
        image_base64: Base64 = None,
        threshold: Threshold = None,
    ) -> Image:
        """The mask drawn on the image, to look at: a PNG of at most 1024 pixels a side."""
        drawn = await desk.answer(words, model, path, image_base64, threshold, _drawn)
        return Image(data=drawn, format="png")

    return server


def run_mcp(
    runs: Sequence[Path],
    *,
    folder: Path | None,
    device: str,
    say: Callable[[str, list[str]], None],
    http: tuple[str, int] | None = None,
    token: str | None = None,
) -> None:
    """Load the models, and serve until the client closes stdin, or SIGTERM or Ctrl-C.

    Args:
        runs: run directories or models' names; none: every model on this machine.
        folder: whose images may be named by their paths; None: none may be.
        device: where the models run: auto, cpu, cuda, cuda:1 or mps.
        say: called with the address and the models' names once requests are taken.
        http: host and port to listen on; None: stdio.
        token: needed for every call over HTTP; None: no token.

    Raises:
        MissingFile: a run is not there.
        BadCheckpoint: weights are damaged.
        UsageError: the device is not here, two runs have one name, the port is in use, or the host
            is not loopback.
    """
    if http is not None and not is_loopback(http[0]):
        raise UsageError(
            f"MCP on {http[0]}",
            allowed="loopback: an agent names files of this machine",
            remedy="leave --host out",
        )
    listening = listen(*http) if http is not None else None
    # Over stdio nothing but the protocol may stand on stdout, whatever a library prints.
    with redirect_stdout(sys.stderr):
        desk = Desk(open_models(runs, device), folder)
        decoding_pool.shared().warm()
    server = build_mcp(desk)
    names = [model.name for model in desk.models]
    if http is None or listening is None:
        say("stdio", names)
        # The plain stream: the command line's own escapes what a terminal would obey.
        with redirect_stdout(sys.__stdout__):
            server.run("stdio")
    else:
        address = f"[{http[0]}]" if ":" in http[0] else http[0]
        say(f"http://{address}:{listening.getsockname()[1]}{HTTP_PATH}", names)
        bounded = BodyLimit(_http_app(server), max_bytes=MAX_MESSAGE_BYTES)
        config = uvicorn.Config(
            Auth(bounded, (*LOOPBACK, http[0]), token),
            http=protocol(usual_patience()),
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listening])
    desk.queue.close()


def _http_app(server: MCPServer[Any]) -> Any:
    # `Auth` checks Host and Origin, as for the service; the SDK's own check knows no free port.
    return server.streamable_http_app(
        streamable_http_path=HTTP_PATH,
        max_request_body_size=MAX_MESSAGE_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )


def _written(result: Result, model: str) -> Segmented:
    own = {"model": model, "size": list(result.mask.shape), "box": _box(result.mask)}
    # A tool takes one picture: no answer is that of a slice.
    answer = as_json(result, frozenset()) | own | {"slice": None}
    return Segmented.model_validate(answer)


def _drawn(result: Result, model: str) -> bytes:
    return _shown(result.overlay())


def _box(mask: np.ndarray) -> Box | None:
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return Box(
        left=int(columns[0]),
        top=int(rows[0]),
        right=int(columns[-1]) + 1,
        bottom=int(rows[-1]) + 1,
    )


def _shown(pixels: np.ndarray) -> bytes:
    picture = Picture.fromarray(pixels)
    picture.thumbnail((SHOWN_PX, SHOWN_PX))
    written = io.BytesIO()
    picture.save(written, format="PNG")
    return written.getvalue()
