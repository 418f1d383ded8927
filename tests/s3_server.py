"""An S3 server on loopback, for tests of addresses.

The conftest.py of a folder that wants the fixture imports it from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The address of an empty bucket: `s3://pictures`."""
    pytest.importorskip("s3fs", reason="the extra `s3` is not installed")
    moto = pytest.importorskip("moto.server", reason="moto and flask are not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        # The server keeps its buckets in this process, whichever folder of tests started it.
        with suppress(FileExistsError):
            s3fs.S3FileSystem().mkdir("pictures")
        yield "s3://pictures"
    server.stop()
