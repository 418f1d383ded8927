"""Ray, started on this machine or joined on a cluster."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from saywhere.errors import MissingExtra, UsageError

HERE = "ray"
"""Not a cluster's address: Ray is started on this machine."""
ALLOWED = "local, ray, auto, or ray://HOST:10001"


@contextmanager
def session(address: str, n_cores: int) -> Iterator[Any]:
    """Use Ray for a while.

    Args:
        address: `ray` (started here), or a cluster's, such as `auto` and `ray://HOST:10001`.
        n_cores: That Ray counts on, where it is started here.

    Yields:
        The module.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: No cluster answers.
    """
    # Nothing is reported to anyone.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's default is 15: beside other work, a cell of one minute took six.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # What goes wrong is raised, or stands in a report. Ray's core also prints of what cannot harm.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError:
        raise MissingExtra(
            "Ray is not installed", remedy="pip install 'saywhere[cluster]', or leave out --on"
        ) from None
    begin = partial(ray.init, log_to_driver=False, logging_level=logging.ERROR)
    try:
        if address == HERE:
            begin(num_cpus=n_cores, include_dashboard=False, object_store_memory=200 * 2**20)
        else:
            with warnings.catch_warnings():
                # Ray's client warns of what it raises next.
                warnings.simplefilter("ignore", UserWarning)
                begin(address)
    # A machine that is busy does not start it in time: Ray's error is a bare Exception then.
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise UsageError(
            f"no Ray cluster answers at {address!r} ({reason})",
            allowed=ALLOWED,
            remedy=_remedy(address),
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _remedy(address: str) -> str:
    if address == HERE:
        return (
            "run it again once the machine is less busy, leave --on out, or let Ray wait longer: "
            "export RAY_raylet_start_wait_time_s=300"
        )
    if address.startswith("ray://") and os.environ.get("RAY_AUTH_MODE") != "token":
        # Ray's client sends its token to no named host unasked, and a refusal looks like silence.
        return (
            "is it up, at that port? Where it asks for a token: export RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN=TOKEN, as `ray get-auth-token` prints it there"
        )
    return "start one with `ray start --head`, or use --on ray"
