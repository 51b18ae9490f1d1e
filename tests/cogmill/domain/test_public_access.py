"""One list of what is public, and a real server that keeps to it: whoever asks here has no keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import httpx
import jinja2
import pytest
from botocore.exceptions import ClientError
from cogmill.aws.place import ArchivePlace
from cogmill.domain import keys
from cogmill.domain.keys import LEDGER_MARK, OPEN_COPY, QUARANTINE, index_file_keys
from cogmill.domain.layout import layout_in_use
from cogmill.domain.model import Collection, Product
from cogmill.domain.public_access import COMPILED, CORS, FORMATS, bucket_policy
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES, STAC_ROOT, VIEWER_PAGE, photograph_page
from cogmill.maintenance.report import REPORTS
from cogmill.mapserver.urls import download_url

from tests.system import strangers

ROOT = Path(__file__).parents[3]
AMAZON = ROOT / "ansible/templates/aws"
FRAME = keys.parse_upload("bw/Travis/USDA_1951/frames/georef/03-22-51_4-1 Ä+50%.TIF")
SHEET = keys.parse_upload("nc/AMS_V23/index/georef/AMS_1950_17.tif")
ELSEWHERE = Collection("StratMap/Hays", "TNRIS", "1996", Product.MOSAIC)
COG = keys.cog_key(FRAME.collection, FRAME.bands, FRAME.stem, "0123456789ab")
SCAN = keys.scan_key(FRAME.collection, FRAME.bands, FRAME.name.scan_stem)
PUBLISHED = [
    COG,
    keys.cog_key(SHEET.collection, SHEET.bands, SHEET.stem, "0123456789ab"),
    keys.scan_key(FRAME.collection, FRAME.bands, FRAME.name.scan_stem),
    keys.scan_key(SHEET.collection, SHEET.bands, SHEET.name.scan_stem),
    *(key for bands in layout_in_use().bands for key in index_file_keys(ELSEWHERE, bands)),
    *(COMPILED + suffix for suffix in FORMATS),
    SERVICES,
    CATALOG_PAGE,
    STAC_ROOT,
    VIEWER_PAGE,
    photograph_page(FRAME.collection.id, FRAME.bands, FRAME.stem),
    keys.thumbnail_key(FRAME.collection.id, 256),
]
PRIVATE = [
    FRAME.key,
    SHEET.key,
    "bw/Travis/USDA_1951/frames/georef/cogs.tif",
    keys.mapfile_key(ELSEWHERE.id),
    "mapfiles/cog/x.map",
    QUARANTINE + COG,
    QUARANTINE + "mapfiles/x.txt",
    f"{REPORTS}2026-01-01.json",
    "airflow/log/cog/x",
    "x.tif",
]


@pytest.fixture
def address(bucket, s3_server):
    client, name = bucket
    for key in PUBLISHED + PRIVATE:
        client.put_object(Bucket=name, Key=key, Body=b"x")
    client.put_bucket_policy(Bucket=name, Policy=bucket_policy(name, simulated=True))
    return lambda key: download_url(f"{s3_server}/{name}", key)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("key", PUBLISHED)
def test_hands_out_what_is_published(address, key, method):
    assert strangers.ask(address(key), method) == 200


@pytest.mark.parametrize("key", PRIVATE)
def test_keeps_everything_else(address, key):
    assert strangers.ask(address(key)) == 403


def test_browsers_of_any_site_may_read_by_ranges(address, bucket):
    client, name = bucket
    client.put_bucket_cors(Bucket=name, CORSConfiguration=CORS)
    asked = {"Origin": "https://elsewhere.example.org", "Range": "bytes=0-0"}

    answer = httpx.get(address(COG), headers=asked, trust_env=False)

    assert (answer.status_code, answer.headers["access-control-allow-origin"] in ("*", asked["Origin"])) == (206, True)
    assert answer.headers["content-range"] == "bytes 0-0/1"


def rendered(name, prefix, public="", item="b"):
    """Return a policy of the play for Amazon."""
    given = {"ecs_bucket": "b", "ecs_prefix": prefix, "ecs_name": "n", "ecs_region": "r", "account": "1"}
    given |= {"ecs_public_bucket": public, "item": item}
    return json.loads(jinja2.Environment(autoescape=False).from_string((AMAZON / name).read_text()).render(given))  # noqa: S701


@pytest.mark.parametrize("prefix", ["", "county/aerials/"])
def test_amazon_has_the_same_list(prefix):
    (ours,) = json.loads(bucket_policy("b", prefix))["Statement"]

    (theirs,) = [one for one in rendered("bucket.json.j2", prefix)["Statement"] if one["Effect"] == "Allow"]

    assert sorted(theirs.pop("Resource")) == sorted(ours.pop("Resource"))
    assert theirs == ours


def test_amazon_opens_the_public_bucket_alone_where_there_is_one():
    (ours,) = json.loads(bucket_policy("open"))["Statement"]
    closed, opened = (rendered("bucket.json.j2", "", "open", item)["Statement"] for item in ("b", "open"))

    assert [one["Effect"] for one in closed] == ["Deny"]
    (theirs,) = [one for one in opened if one["Effect"] == "Allow"]
    assert sorted(theirs["Resource"]) == sorted(ours["Resource"])


@pytest.mark.parametrize("public", ["", "open"])
def test_the_role_of_airflow_writes_where_the_program_does_and_no_upload(public):
    place = ArchivePlace("b", "county/aerials/", public)
    statements = rendered("airflow.json.j2", "county/aerials/", public)["Statement"]
    may = [(one["Action"], pattern) for one in statements for pattern in one["Resource"] if "s3:" in str(one["Action"])]

    def allowed(action, key):
        arn = f"arn:aws:s3:::{place.at(key)['Bucket']}/{place.at(key)['Key']}"
        return any(action in actions and fnmatchcase(arn, pattern) for actions, pattern in may)

    ours = [COG, "mapfiles/x.map", "overviews/x.tif", "quarantine/x.tif", LEDGER_MARK, "catalog/x", "stac/x", "viewer/x",
            "geojson/x", "thumbnails/x"]  # fmt: skip
    copies = [OPEN_COPY + SCAN, OPEN_COPY + LEDGER_MARK] if public else []
    assert [key for key in ours + copies if not allowed("s3:PutObject", key)] == []
    assert [key for key in [*ours, *copies, SCAN, FRAME.key] if not allowed("s3:GetObject", key)] == []
    assert [key for key in (SCAN, FRAME.key) if allowed("s3:PutObject", key) or allowed("s3:DeleteObject", key)] == []


@pytest.mark.parametrize("role", ["airflow", "hosts", "task"])
def test_roles_on_amazon_reach_nothing_outside_of_a_prefix(role):
    for statement in rendered(f"{role}.json.j2", "county/aerials/")["Statement"]:
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        keys = [one.partition("arn:aws:s3:::b")[2] for one in resources if one.startswith("arn:aws:s3:::b")]
        listed = json.dumps(statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", ""))
        assert all(key.startswith("/county/aerials/") or (key == "" and "county/aerials/" in listed) for key in keys)
    assert "county" not in json.dumps(rendered(f"{role}.json.j2", ""))


def make_buckets(s3_server, name, **more):
    """Run the part of the containers' first step that makes buckets, as it stands."""
    script = (ROOT / "docker/init").read_text().partition("<< 'BUCKETS'\n")[2].partition("\nBUCKETS\n")[0]
    names = {"S3_URL": s3_server, "S3_REGION": "us-east-1", "COGMILL_BUCKET": name, "LOG_BUCKET": f"{name}-log"}
    names |= more
    secrets = {"AWS_ACCESS_KEY_ID": "only", "AWS_SECRET_ACCESS_KEY": "for-tests"}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, env=os.environ | names | secrets, timeout=60)


def test_containers_open_the_bucket_that_they_make_and_not_that_of_logs(bucket, s3_server):
    client, name = bucket

    make_buckets(s3_server, f"{name}-new")

    assert client.get_bucket_cors(Bucket=f"{name}-new")["CORSRules"] == CORS["CORSRules"]
    assert client.get_bucket_policy(Bucket=f"{name}-new")["Policy"] == bucket_policy(f"{name}-new", simulated=True)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket=f"{name}-new-log")


def test_containers_open_the_public_bucket_alone_where_there_is_one(bucket, s3_server):
    client, name = bucket

    make_buckets(s3_server, f"{name}-new", COGMILL_PUBLIC_BUCKET=f"{name}-open")

    assert client.get_bucket_policy(Bucket=f"{name}-open")["Policy"] == bucket_policy(f"{name}-open", simulated=True)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket=f"{name}-new")


def test_containers_leave_a_bucket_that_was_there_as_it_is(bucket, s3_server):
    client, name = bucket

    make_buckets(s3_server, name)

    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket=name)
