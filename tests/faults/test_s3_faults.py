"""S3 that fails in every way it can: nothing is lost, nobody is told a lie, and somebody says that it fails."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import psycopg
import pytest

from tests.faults import s3_proxy as faults
from tests.faults.checker import disagreements
from tests.faults.conftest import LONG, chosen

GEOREF = r"^GET .*/georef/"

FAULTS = {
    "500": faults.refused(500, "InternalError"),
    "503": faults.refused(503, "SlowDown"),
    "403": faults.refused(403, "AccessDenied"),
    "403 for uploads": faults.only(GEOREF, faults.refused(403, "AccessDenied")),
    "503 for PUT": faults.only("^PUT ", faults.refused(503, "SlowDown")),
    "silence": faults.silent,
    "uploads cut in the middle": faults.only(GEOREF, faults.cut),
    "listings cut in the middle": faults.only("list-type=2", faults.cut),
    "answers with a length too long": faults.too_long_a_length,
    "uploads with a length too short": faults.only(GEOREF, faults.too_short_a_length),
    "listings with a length too short": faults.only("list-type=2", faults.too_short_a_length),
}
"""Faults that keep a run from doing all it should."""

BORNE = {
    "one of ten 503": faults.of_ten(1, faults.refused(503, "SlowDown")),
    "slow": faults.only(GEOREF, faults.slow),
}
"""Faults that a run bears."""


QUICK = ("503 for PUT", "silence", "uploads cut in the middle", "uploads with a length too short")


@pytest.mark.parametrize("fault", chosen(FAULTS, QUICK))
def test_nothing_is_lost_or_wrong_when_s3_fails(disturbed, named, fault):
    disturbed.upload(2, seed=2)
    disturbed.upload(3)
    begun = time.time()

    with disturbed.proxy.suffering(FAULTS[fault]):
        disturbed.run()
        disturbed.night()
        assert disturbed.proxy.faulty
        seconds = named(begun)
        assert disturbed.lies() == []

    assert disturbed.settle() == []
    print(f"S3: {fault}: named after {seconds:.1f} s; {disturbed.errors[:1]}")


@pytest.mark.parametrize("fault", chosen(BORNE, ("one of ten 503",)))
def test_a_run_bears_what_s3_says_now_and_then(disturbed, fault):
    disturbed.upload(2, seed=2)
    disturbed.upload(3)

    with disturbed.proxy.suffering(BORNE[fault]):
        assert disturbed.run(), disturbed.errors
        assert disturbed.proxy.faulty
        assert disturbed.lies() == []

    assert disturbed.settle() == []


def test_nothing_leaves_the_map_when_listings_are_empty(disturbed):
    with disturbed.proxy.suffering(faults.empty_listing):
        disturbed.night()
        disturbed.run()
        assert disturbed.lies() == []

    assert disturbed.settle() == []


def test_uploads_are_seen_late_and_nothing_is_taken_back_when_listings_are_stale(disturbed):
    old: dict[str, faults.Answer] = {}
    with disturbed.proxy.suffering(faults.stale_listing(old)):
        disturbed.run()
        disturbed.upload(2, seed=2)
        disturbed.upload(3)
        disturbed.run()
        disturbed.night()
        assert disturbed.lies() == []

    assert disturbed.settle() == []


@pytest.mark.skipif(not LONG, reason="long: make faults")
@pytest.mark.timeout(1800)
def test_nothing_is_lost_when_s3_fails_at_any_single_request_of_a_run(disturbed):
    """Each request of a run in turn is answered by 500 for good; what the run left behind, the next one mends."""
    for serial in range(1, 60, 4):
        disturbed.upload(3, seed=serial)
        broken: list[str] = []

        def once(request, ask, serial=serial, broken=broken):
            path = f"{request.method} {request.path}"
            if request.serial == serial:
                broken.append(path)
            return faults.refused(500, "InternalError")(request, ask) if path in broken else ask()

        with disturbed.proxy.suffering(once):
            disturbed.run()
            assert disturbed.lies() == [], broken

    assert disturbed.settle() == []


def test_second_installation_on_the_bucket_is_refused_and_changes_nothing(disturbed, database):
    with psycopg.connect(**database, autocommit=True) as connection:
        # the databases of the tests are copies of one, with its id
        connection.execute("UPDATE cogmill.identity SET id = gen_random_uuid()")
    other = type(disturbed)(disturbed.proxy, disturbed.way, disturbed.client, disturbed.bucket, database)
    with faults.s3_proxy(disturbed.proxy.url) as proxy:
        other.proxy = proxy
        assert not other.run()

    assert "ConfigurationError" in other.errors[0]
    assert disturbed.bucket in other.errors[0]
    assert disturbed.settle() == []


def ahead(days: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)


def test_uploads_are_seen_when_the_clock_of_s3_was_ahead_for_a_while(disturbed):
    with disturbed.proxy.suffering(faults.dated(ahead(400))):
        disturbed.run()
        disturbed.night()
        assert disturbed.lies() == []
    disturbed.upload(2, seed=2)
    disturbed.upload(3)

    assert disturbed.settle() == []


def test_checker_notices_what_is_lost_or_wrong(disturbed):
    """A control: a checker that sees nothing would pass every other test."""

    def found() -> str:
        return "\n".join(disagreements(disturbed.client, disturbed.bucket, disturbed.libpq, disturbed.uploads))

    client, bucket = disturbed.client, disturbed.bucket
    kept = {
        entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in client.list_objects_v2(Bucket=bucket)["Contents"]
    }
    missed = []
    for key, body in kept.items():
        if "thumbnails/" in key or key == "reports/ledger.json" or key.endswith((".prj", ".cpg", ".zip", ".shx")):
            continue
        client.delete_object(Bucket=bucket, Key=key)
        missed += [] if found() else [f"{key} was deleted"]
        client.put_object(Bucket=bucket, Key=key, Body=body[:-100])
        missed += [] if found() else [f"{key} was cut"]
        client.put_object(Bucket=bucket, Key=key, Body=body)
    assert missed == []
    assert found() == ""
    disturbed.uploads["bw/Travis/USDA_1951/frames/georef/03-22-51_4-9.tif"] = b"x"
    assert "is gone" in found()
