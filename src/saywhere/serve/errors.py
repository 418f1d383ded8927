"""Every refusal has one form: {"error": {"code", "message", "remedy"}}.

A message never holds a path, a file's name or a prompt.
"""

from __future__ import annotations

import errno

from fastapi.responses import JSONResponse

from saywhere.errors import Busy, NotAllowed, NotWritable, SaywhereError
from saywhere.io.files import FULL
from saywhere.serve.schemas import Fault

CODES = {
    400: "bad_request",
    401: "not_allowed",
    404: "no_such_address",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unreadable_file",
    422: "usage",
}
"""HTTP status → the error's code, for errors that the framework raises."""

_UNWRITABLE = NotWritable("the server cannot write what this call needs", remedy="see its log")


def error_response(error: SaywhereError, *, close: bool = False) -> JSONResponse:
    """Turn one of our errors into its response.

    Args:
        error: what was raised.
        close: end the connection, since the body was not read.

    Returns:
        A response with the error's status; with Retry-After where the service is busy.
    """
    if isinstance(error, NotWritable) and error.__cause__ is not None:
        # Of a writer for one's own machine: its message names the folder.
        error = refused_by_disk(error.__cause__) or _UNWRITABLE
    response = refusal(error.http_status, error.code, _message(error), error.remedy)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, NotAllowed):
        # HTTP asks for this header with every 401.
        response.headers["WWW-Authenticate"] = "Bearer"
    if close:
        response.headers["Connection"] = "close"
    return response


def refused_by_disk(error: BaseException | None) -> NotWritable | None:
    """Tell a full temporary folder from a fault of the code.

    Args:
        error: what was raised, or what stands behind it.

    Returns:
        What the caller is told, without the server's folders; None where it is something else.
    """
    if not isinstance(error, OSError):
        return None
    # Python looks for a temporary folder that takes a file, and names none where all are full.
    has_none = error.errno == errno.ENOENT and error.filename is None
    if error.errno not in FULL and not has_none:
        return None
    return NotWritable(
        "the server's disk for temporary files is full",
        allowed="nothing was kept of this call",
        remedy="make room there (TMPDIR), and send it again",
    )


def fault_of(error: SaywhereError) -> Fault:
    """Describe an error within an answer that is no refusal as a whole.

    Args:
        error: what was raised.

    Returns:
        Its code, message and remedy.
    """
    return Fault(code=error.code, message=_message(error), remedy=error.remedy)


def _message(error: SaywhereError) -> str:
    return f"{error.found}; {error.allowed}" if error.allowed else error.found


def refusal(status: int, code: str, message: str, remedy: str | None = None) -> JSONResponse:
    """Write a refusal in its one form.

    Args:
        status: the HTTP status.
        code: a stable name for programs.
        message: what was found and what is allowed.
        remedy: what to do next.

    Returns:
        The response.
    """
    return JSONResponse({"error": {"code": code, "message": message, "remedy": remedy}}, status)
