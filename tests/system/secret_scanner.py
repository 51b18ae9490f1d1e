"""Everything that can be read of a stack, and a search for its secrets in it."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from demo.stack import Stack, database, processes
from demo.stack.temporary_stack import PASSWORDS
from tests.system.probes import ask

SERVICE = "Secrets_USDA_1951_frames"
COLLECTION = SERVICE.lower()
FOLDER = "bw/Secrets/USDA_1951/frames/"
PATIENCE_S = 600

LON, LAT = -97.749, 30.270
"""A place inside the first frame."""
BBOX = "-10881700,3536700,-10879400,3539000"
"""Inside the first frame, EPSG:3857."""

JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.")
"""What Airflow gives to tasks and browsers instead of passwords."""

BUCKET_PATH = b"/vsis3/"


@dataclass
class Sight:
    """Everything that can be read of a stack, by the name of its place."""

    stack: Stack
    arguments: set[bytes] = field(default_factory=set)
    builders: set[bytes] = field(default_factory=set)
    """Environments of the processes that open uploads."""
    messages: list[bytes] = field(default_factory=list)
    """What was sent to people."""
    canaries: dict[str, str] = field(default_factory=dict)
    """Further secrets by their names."""

    def until(self, condition: str, happened: Callable[[], bool]) -> None:
        """Wait for something, and look at the processes all the while."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            self.look_at_processes()
            assert time.monotonic() < deadline, condition
            time.sleep(0.05)

    def leaks(self, places: Iterable[tuple[str, bytes]]) -> set[tuple[str, str]]:
        """Return where which secret stands; the secret itself is not repeated."""
        secrets = {name: getattr(self.stack.settings, name).get_secret_value() for name in PASSWORDS}
        secrets |= self.stack.paths.keys() | self.canaries
        shapes = {name: disguises(secret) for name, secret in secrets.items()}
        found = set()
        for place, content in places:
            found |= {(place, name) for name, forms in shapes.items() if any(form in content for form in forms)}
            found |= {(place, "jwt")} if JWT.search(content) else set()
        return found

    def look_at_processes(self) -> None:
        """Remember the arguments of every process of the stack, as /proc shows them to all."""
        pid = self.stack.supervisor.pid()
        assert pid is not None
        for process in processes.family(pid):
            with contextlib.suppress(OSError, psutil.Error):
                arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
                self.arguments.add(arguments)
                if b"cogmill.cog.sandbox.worker" in arguments:
                    self.builders.add(Path(f"/proc/{process.pid}/environ").read_bytes())

    def files(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        """Yield every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(self.stack.paths.root)), path.read_bytes()

    def rows(self, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield every row of every table of a database as text."""
        with database.connect(self.stack.paths, self.stack.settings, name) as connection:
            tables = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'cogmill')"
            for schema, table in connection.execute(tables).fetchall():
                for (row,) in connection.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t').fetchall():  # noqa: S608 - names out of the catalogue
                    yield f"{name}.{table}", row.encode()

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """Yield headers and metadata of every object of the bucket."""
        client, bucket = self.stack.s3_client(), self.stack.settings.bucket
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page["Contents"]:
                head = client.head_object(Bucket=bucket, Key=entry["Key"])
                yield f"metadata of {entry['Key']}", json.dumps(head, default=str).encode()

    def bodies(self) -> Iterator[tuple[str, bytes]]:
        """Yield the bytes of every object but the rasters of other tests."""
        client, bucket = self.stack.s3_client(), self.stack.settings.bucket
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for key in [entry["Key"] for entry in page["Contents"]]:
                if key.startswith(FOLDER) or not key.lower().endswith((".tif", ".tiff")):
                    yield key, client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the service answers to good and to bad requests."""
        for query in requests():
            answer = ask(self.stack, f"map=/mapfiles/{COLLECTION}.map&{query}")
            yield query, answer.content + str(answer.headers).encode()


def requests() -> list[str]:
    """Requests as clients and as curious people send them."""
    tiles = 2**15
    x = int((LON + 180) / 360 * tiles)
    y = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * tiles)
    wms = "SERVICE=WMS&VERSION=1.1.1&STYLES=&SRS=EPSG:3857&WIDTH=64&HEIGHT=64&FORMAT=image/png"
    info = f"REQUEST=GetFeatureInfo&LAYERS={SERVICE}_index&QUERY_LAYERS={SERVICE}_index&X=30&Y=30"
    return [
        *(f"SERVICE=WMS&VERSION={version}&REQUEST=GetCapabilities" for version in ("1.0.0", "1.1.1", "1.3.0")),
        f"{wms}&REQUEST=GetMap&LAYERS={SERVICE}&BBOX={BBOX}",
        f"{wms}&REQUEST=GetMap&LAYERS={SERVICE}_index&BBOX={BBOX}",
        f"{wms}&{info}&BBOX={BBOX}&INFO_FORMAT=geojson",
        f"{wms}&{info}&BBOX={BBOX}&INFO_FORMAT=text/plain",
        f"{wms}&{info.replace('_index', '')}&BBOX={BBOX}&INFO_FORMAT=text/plain",
        f"mode=tile&tilemode=gmap&tile={x}+{y}+15&layers={SERVICE}_index&map.imagetype=mvt",
        f"{wms}&REQUEST=GetMap&LAYERS=nothing&BBOX={BBOX}",
        f"{wms}&REQUEST=GetMap&LAYERS={SERVICE}&BBOX=1,2,3",
        f"{wms}&REQUEST=GetStyles&LAYERS={SERVICE}",
        f"SERVICE=WMS&VERSION=1.1.1&REQUEST=DescribeLayer&LAYERS={SERVICE}",
        "REQUEST=nothing",
    ]


def disguises(secret: str) -> set[bytes]:
    """Return a secret as it is, escaped for an address, and as it stands inside any base64 text."""
    shapes = {secret.encode(), quote(secret, safe="").encode()}
    for before in range(3):
        content = bytes(before) + secret.encode()
        first, end = -(-8 * before // 6), 8 * len(content) // 6  # letters that hold nothing but the secret
        shapes |= {base64.b64encode(content)[first:end], base64.urlsafe_b64encode(content)[first:end]}
    return shapes
