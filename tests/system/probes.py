"""What the system tests of the stack ask for: a small mapfile, and requests by hand."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import psutil
import psycopg

from demo.stack import processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.stack import Stack

GET_MAP = (
    "&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=box&STYLES=&SRS=EPSG:3857"
    "&BBOX=0,0,100,100&WIDTH=50&HEIGHT=50&FORMAT=image/png"
)

PNG = b"\x89PNG"

BUILDER = "cogmill.cog.sandbox.worker"
"""In the command line of what builds COGs."""


def mapfile(colour: str = "0 0 255") -> bytes:
    """One square layer."""
    return f"""
MAP
  NAME "PROBE" STATUS ON SIZE 100 100 EXTENT 0 0 100 100 UNITS METERS
  PROJECTION "init=epsg:3857" END
  WEB
    METADATA
      "wms_title" "probe" "wms_srs" "EPSG:3857" "wms_enable_request" "GetCapabilities GetMap"
      "wms_onlineresource" "http://127.0.0.1/wms/?map=/mapfiles/probe.map&"
    END
    VALIDATION "immutable" "true" END
  END
  LAYER
    NAME "box" TYPE POLYGON STATUS ON
    METADATA "wms_title" "box" END
    FEATURE POINTS 0 0 0 100 100 100 100 0 0 0 END END
    CLASS STYLE COLOR {colour} END END
  END
END
""".encode()


def put_mapfile(stack: Stack, name: str, body: bytes) -> None:
    """Upload as the program does: one PUT, no folder marker, no metadata."""
    stack.s3_client().put_object(Bucket=stack.settings.bucket, Key=f"mapfiles/{name}.map", Body=body)


def ask(stack: Stack, query: str) -> httpx.Response:
    """Send a query as it stands, without any re-encoding."""
    with httpx.Client(trust_env=False, timeout=15) as client:
        return client.send(httpx.Request("GET", f"{stack.settings.front_url}/wms/?{query}"))


def services(stack: Stack, collection_id: str) -> bytes:
    """Return what a client sees of a service: its capabilities, or why there is none."""
    return ask(stack, f"map=/mapfiles/{collection_id}.map&SERVICE=WMS&REQUEST=GetCapabilities").content


def ledger_rows(stack: Stack, query: str, *values: object) -> list[tuple]:
    """Ask the ledger."""
    with psycopg.connect(stack.dsn()) as connection:
        return connection.execute(query, values or None).fetchall()  # else a % in the query is a placeholder


def aws_client(stack: Stack, service: str) -> Any:
    """Return a client of another service that the stack's S3 server plays too."""
    secret = stack.settings.s3_secret_key.get_secret_value()
    keys = {"aws_access_key_id": stack.settings.s3_access_key, "aws_secret_access_key": secret}
    return boto3.client(service, endpoint_url=stack.settings.s3_url, region_name="us-east-1", **keys)


def wait_until(condition: Callable[[], bool], limit_s: float, show: Callable[[], object] = str) -> float:
    """Wait for something to become true; returns the seconds it took. When it does not, the failure says what `show` returns."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit_s, f"not within {limit_s} s {show()}"
        time.sleep(0.1)
    return time.monotonic() - begun


def program(stack: Stack, name: str) -> psutil.Process:
    """Return the process that the stack's supervisor knows by a name, such as triggerer."""
    return running(stack, name)[0]


def running(stack: Stack, words: str) -> list[psutil.Process]:
    """Return the processes of this stack, and of no other, whose command line or title has these words."""
    pid = stack.supervisor.pid()
    assert pid is not None
    return [one for one in processes.family(pid) if words in command(one)]


def command(process: psutil.Process) -> str:
    """Return the command line or title of a process; empty when it has ended meanwhile."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def cpu_s(process: psutil.Process) -> float:
    """Return CPU seconds of a process and its descendants, those included that have ended."""
    total = 0.0
    for one in processes.family(process.pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:4])
    return total
