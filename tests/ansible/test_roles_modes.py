"""The other ways of seeing a bucket, on the machine of test_roles.py: each really mounted and read."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.ansible.hosts import BY_ROLE, S3_SECRET, Host
from tests.ansible.metadata import ROLE, ROLES, clients

MAPFILES = {"name": "mapfiles", "prefix": "mapfiles", "path": "/srv/cogmill/mapfiles", "group": "mapserver"}
LIST = "runuser -u mapserver -- ls /srv/cogmill/mapfiles | grep -c '[.]map$'"
ARCHIVE = {"name": "old", "prefix": "archive/old", "path": "/srv/cogmill/old", "mode": "archive"}
PUBLISH = "set -a; . /etc/s3fs/old.env; . /etc/s3fs/old.archive; RCLONE_CONFIG=/dev/null; s3fs-archive publish"


def within(seconds: float, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)


def test_timed_copy_is_switched_as_a_whole(host13: Host) -> None:
    mounts = {"s3fs_mounts": [MAPFILES | {"mode": "sync"}], "mapserver_check_exists": True, "s3fs_sync_interval": 3}
    host13.play(extra=mounts)
    within(30, lambda: host13.run(LIST, check=False) == "5")

    assert host13.ask("judge") == {}
    assert host13.run("test -L /srv/cogmill/mapfiles && grep -c fuse.s3fs /proc/mounts", check=False) == "0"
    assert host13.run("systemctl list-units --all --no-legend 's3fs-mapfiles*' 's3fs-watch-*'") == ""
    assert host13.play(extra=mounts).changes == []


def test_timed_copy_believes_no_empty_and_no_failed_listing(host13: Host) -> None:
    visible = "readlink -f /srv/cogmill/mapfiles"
    before = host13.run(visible)

    asked = host13.ask("without_mapfiles", "15")

    assert asked["taken"] == 5
    assert asked["seen"] == [asked["before"]]
    assert len(asked["before"]) == 16
    assert "lacks 5 of the visible files" in host13.run("journalctl -u s3fs-sync-mapfiles -o cat --no-pager")
    failing = "set -a; . /etc/s3fs/mapfiles.env; SYNC_KEEP=2 SYNC_MAX_DELETE=100 RCLONE_CONFIG=/dev/null"
    copy = "s3fs-sync S3:no-such-bucket/mapfiles /var/lib/s3fs/mapfiles > /dev/null 2>&1; echo $?"
    assert host13.run(f"{failing}; {copy}") != "0"
    assert (host13.run(visible), host13.run(LIST)) == (before, "5")


def test_timed_copy_is_back_when_the_machine_was_started_anew(host13: Host) -> None:
    host13.restart()

    assert host13.ask("judge") == {}
    within(10, lambda: host13.run("systemctl is-active s3fs-sync-mapfiles.timer", check=False) == "active")


def test_archive_image_is_mounted_and_a_new_one_takes_its_place(host13: Host) -> None:
    served = {"mapserver_mapfiles": ARCHIVE["path"], "s3fs_archive_interval": 2}
    mounts = served | {"s3fs_mounts": [MAPFILES, ARCHIVE]}
    host13.play(extra=mounts)
    host13.run("cp -rL /srv/cogmill/mapfiles /root/old && chmod -R u+w,a+rX /root/old")

    host13.run(f"{PUBLISH} /root/old first")
    within(30, lambda: host13.run("ls /srv/cogmill/old | wc -l", check=False) == "5")
    assert host13.ask("judge") == {}
    old = host13.ask("outlines")

    host13.run("sed -i 's/OUTLINECOLOR 100 250 100/OUTLINECOLOR 250 100 100/' /root/old/*.map")
    host13.run("head -c 3000000 /dev/urandom > /root/old/data")
    host13.run(f"{PUBLISH} /root/old second")
    within(30, lambda: host13.run("cmp /root/old/data /srv/cogmill/old/data && echo same", check=False) == "same")
    new = host13.ask("outlines")

    assert (len(old), len(new)) == (16, 16)
    assert new != old
    # One image, one layer of memory above it; what was mounted before is gone.
    within(20, lambda: host13.run("grep -c squashfs /proc/mounts") == "1")
    host13.run("echo scratch > /srv/cogmill/old/name.aux")
    assert host13.play(extra=mounts).changes == []


def test_archive_is_back_when_the_machine_was_started_anew(host13: Host) -> None:
    before = host13.ask("outlines")

    host13.restart()

    within(30, lambda: host13.run("ls /srv/cogmill/old/*.map | wc -l", check=False) == "5")
    assert host13.ask("outlines") == before


def test_archive_outlives_a_killed_program_and_a_lost_pointer(host13: Host) -> None:
    def times_mounted() -> int:
        return host13.run("journalctl -u s3fs-archive-old -o cat").count("is visible")

    before, times = host13.ask("outlines"), times_mounted()

    host13.run("kill -9 $(systemctl show -p MainPID --value s3fs-archive-old)")
    within(30, lambda: times_mounted() == times + 1)
    assert host13.ask("outlines") == before
    host13.run("set -a; . /etc/s3fs/old.env; RCLONE_CONFIG=/dev/null rclone deletefile S3:cogmill/archive/old/current")
    time.sleep(6)
    assert host13.ask("outlines") == before


def test_nothing_of_an_archive_stays_when_it_is_not_wanted(host13: Host) -> None:
    host13.play(extra={"s3fs_mounts": [MAPFILES, ARCHIVE | {"state": "absent"}]})

    assert host13.run("grep -c -e squashfs -e s3backer /proc/mounts", check=False) == "0"
    assert host13.run("ls /srv/cogmill") == "mapfiles"
    assert host13.ask("judge") == {}


def test_fstab_mount_comes_back_when_its_process_was_killed(host13: Host) -> None:
    mounts = {"s3fs_mounts": [MAPFILES | {"mode": "fstab"}]}
    host13.run("""echo 'PRUNEPATHS="/tmp /media"' > /etc/updatedb.conf""")
    host13.play(extra=mounts)

    assert host13.ask("judge") == {}
    assert "_netdev" in host13.run("grep fuse.s3fs /etc/fstab")
    host13.run("kill -9 $(pgrep -x s3fs)")
    within(25, lambda: host13.run(LIST, check=False) == "5")
    assert host13.play(extra=mounts).changes == []


def test_fstab_mount_is_back_when_the_machine_was_started_anew(host13: Host) -> None:
    host13.restart()

    within(25, lambda: host13.run(LIST, check=False) == "5")
    assert host13.ask("judge") == {}


def test_programs_that_walk_file_systems_keep_out(host13: Host) -> None:
    assert host13.run("cat /etc/updatedb.conf") == 'PRUNEPATHS="/tmp /media /srv/cogmill/mapfiles"'
    assert "x /srv/cogmill/mapfiles" in host13.run("cat /etc/tmpfiles.d/s3fs.conf")


def test_role_of_the_instance_opens_the_bucket_when_the_machine_has_no_keys(host13: Host) -> None:
    log = host13.start_metadata()

    for mode in ("sync", "service"):
        mounted = BY_ROLE | {"s3fs_mounts": [MAPFILES | {"mode": mode}]}
        host13.play(extra=mounted)
        within(30, lambda: host13.run(LIST, check=False) == "5")
        assert host13.ask("judge") == {}

    assert host13.play(extra=mounted).changes == []
    assert host13.run(f"grep -rl {S3_SECRET} /etc /var/lib; true") == ""
    assert not [line for line in log.read_text().splitlines() if line.startswith("401")]
    assert clients(log, ROLES + ROLE) == {"GDAL", "rclone", "s3fs"}


def test_several_people_drop_files_into_one_folder(host13: Host) -> None:
    uploads = {
        "name": "uploads",
        "path": "/srv/cogmill/uploads",
        "read_only": False,
        "group": "scanners",
        "umask": "0007",
        "connect_timeout": 10,
        "readwrite_timeout": 60,
        "retries": 5,
    }
    mounts = {"s3fs_mounts": [MAPFILES, uploads]}
    host13.play(extra=mounts)
    host13.run("for who in anna ben; do useradd -G scanners $who; done; useradd stranger")
    folder = "/srv/cogmill/uploads/bw/Bexar/USDA_1938/frames/scanned"

    host13.run(f"runuser -u anna -- sh -c 'mkdir -p {folder} && echo one > {folder}/one.tif'")
    host13.run(f"runuser -u ben -- sh -c 'echo more >> {folder}/one.tif && echo two > {folder}/two.tif'")

    # More than the program's memory.
    host13.run(f"runuser -u ben -- sh -c 'head -c 700M /dev/zero > {folder}/sheet.tif'")

    assert host13.ask("size", "bw/Bexar/USDA_1938/frames/scanned/sheet.tif") == 700 * 1024**2
    assert host13.ask("read", "bw/Bexar/USDA_1938/frames/scanned/one.tif") == "one\nmore\n"
    assert host13.ask("read", "bw/Bexar/USDA_1938/frames/scanned/two.tif") == "two\n"
    assert "denied" in host13.run("runuser -u stranger -- ls /srv/cogmill/uploads 2>&1", check=False)
    # Uploaded by other means, below folders that nobody ever made.
    seen = host13.run(
        "runuser -u ben -- find /srv/cogmill/uploads/bw/Travis/USDA_1951/frames/georef -name '*.tif' | wc -l"
    )
    assert int(seen) > 0
