"""What tests do from within a machine's network. Prints one line of JSON.

inside.py fill FOLDER               survey, bucket, database, published services
inside.py drop FOLDER               the survey's files into a bucket of their own, and nothing else
inside.py judge FOLDER              each service's map against the known ground
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import httpx
import psycopg
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.ledger.migrate import migrate
from cogmill.pipeline import Archive, build_cogs, ingest, publish
from cogmill.pipeline.batches import plan_batches

from demo import maps
from demo.survey.generate import generate
from demo.survey.manifest import Manifest
from tests.ansible.load import Crowd, picture, seconds_until, trap

S3 = "http://127.0.0.1:9000"
FRONT = os.environ.get("FRONT", "http://127.0.0.1")
BUCKET = "cogmill"
ID = "travis_usda_1951_frames"
SMALL_MAP = (
    "&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&STYLES=&SRS=EPSG:3857&FORMAT=image/png&LAYERS=Travis_USDA_1951_frames"
    "&BBOX=-10882000,3538000,-10880000,3540000&WIDTH=64&HEIGHT=64"
)


def client() -> Any:
    return boto3.client(
        "s3", endpoint_url=S3, region_name="us-east-1", aws_access_key_id="cogmill",
        aws_secret_access_key=os.environ["S3_SECRET"], config=botocore.config.Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


def libpq(user: str, database: str = "cogmill") -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": 5433,
        "dbname": database,
        "user": user,
        "password": os.environ["POSTGIS_SECRET"],
    }


def make_database() -> None:
    with psycopg.connect(**libpq("cogmill_owner", "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE cogmill")
    with psycopg.connect(**libpq("cogmill_owner")) as connection:
        migrate(connection)
        for role in ("cogmill_writer", "cogmill_reader"):
            connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{os.environ['POSTGIS_SECRET']}'")


def survey(_: Path) -> Manifest:
    """Return the demo's survey; made once for all machines."""
    return generate(Path(os.environ["SURVEY"]), say=lambda _: None)


def archive() -> Archive:
    settings = Settings(_env_file=None, bucket=BUCKET, public_url=f"{S3}/{BUCKET}", mapserver_url=FRONT)
    return Archive(S3Store(client(), BUCKET), Ledger.connect(**libpq("cogmill_writer")), settings)


def make_bucket(_: Path) -> str:
    """Make the bucket, with nothing in it."""
    client().create_bucket(Bucket=BUCKET)
    return BUCKET


def drop(folder: Path) -> int:
    """Do what staff does: drop the survey's files into the bucket."""
    store, made = client(), survey(folder)
    for item in made.items:
        store.upload_file(str(made.path(item)), BUCKET, item.key)
    return len(made.items)


def fill(folder: Path) -> dict[str, int]:
    """Do what staff and Airflow would: drop the files, build, publish."""
    make_bucket(folder)
    make_database()
    drop(folder)
    made = survey(folder)
    works = archive()
    ingest.ingest_uploads(works)
    for collection_id in made.collections:
        for batch in plan_batches(works, collection_id):
            build_cogs.build_batch(works, batch["frame_ids"], "test")
        publish.update_tile_index(works, collection_id)
        publish.publish_mapfile(works, collection_id)
    return {"collections": len(made.collections), "files": len(made.items)}


@dataclass(frozen=True)
class Front:
    """As much of the stack as the demo's comparison asks for."""

    address: str = FRONT

    def wms_url(self, collection_id: str) -> str:
        return f"{self.address}/wms/?map=/mapfiles/{collection_id}.map"


def judge(folder: Path, limit_s: str = "180") -> dict[str, str]:
    """Return what is wrong with each service's map; nothing when all show the ground."""
    made = survey(folder)
    landscape = made.landscape
    wrong = {}
    for collection_id, frames in made.collections.items():
        service = maps.Service(Front(), collection_id, frames)
        deadline = time.monotonic() + float(limit_s)
        # Right is right, however long the comparison took on a machine that is busy.
        while not (verdict := service.verdict(landscape, service.overview())).is_right:
            if time.monotonic() > deadline:
                wrong[collection_id] = str(verdict)
                break
            time.sleep(1)
    return wrong


def migrate_installed(_: Path, password: str) -> list[str]:
    """Bring the database that the role cogmill_db made to the present schema."""
    with psycopg.connect(host="127.0.0.1", dbname="cogmill", user="cogmill_owner", password=password) as connection:
        return migrate(connection)


def read(_: Path, key: str) -> str:
    """Return the text of an object."""
    return client().get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


def headers(_: Path) -> dict[str, str]:
    """Return the headers of one map."""
    return dict(httpx.get(Front().wms_url(ID) + SMALL_MAP, trust_env=False).headers)


def tls(folder: Path) -> dict[str, Any]:
    """Ask for a map over TLS, trusting nothing but the certificate that lies in the folder."""
    trusted = ssl.create_default_context(cafile=str(folder / "site.crt"))
    address = Front("https://localhost").wms_url(ID) + SMALL_MAP
    answer = httpx.get(address, trust_env=False, verify=trusted)
    return {"status": answer.status_code, "type": answer.headers["content-type"], "version": _oldest_tls()}


def _oldest_tls() -> str:
    """Return the oldest version of TLS the server speaks."""
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", 443), 5) as plain,
            context.wrap_socket(plain) as spoken,
        ):
            return spoken.version() or ""
    return ""


def error_headers(_: Path) -> dict[str, list[Any]]:
    """Return status, type and Cache-Control of what is wrong, by how it was asked."""
    window = "&SERVICE=WMS&REQUEST=GetMap&STYLES=&LAYERS=no_such_layer&BBOX=0,0,1,1&WIDTH=9&HEIGHT=9&FORMAT=image/png"
    questions = {
        "1.3.0": "&VERSION=1.3.0&CRS=EPSG:3857",
        "1.1.1": "&VERSION=1.1.1&SRS=EPSG:3857",
        "1.0.0": "&VERSION=1.0.0&SRS=EPSG:3857",
        "picture": "&VERSION=1.1.1&SRS=EPSG:3857&EXCEPTIONS=application/vnd.ogc.se_inimage",
        "refused": "&SLD_BODY=x",
    }
    answers = {
        name: httpx.get(Front().wms_url(ID) + window + more, trust_env=False) for name, more in questions.items()
    }
    return {
        name: [one.status_code, one.headers.get("content-type"), one.headers.get("cache-control")]
        for name, one in answers.items()
    }


def size(_: Path, key: str) -> int:
    """Return the bytes of an object."""
    return client().head_object(Bucket=BUCKET, Key=key)["ContentLength"]


def replace_under_load(_: Path, requests: str = "10000", replacements: str = "200") -> dict[str, Any]:
    """Replace a mapfile again and again while 20 clients draw it; every answer must be the old or the new map."""
    store, url = client(), Front().wms_url(ID) + OUTLINES
    mapfile = store.get_object(Bucket=BUCKET, Key=f"mapfiles/{ID}.map")
    old = mapfile["Body"].read()
    new = old.replace(b"OUTLINECOLOR 100 250 100", b"OUTLINECOLOR 250 100 100") + b"# longer\n" * 50
    put = {"Bucket": BUCKET, "Key": f"mapfiles/{ID}.map", "Metadata": mapfile["Metadata"]}
    before = _ask(url)
    store.put_object(**put, Body=new)
    allowed = {before, _picture_after_change(url, {before})}
    store.put_object(**put, Body=old)
    crowd = Crowd(url, requests=int(requests))
    begun = time.monotonic()
    with crowd.asking() as record:
        for number in range(int(replacements)):
            store.put_object(**put, Body=new if number % 2 == 0 else old)
            # Spread over the whole run, whatever the speed of the machine.
            while sum(record.seen.values()) < (number + 1) * int(requests) // (int(replacements) + 1):
                time.sleep(0.01)
    took = time.monotonic() - begun
    store.put_object(**put, Body=old)
    wrong = {what: count for what, count in record.seen.items() if what not in allowed}
    counts = {"requests": sum(record.seen.values()), "both_seen": allowed <= set(record.seen), "wrong": wrong}
    return {"seconds": took, "slowest": record.slowest_s, **counts}


def _ask(url: str) -> str:
    try:
        return picture(httpx.get(url, trust_env=False, timeout=15))
    except httpx.HTTPError as err:
        return type(err).__name__


def _picture_after_change(url: str, known: set[str]) -> str:
    """Return the first picture that is not known; a cache may show the last for a while."""
    seconds_until(lambda: len(answer := _ask(url)) == 16 and answer not in known, 60)
    return _ask(url)


def appears(_: Path) -> dict[str, float]:
    """Ask for a service before it exists, publish it, and measure until it answers; then the same for a new version."""
    store, name = client(), "asked_too_early"
    url = Front().wms_url(name) + OUTLINES
    before = _ask(url)
    body = store.get_object(Bucket=BUCKET, Key=f"mapfiles/{ID}.map")["Body"].read()
    store.put_object(Bucket=BUCKET, Key=f"mapfiles/{name}.map", Body=body)
    new = seconds_until(lambda: len(_ask(url)) == 16, 90)
    first = _ask(url)
    store.put_object(Bucket=BUCKET, Key=f"mapfiles/{name}.map", Body=body.replace(b"100 250 100", b"100 100 250"))
    changed = seconds_until(lambda: _ask(url) != first, 90)
    store.delete_object(Bucket=BUCKET, Key=f"mapfiles/{name}.map")
    gone = seconds_until(lambda: len(_ask(url)) != 16, 90)
    return {"existed_before": float(len(before) == 16), "new": new, "changed": changed, "gone": gone}


def outlines(_: Path) -> str:
    """Return the picture of one map, or what was said in its place."""
    return _ask(Front().wms_url(ID) + OUTLINES)


def without_mapfiles(folder: Path, seconds: str) -> dict[str, Any]:
    """Take all mapfiles out of the bucket, ask for a map all the while, put them back; returns what was answered."""
    store = client()
    listed = store.list_objects_v2(Bucket=BUCKET, Prefix="mapfiles/")["Contents"]
    held = {one["Key"]: store.get_object(Bucket=BUCKET, Key=one["Key"]) for one in listed}
    bodies = {key: (got["Body"].read(), got["Metadata"]) for key, got in held.items()}
    before, seen = outlines(folder), set()
    for key in bodies:
        store.delete_object(Bucket=BUCKET, Key=key)
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        seen.add(outlines(folder))
        time.sleep(0.2)
    for key, (body, metadata) in bodies.items():
        store.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=metadata)
    return {"taken": len(bodies), "before": before, "seen": sorted(seen)}


def many(_: Path, requests: str) -> dict[str, Any]:
    """Draw real maps from COGs, many times."""
    window = "&LAYERS=Travis_USDA_1951_frames&BBOX=-10881200,3539300,-10880800,3539700&WIDTH=64&HEIGHT=64"
    crowd = Crowd(Front().wms_url(ID) + GETMAP + window, clients=4, requests=int(requests))
    with crowd.asking() as record:
        pass
    return {"pictures": len(record.seen), "seen": record.seen, "slowest": record.slowest_s}


def during(folder: Path, seconds: str) -> dict[str, Any]:
    """Ask for some seconds, as 20 clients that do not know that something is broken."""
    (folder / "asking").touch()
    crowd = Crowd(Front().wms_url(ID) + OUTLINES, requests=10**9)
    with crowd.asking() as record:
        time.sleep(float(seconds))
        crowd.ended.set()
    kinds = Counter("map" if len(what) == 16 else what[:60] for what in record.seen.elements())
    return {"slowest": record.slowest_s, "kinds": kinds}


def hostile(_: Path) -> dict[str, Any]:
    """Ask what nobody should answer; returns what was answered, was slow, or said too much."""
    faults, slowest, read = [], 0.0, times_read()
    with trap(9999) as caught, httpx.Client(trust_env=False, timeout=15) as asker:
        for method, address, body in HOSTILE:
            begun = time.monotonic()
            answer = asker.request(method, FRONT + address, content=body, headers={"X-Forwarded-Host": "evil.example"})
            slowest = max(slowest, time.monotonic() - begun)
            if why := _betrays(answer):
                faults.append([method, address[:120], why])
    counts = {"asked": len(HOSTILE), "caught": len(caught), "read": times_read() - read}
    return {**counts, "faults": faults, "slowest": slowest}


def times_read() -> int:
    """Return how many sessions MapServer had with the database, and how often any table was read."""
    time.sleep(11)  # a server process that has nothing to do tells its numbers after 10 s
    sessions = "SELECT sessions FROM pg_stat_database WHERE datname = 'cogmill'"
    scans = "SELECT sum(seq_scan + coalesce(idx_scan, 0))::int FROM pg_stat_user_tables"
    with (
        psycopg.connect(**libpq("cogmill_owner")) as inner,
        psycopg.connect(**libpq("cogmill_owner", "postgres")) as outer,
    ):
        inner.execute("SELECT pg_stat_clear_snapshot()")
        # Its own session is one more each time.
        return outer.execute(sessions).fetchone()[0] + inner.execute(scans).fetchone()[0]


def _betrays(answer: httpx.Response) -> str:
    text = answer.text[:4000]
    said = [word for word in ("root:x", "/srv/", "/etc/", "/run/", "evil.example", "MapServer version") if word in text]
    if said:
        return f"says {said}"
    kind = answer.headers.get("content-type", "")
    refused = answer.status_code >= 400 or "exception" in text.lower() or "ServiceException" in text
    return "" if refused else f"{answer.status_code} {kind} {text[:80]!r}"


GETMAP = "&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&STYLES=&SRS=EPSG:3857&FORMAT=image/png"
OUTLINES = f"{GETMAP}&LAYERS=Travis_USDA_1951_frames_index&BBOX=-10884000,3536500,-10878000,3542500&WIDTH=64&HEIGHT=64"
MAP = f"/wms/?map=/mapfiles/{ID}.map"
HOSTILE: list[tuple[str, str, str]] = [
    *[
        ("GET", f"/wms/?map={name}{GETMAP}", "")
        for name in (
            "/etc/passwd", "../../etc/passwd", "/mapfiles/../etc/passwd", "/mapfiles/..%2f..%2fetc%2fpasswd", "%2Fetc%2Fpasswd",
            f"/mapfiles/{ID}.map%00", f"/mapfiles/{ID.upper()}.map", "/mapfiles/.map", "", "http://127.0.0.1:9999/x.map",
            "/etc/mapserver/health/health.map", "health", "/vsicurl/http://127.0.0.1:9999/x.map", f"mapfiles/{ID}.map",
            f"//mapfiles/{ID}.map", "/mapfiles/x;id.map", "/mapfiles/$(id).map", "/mapfiles/" + "a" * 3000 + ".map",
        )
    ],
    *[
        ("GET", f"{MAP}{GETMAP}&LAYERS=Travis_USDA_1951_frames&BBOX=0,0,1,1&WIDTH=10&HEIGHT=10{rest}", "")
        for rest in (
            "&context=/etc/passwd", "&CONTEXT=http://127.0.0.1:9999/c.xml", "&map=/etc/passwd", "&MAP=/etc/passwd",
            "&map.layer[0].data=/etc/passwd", "&map_layer=x", "&map.web.imagepath=/etc", "&map.projection=x",
            "&map%5Flayer=x", "&map[layer]=x", "&SLD=http://127.0.0.1:9999/a.sld", "&sld=file:///etc/passwd",
            "&SLD_BODY=%3CStyledLayerDescriptor%2F%3E", "&SLD%5FBODY=x", "&queryfile=/etc/passwd", "&savequery=true",
            "&mapxml=/etc/passwd", "&s%4cd=http://127.0.0.1:9999/a.sld",
        )
    ],
    *[
        ("GET", f"{MAP}{rest}", "")
        for rest in (
            "&SERVICE=WFS&VERSION=2.0.0&REQUEST=GetFeature&TYPENAMES=Travis_USDA_1951_frames_index",
            "&SERVICE=WFS&REQUEST=GetCapabilities", "&SERVICE=WCS&REQUEST=GetCapabilities", "&SERVICE=SOS&REQUEST=GetCapabilities",
            "&SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID=Travis_USDA_1951_frames", "&mode=browse", "&mode=map&layers=all",
            "&mode=query", "&mode=itemnquery&qlayer=x", "&mode=legend", "&SERVICE=WMS&REQUEST=GetStyles&LAYERS=Travis_USDA_1951_frames",
            "&SERVICE=WMS&REQUEST=DescribeLayer&LAYERS=Travis_USDA_1951_frames&VERSION=1.1.1&SLD_VERSION=1.1.0",
            f"{GETMAP}&LAYERS=nothing&BBOX=0,0,1,1&WIDTH=10&HEIGHT=10",
            f"{GETMAP}&LAYERS=Travis_USDA_1951_frames&BBOX=0,0,1,1&WIDTH=100000&HEIGHT=100000",
            f"{GETMAP}&LAYERS=Travis_USDA_1951_frames&BBOX=0,0,1,1&WIDTH=9999&HEIGHT=9999",
            f"{GETMAP}&LAYERS=Travis_USDA_1951_frames&BBOX=0,0,1,1&WIDTH=-5&HEIGHT=10",
            f"{GETMAP}&LAYERS=Travis_USDA_1951_frames&BBOX=a,b,c,d&WIDTH=10&HEIGHT=10",
            f"{GETMAP}&LAYERS=Travis_USDA_1951_frames&BBOX=0,0,1,1&WIDTH=10&HEIGHT=10&SRS=EPSG:999999",
        )
    ],
    ("POST", MAP, '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><GetFeature>&e;</GetFeature>'),
    ("POST", MAP, "x" * 5000),
    ("PUT", MAP, "x"), ("DELETE", MAP, ""), ("GET", "/", ""), ("GET", "/cgi-bin/mapserv", ""),
    ("GET", "/ogcapi/", ""), ("GET", "/wms/../../etc/passwd", ""), ("GET", "/mapfiles/", ""), ("TRACE", "/wms/", ""),
]  # fmt: skip
"""Sixty ways to ask for what is not offered."""

ACTIONS: dict[str, Callable[..., Any]] = {
    "migrate": migrate_installed,
    "read": read,
    "make_bucket": make_bucket,
    "drop": drop,
    "fill": fill,
    "outlines": outlines,
    "without_mapfiles": without_mapfiles,
    "judge": judge,
    "headers": headers,
    "tls": tls,
    "error_headers": error_headers,
    "size": size,
    "replace_under_load": replace_under_load,
    "appears": appears,
    "many": many,
    "during": during,
    "hostile": hostile,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(ACTIONS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
