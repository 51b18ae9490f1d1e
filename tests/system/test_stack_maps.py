"""The way from a mapfile in the bucket to a picture, and what the door refuses."""

from __future__ import annotations

import httpx
import psycopg
import pytest

from demo.stack import Stack
from tests.system.probes import GET_MAP, PNG, ask, mapfile, put_mapfile, wait_until

pytestmark = pytest.mark.system


def is_drawn(stack: Stack, name: str) -> bool:
    return ask(stack, f"map=/mapfiles/{name}.map{GET_MAP}").content.startswith(PNG)


def test_map_appears_within_seconds_when_it_was_asked_for_before_it_existed(stack: Stack) -> None:
    assert ask(stack, f"map=/mapfiles/probe_early.map{GET_MAP}").status_code == 404

    put_mapfile(stack, "probe_early", mapfile())

    assert wait_until(lambda: is_drawn(stack, "probe_early"), 10) < 10


def test_picture_changes_within_seconds_when_the_mapfile_is_replaced(stack: Stack) -> None:
    put_mapfile(stack, "probe_change", mapfile())
    wait_until(lambda: is_drawn(stack, "probe_change"), 10)
    before = ask(stack, f"map=/mapfiles/probe_change.map{GET_MAP}").content

    put_mapfile(stack, "probe_change", mapfile("255 0 0"))

    wait_until(lambda: ask(stack, f"map=/mapfiles/probe_change.map{GET_MAP}").content != before, 10)
    assert is_drawn(stack, "probe_change")


def test_encoded_address_is_the_same_map_when_a_client_escapes_slashes(stack: Stack) -> None:
    put_mapfile(stack, "probe_escaped", mapfile())

    wait_until(lambda: ask(stack, f"MAP=%2Fmapfiles%2Fprobe_escaped.map{GET_MAP}").content.startswith(PNG), 10)


def test_request_of_qgis_is_served_when_it_states_its_resolution(stack: Stack) -> None:
    put_mapfile(stack, "probe_qgis", mapfile())

    query = f"map=/mapfiles/probe_qgis.map{GET_MAP}&DPI=96&MAP_RESOLUTION=96&FORMAT_OPTIONS=dpi:96"

    wait_until(lambda: ask(stack, query).content.startswith(PNG), 10)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "map=/etc/passwd",
        "map=/mapfiles/../../etc/passwd.map",
        "map=/mapfiles/%2e%2e/probe_door.map",
        "map=/mapfiles/probe_door.map.bak",
        "map=/mapfiles/PROBE_DOOR.map",
        "map=/mapfiles/probe_door.map%00",
        "map=/mapfiles/probe_door.map%0A",
        "map=//mapfiles/probe_door.map",
        "map=mapfiles/probe_door.map",
        "map=https://example.org/probe_door.map",
        "MAP=/etc/passwd&map=/mapfiles/probe_door.map" + GET_MAP,
        "map=/mapfiles/probe_door.map&map=/etc/passwd" + GET_MAP,
        "m%61p=/etc/passwd&map=/mapfiles/probe_door.map" + GET_MAP,
        "map=/mapfiles/probe_door.map&SLD=http://127.0.0.1:1/x.sld" + GET_MAP,
        "map=/mapfiles/probe_door.map&s%6Cd=http://127.0.0.1:1/x.sld" + GET_MAP,
        "map=/mapfiles/probe_door.map&SLD_BODY=%3CStyledLayerDescriptor%2F%3E" + GET_MAP,
        "map=/mapfiles/probe_door.map&context=/etc/passwd" + GET_MAP,
        "map=/mapfiles/probe_door.map&map.layer[box]=STATUS+OFF" + GET_MAP,
        "map=/mapfiles/probe_door.map&map_layer_box=STATUS+OFF" + GET_MAP,
        "map=/mapfiles/probe_door.map&mapxml=true" + GET_MAP,
        "map=/mapfiles/probe_door.map&SERVICE=WFS&REQUEST=GetCapabilities",
        "map=/mapfiles/probe_door.map&SERVICE=WCS&REQUEST=GetCapabilities",
        "map=/mapfiles/probe_door.map&SERVICE=SOS&REQUEST=GetCapabilities",
    ],
)
def test_request_is_refused_when_it_asks_for_more_than_a_picture(stack: Stack, query: str) -> None:
    put_mapfile(stack, "probe_door", mapfile())
    wait_until(lambda: is_drawn(stack, "probe_door"), 10)

    answer = ask(stack, query)

    assert answer.status_code in {403, 404}
    assert str(stack.paths.root) not in answer.text


def test_post_is_refused_when_sent_to_a_service(stack: Stack) -> None:
    answer = httpx.post(f"{stack.wms_url('probe_door')}", content="<x/>", trust_env=False)

    assert answer.status_code == 405


def test_forwarded_host_is_ignored_when_a_client_invents_one(stack: Stack) -> None:
    put_mapfile(stack, "probe_host", mapfile().replace(b'"wms_onlineresource"', b'"wms_nothing"'))
    wait_until(lambda: is_drawn(stack, "probe_host"), 10)

    url = f"{stack.wms_url('probe_host')}&SERVICE=WMS&REQUEST=GetCapabilities"
    answer = httpx.get(url, headers={"X-Forwarded-Host": "evil.example", "Host": "evil.example"}, trust_env=False)

    assert b"WMS_Capabilities" in answer.content
    assert b"evil" not in answer.content


def test_mount_is_read_only_when_root_writes(stack: Stack) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (stack.paths.mapfiles / "evil.map").write_bytes(b"MAP END")


def test_reader_may_only_read_the_tile_index_when_it_connects(stack: Stack) -> None:
    with psycopg.connect(stack.dsn("reader"), autocommit=True) as reader:
        reader.execute("SELECT count(*) FROM cogmill.tile_index")  # raises where that is not allowed
        assert reader.execute("SHOW statement_timeout").fetchone() == ("5s",)
        reader.execute("SET default_transaction_read_only = off")
        for statement in (
            "SELECT * FROM cogmill.frame",
            "DELETE FROM cogmill.tile_index",
            "CREATE TABLE public.evil (a int)",
            "CREATE TEMP TABLE evil (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


def test_no_folder_marker_is_made_when_the_mount_was_used(stack: Stack) -> None:
    listing = stack.s3_client().list_objects_v2(Bucket=stack.settings.bucket)

    assert [entry["Key"] for entry in listing.get("Contents", []) if entry["Key"].endswith("/")] == []
