"""Connections that ask for nothing, or ever so slowly, are closed: uvicorn keeps them for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import h11
from fastapi.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from saywhere.errors import BodyTooSlow, Busy
from saywhere.serve.errors import error_response, refusal


@dataclass(frozen=True)
class Patience:
    """How long a connection may take, and how many there may be.

    Attributes:
        head_s: From the connection, or a request's first byte, to the end of its head.
        write_s: In which an answer that somebody reads goes on by a byte at least.
        most: Connections at once. One more closes the one that has waited longest without a whole
            request; where all have one, it is refused.
    """

    head_s: float = 20.0
    write_s: float = 30.0
    most: int = 512


def protocol(patience: Patience) -> type[BoundedProtocol]:
    """Make uvicorn's protocol with these limits.

    Args:
        patience: The limits.

    Returns:
        What `uvicorn.Config(http=…)` takes: h11's, whatever else is installed.
    """
    return type("Protocol", (BoundedProtocol,), {"patience": patience})


class BoundedProtocol(H11Protocol):
    """A connection with an end: uvicorn's own, with clocks."""

    patience: ClassVar[Patience] = Patience()
    _head_clock: asyncio.TimerHandle | None = None
    _write_clock: asyncio.TimerHandle | None = None
    _since_s = 0.0
    """When it began to wait for a request, by the loop's clock."""

    @property
    def _is_waiting(self) -> bool:
        """Is there no request in work, as far as its head goes?"""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _is_unfinished(self) -> bool:
        """Is nothing here that a server could answer?"""
        return self._is_waiting or self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head.

        Args:
            transport: Of the connection.
        """
        super().connection_made(transport)
        self._since_s = self.loop.time()
        self._set_head_clock()
        if len(self.connections) > self.patience.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks.

        Args:
            exc: Why it ended.
        """
        self._stop_head_clock()
        self._stop_write_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that drips has no more time for it.

        Args:
            data: As it came.
        """
        super().data_received(data)
        if self._is_waiting and not self.transport.is_closing():
            self._set_head_clock()

    def handle_events(self) -> None:
        """Take what has come; a whole head stops its clock."""
        super().handle_events()
        if not self._is_waiting:
            self._stop_head_clock()

    def on_response_complete(self) -> None:
        """Wait for another request."""
        self._since_s = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The caller reads more slowly than is written."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """The caller has read on."""
        super().resume_writing()
        self._stop_write_clock()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the one form.

        Args:
            msg: Of uvicorn.
        """
        self._refuse(refusal(400, "bad_request", "a request that is no HTTP/1.1", "mend it"))

    def _set_head_clock(self) -> None:
        # Not anew with each byte: else a byte now and then keeps it for ever.
        if self._head_clock is None:
            self._head_clock = self.loop.call_later(self.patience.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_clock = None
        # Of who has sent nothing, a browser may have opened it ahead: there is nothing to answer.
        if self.conn.trailing_data[0] == b"":
            self.transport.close()
            return
        late = f"the head did not arrive within {self.patience.head_s:g} s"
        self._refuse(error_response(BodyTooSlow(late, remedy="send it again")))

    def _refuse(self, response: JSONResponse) -> None:
        """Answer without the application, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [*response.raw_headers, (b"connection", b"close")]
            head = h11.Response(status_code=response.status_code, headers=headers)
            for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _make_room(self) -> None:
        """Close who has waited longest without a whole request."""
        others = [each for each in self.connections if isinstance(each, BoundedProtocol)]
        unfinished = [each for each in others if each is not self and each._is_unfinished]
        if unfinished:
            min(unfinished, key=lambda each: each._since_s).transport.abort()
            return
        many = f"it takes {self.patience.most} connections at once"
        busy = Busy("the service is busy", allowed=many, remedy="try again after Retry-After")
        self._refuse(error_response(busy))

    def _watch_writing(self) -> None:
        n_left = self.transport.get_write_buffer_size()
        self._write_clock = self.loop.call_later(self.patience.write_s, self._look, n_left)

    def _look(self, n_before: int) -> None:
        """Nobody has read a byte since: end it, so that its answer is let go."""
        if self.transport.get_write_buffer_size() >= n_before:
            self.transport.abort()
        else:
            self._watch_writing()

    def _stop_head_clock(self) -> None:
        if self._head_clock is not None:
            self._head_clock.cancel()
            self._head_clock = None

    def _stop_write_clock(self) -> None:
        if self._write_clock is not None:
            self._write_clock.cancel()
            self._write_clock = None
