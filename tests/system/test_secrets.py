"""After runs that went well and runs that did not: no credential and no bucket path where people or strangers can read."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from demo.stack import Stack, database, processes
from demo.stack.private import PASSWORDS
from include.cogmill.engine import cog_digest, recipe_digest
from include.cogmill.model import Bands, Product
from include.cogmill.profiles import default_profile
from tests.system.airflow_api import AirflowApi
from tests.system.probes import ask, wait_until
from tests.system.small_survey import frame_states, put, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

SERVICE = "Secrets_USDA_1951_frames"
COLLECTION = SERVICE.lower()
FOLDER = "bw/Secrets/USDA_1951/frames/"
SIDE = 1200
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

    def look_at_processes(self) -> None:
        """Remember the arguments of every process of the stack, as /proc shows them to all."""
        pid = self.stack.supervisor.pid()
        assert pid is not None
        for process in processes.family(pid):
            with contextlib.suppress(OSError, psutil.Error):
                arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
                self.arguments.add(arguments)
                if b"include.cogmill.child" in arguments:
                    self.builders.add(Path(f"/proc/{process.pid}/environ").read_bytes())

    def files(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        """Yield every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(self.stack.home.root)), path.read_bytes()

    def rows(self, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield every row of every table of a database as text."""
        with database.connect(self.stack.home, self.stack.settings, name) as connection:
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


def leaks(stack: Stack, places: Iterator[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """Return where which secret stands; the secret itself is not repeated."""
    secrets = {name: getattr(stack.settings, name).get_secret_value() for name in PASSWORDS} | stack.home.keys()
    shapes = {name: disguises(secret) for name, secret in secrets.items()}
    found = set()
    for place, content in places:
        found |= {(place, name) for name, forms in shapes.items() if any(form in content for form in forms)}
        found |= {(place, "jwt")} if JWT.search(content) else set()
    return found


@pytest.fixture(scope="module")
def sight(airflow_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Sight:
    """Let a run go well in part, be refused in part and fail in part, cut the watch's connection, and look all the while."""
    seen = Sight(airflow_stack)
    folder = tmp_path_factory.mktemp("frames")
    good, blocked = (write_frame(folder / "a.tif", SIDE, number) for number in range(2))
    recipe = recipe_digest(default_profile(Bands.BW, Product.FRAMES))
    clash = f"{FOLDER}cog/03-22-51_1-2.{cog_digest(hashlib.sha256(blocked).hexdigest(), recipe)}.tif"
    put(airflow_stack, clash, b"somebody else's bytes")
    put(airflow_stack, f"{FOLDER}georef/03-22-51_1-1.tif", good)
    put(airflow_stack, f"{FOLDER}georef/03-22-51_1-2.tif", blocked)
    put(airflow_stack, f"{FOLDER}georef/03-22-51_1-3.tif", write_frame(folder / "b.tif", SIDE, crs=None))
    api = AirflowApi(airflow_stack)

    def until(condition: str, happened) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            seen.look_at_processes()
            assert time.monotonic() < deadline, condition
            time.sleep(0.05)

    until("a try fails", lambda: "exists with other bytes" in api.log(f"collection__{COLLECTION}", "build_cogs"))
    airflow_stack.s3_client().delete_object(Bucket=airflow_stack.settings.bucket, Key=clash)
    until("all is decided", lambda: frame_states(airflow_stack, COLLECTION) == ["published", "published", "rejected"])
    wait_until(api.is_quiet, PATIENCE_S)
    with database.connect(airflow_stack.home, airflow_stack.settings) as superuser:
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cogmill_writer'")
    until("the watch notices", lambda: "uploads_not_visible" in api.log("watch_uploads", "wait_for_uploads"))
    wait_until(lambda: ask(airflow_stack, f"map=/mapfiles/{COLLECTION}.map&{requests()[0]}").status_code == 200, 30)
    return seen


def test_no_secret_is_in_logs_nor_in_any_file_of_airflow_after_good_and_bad_runs(sight: Sight) -> None:
    home = sight.stack.home
    files = [*sight.files(home.airflow), *sight.files(home.log), *sight.files(home.mapfiles)]

    assert leaks(sight.stack, iter(files)) == set()
    assert any(b"exists with other bytes" in content for _, content in files)
    assert any(b"uploads_not_visible" in content for _, content in files)


def test_no_bucket_path_is_in_task_logs_after_good_and_bad_runs(sight: Sight) -> None:
    logs = dict(sight.files(sight.stack.home.airflow / "logs"))

    assert [place for place, content in logs.items() if BUCKET_PATH in content] == []


def test_no_secret_nor_bucket_path_is_in_xcoms_rendered_fields_or_any_table_of_airflow(sight: Sight) -> None:
    rows = list(sight.rows("airflow"))

    assert {"airflow.xcom", "airflow.rendered_task_instance_fields", "airflow.trigger"} <= {place for place, _ in rows}
    assert leaks(sight.stack, iter(rows)) == set()
    assert {place for place, content in rows if BUCKET_PATH in content} == set()


def test_no_secret_is_in_the_ledger(sight: Sight) -> None:
    assert leaks(sight.stack, sight.rows("cogmill")) == set()


def test_no_secret_nor_bucket_path_is_in_object_metadata(sight: Sight) -> None:
    metadata = dict(sight.objects())

    assert leaks(sight.stack, iter(metadata.items())) == set()
    assert [place for place, content in metadata.items() if BUCKET_PATH in content] == []


def test_no_secret_is_in_any_object_and_no_bucket_path_in_mapfiles(sight: Sight) -> None:
    bodies = dict(sight.bodies())

    assert leaks(sight.stack, iter(bodies.items())) == set()
    assert f"mapfiles/{COLLECTION}.map" in bodies
    assert [key for key, body in bodies.items() if key.endswith((".map", ".tif")) and BUCKET_PATH in body] == []


def test_no_secret_nor_bucket_path_is_in_arguments_of_processes(sight: Sight) -> None:
    assert leaks(sight.stack, iter(("arguments", one) for one in sight.arguments)) == set()
    assert [one for one in sight.arguments if BUCKET_PATH in one] == []
    assert any(b"mapserv" in one for one in sight.arguments)


def test_process_that_opens_uploads_knows_no_credential(sight: Sight) -> None:
    assert sight.builders
    assert leaks(sight.stack, iter(("environment", one) for one in sight.builders)) == set()
    assert [one for one in sight.builders if b"AWS_" in one or b"PGPASS" in one or b"AIRFLOW" in one] == []


def test_no_secret_nor_bucket_path_is_in_answers_of_the_service(sight: Sight) -> None:
    answers = dict(sight.answers())

    assert leaks(sight.stack, iter(answers.items())) == set()
    assert [query for query, content in answers.items() if BUCKET_PATH in content] == []
    assert sum(b"03-22-51" in content for content in answers.values()) >= 2, "nothing was found at the place asked for"


def test_no_bucket_path_is_answered_when_a_cog_is_missing(sight: Sight) -> None:
    client, bucket = sight.stack.s3_client(), sight.stack.settings.bucket
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{FOLDER}cog/03")["Contents"]
    kept = {entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"]) for entry in listed}
    bodies = {key: found["Body"].read() for key, found in kept.items()}
    for key in kept:
        client.delete_object(Bucket=bucket, Key=key)

    try:
        answers = dict(sight.answers())
    finally:
        for key, found in kept.items():
            client.put_object(Bucket=bucket, Key=key, Body=bodies[key], Metadata=found["Metadata"])

    assert leaks(sight.stack, iter(answers.items())) == set()
    assert [query for query, content in answers.items() if BUCKET_PATH in content] == []
