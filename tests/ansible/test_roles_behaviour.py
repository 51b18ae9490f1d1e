"""A serving host while mapfiles change, S3 goes away, and people try things; in both ways of seeing the mapfiles."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ansible.hosts import Host

CACHE_S = 10
"""`stat_cache_expire` and the pause of the timed copy on this host."""
SYNC = [
    {"name": "mapfiles", "prefix": "mapfiles", "path": "/srv/cogmill/mapfiles", "group": "mapserver", "mode": "sync"}
]


def note(what: str, host: Host, figures: object) -> None:
    """Write figures where a person finds them."""
    print(f"\n{what} {host.variables.get('mode')} {json.dumps(figures)}")


def asked_of_s3(host: Host) -> int:
    """Return the number of requests the S3 server got, but for those that look whether mapfiles changed."""
    lines = (host.folder / "s3.log").read_text().splitlines()
    return len([line for line in lines if "HTTP/1.1" in line and "mapfiles" not in line])


@pytest.fixture(scope="module", params=["service", "sync"])
def host(host13: Host, request: pytest.FixtureRequest) -> Iterator[Host]:
    """The machine in one mode; the second play turns the first mode into the other."""
    before = dict(host13.variables)
    host13.variables |= {"s3fs_stat_cache_expire": CACHE_S, "s3fs_sync_interval": CACHE_S, "mode": request.param}
    if request.param == "sync":
        host13.variables |= {"s3fs_mounts": SYNC, "mapserver_check_exists": True}
    host13.play()
    yield host13
    host13.variables = before


def test_shows_the_ground(host: Host) -> None:
    assert host.ask("judge") == {}


def test_a_service_asked_for_too_early_appears_within_the_stated_time(host: Host) -> None:
    found = host.ask("appears")

    note("appears", host, found)
    assert found["existed_before"] == 0
    assert max(found["new"], found["changed"], found["gone"]) <= CACHE_S + 5


def test_every_answer_is_the_old_or_the_new_map_while_mapfiles_are_replaced(host: Host) -> None:
    found = host.ask("replace_under_load", "10000", "200", limit_s=2000)

    note("replace_under_load", host, found)
    assert found["wrong"] == {}
    assert (found["requests"], found["both_seen"]) == (10000, True)


def test_hostile_requests_are_refused_at_once_without_touching_the_network(host: Host) -> None:
    host.ask("headers")
    before = asked_of_s3(host)

    found = host.ask("hostile")

    note("hostile", host, found)
    assert found["asked"] >= 60
    assert (found["faults"], found["caught"]) == ([], 0)
    assert found["slowest"] <= 1
    assert asked_of_s3(host) == before
    # The only session is that of the one who counts.
    assert found["read"] == 1


def test_memory_of_the_workers_is_flat(host: Host) -> None:
    def resident() -> int:
        pids = "$(for i in 1 2 3 4; do systemctl show -p MainPID --value mapserver@$i; done)"
        return max(map(int, host.run(f"for p in {pids}; do awk '/VmRSS/ {{print $2}}' /proc/$p/status; done").split()))

    host.ask("many", "500")
    early = resident()
    found = host.ask("many", "5000", limit_s=2000)

    note("memory", host, {"kB_after_500": early, "kB_after_5500": resident(), **found})
    assert found["pictures"] == 1
    assert resident() <= early * 1.1 + 4096


def test_s3_gone_for_a_minute_costs_no_answer_more_than_ten_seconds(host: Host) -> None:
    (host.folder / "asking").unlink(missing_ok=True)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(host.ask, "during", "70")
        while not (host.folder / "asking").exists():
            time.sleep(0.1)
        time.sleep(2)
        host.pause_s3(paused=True)
        time.sleep(60)
        waiting = host.run("ps axo stat=,args= | grep '^D' || true")
        host.pause_s3(paused=False)
        found = asked.result()

    note("outage", host, found)
    assert found["slowest"] <= 10
    assert [kind for kind in found["kinds"] if not re.match(r"map$|[45]\d\d ", kind)] == []
    assert waiting == ""
    assert host.ask("judge", "30") == {}
    assert host.run("ps axo stat=,args= | grep '^D' || true") == ""


def test_s3fs_is_back_after_it_was_killed(host: Host) -> None:
    if host.variables["mode"] == "sync":
        pytest.skip("no FUSE in this mode")
    mounted = "runuser -u mapserver -- ls /srv/cogmill/mapfiles | grep -c map"
    before = host.run(mounted)

    host.run("kill -9 $(systemctl show -p MainPID --value s3fs-mapfiles)")
    killed = time.monotonic()
    while host.run(mounted, check=False) != before:
        assert time.monotonic() - killed < 15
        time.sleep(0.2)

    note("s3fs killed", host, {"seconds": time.monotonic() - killed})
    assert host.ask("judge") == {}


def test_a_hanging_s3fs_is_mounted_again(host: Host) -> None:
    if host.variables["mode"] == "sync":
        pytest.skip("no FUSE in this mode")
    before = host.run("systemctl show -p MainPID --value s3fs-mapfiles")

    host.run(f"kill -STOP {before}")
    stopped = time.monotonic()
    while host.run("systemctl show -p MainPID --value s3fs-mapfiles") in {before, "0"}:
        assert time.monotonic() - stopped < 60
        time.sleep(0.5)

    note("s3fs hangs", host, {"seconds": time.monotonic() - stopped})
    assert host.ask("judge", "30") == {}
