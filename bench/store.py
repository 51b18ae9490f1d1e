"""An S3 server for the time of a benchmark: the same moto server that the demo uses."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError

START_LIMIT_S = 30


class Bucket:
    """One bucket of a private S3 server."""

    def __init__(self, client: Any) -> None:
        self._client = client
        client.create_bucket(Bucket="bench")

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Start a server on a free port and end it afterwards."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
            yield cls._when_up(boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys))
        finally:
            server.terminate()
            server.wait()

    @classmethod
    def _when_up(cls, client: Any) -> Self:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                return cls(client)
            except BotoCoreError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def put(self, path: Path) -> None:
        """Upload a file under its name."""
        with path.open("rb") as body:
            self._client.put_object(Bucket="bench", Key=path.name, Body=body)

    def get(self, path: Path) -> None:
        """Fetch the object of a file's name."""
        self._client.get_object(Bucket="bench", Key=path.name)["Body"].read()
