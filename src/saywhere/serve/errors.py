"""Every refusal has one form: {"error": {"code", "message", "remedy"}}.

A message never holds a path, a file's name or a prompt.
"""

from __future__ import annotations

from fastapi.responses import JSONResponse

from saywhere.errors import Busy, NotAllowed, SaywhereError

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


def error_response(error: SaywhereError, *, close: bool = False) -> JSONResponse:
    """Turn one of our errors into its response.

    Args:
        error: what was raised.
        close: end the connection, since the body was not read.

    Returns:
        A response with the error's status; with Retry-After where the service is busy.
    """
    rule = f"; {error.allowed}" if error.allowed else ""
    response = refusal(error.http_status, error.code, f"{error.found}{rule}", error.remedy)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, NotAllowed):
        # HTTP asks for this header with every 401.
        response.headers["WWW-Authenticate"] = "Bearer"
    if close:
        response.headers["Connection"] = "close"
    return response


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
