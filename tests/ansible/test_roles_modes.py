"""The other ways of seeing a bucket, on the machine of test_roles.py: each really mounted and read."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.ansible.hosts import Host

MAPFILES = {"name": "mapfiles", "prefix": "mapfiles", "path": "/srv/cogmill/mapfiles", "group": "mapserver"}
LIST = "runuser -u mapserver -- ls /srv/cogmill/mapfiles | grep -c '[.]map$'"


def within(seconds: float, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)


def test_fstab_mount_comes_back_when_its_process_was_killed(host13: Host) -> None:
    mounts = {"s3fs_mounts": [MAPFILES | {"mode": "fstab"}]}
    host13.run("""echo 'PRUNEPATHS="/tmp /media"' > /etc/updatedb.conf""")
    host13.play(extra=mounts)

    assert host13.ask("judge") == {}
    assert "_netdev" in host13.run("grep fuse.s3fs /etc/fstab")
    host13.run("kill -9 $(pgrep -x s3fs)")
    within(25, lambda: host13.run(LIST, check=False) == "5")
    assert host13.play(extra=mounts).changed == 0


def test_programs_that_walk_file_systems_keep_out(host13: Host) -> None:
    assert host13.run("cat /etc/updatedb.conf") == 'PRUNEPATHS="/tmp /media /srv/cogmill/mapfiles"'
    assert "x /srv/cogmill/mapfiles" in host13.run("cat /etc/tmpfiles.d/s3fs.conf")


def test_several_people_drop_files_into_one_folder(host13: Host) -> None:
    uploads = {
        "name": "uploads",
        "path": "/srv/cogmill/uploads",
        "read_only": False,
        "group": "scanners",
        "umask": "0007",
    }
    mounts = {"s3fs_mounts": [MAPFILES, uploads]}
    host13.play(extra=mounts)
    host13.run("for who in anna ben; do useradd -G scanners $who; done; useradd stranger")
    folder = "/srv/cogmill/uploads/bw/Bexar/USDA_1938/frames/scanned"

    host13.run(f"runuser -u anna -- sh -c 'mkdir -p {folder} && echo one > {folder}/one.tif'")
    host13.run(f"runuser -u ben -- sh -c 'echo more >> {folder}/one.tif && echo two > {folder}/two.tif'")

    assert host13.ask("read", "bw/Bexar/USDA_1938/frames/scanned/one.tif") == "one\nmore\n"
    assert host13.ask("read", "bw/Bexar/USDA_1938/frames/scanned/two.tif") == "two\n"
    assert "denied" in host13.run("runuser -u stranger -- ls /srv/cogmill/uploads 2>&1", check=False)
    # Uploaded by other means, below folders that nobody ever made.
    seen = host13.run(
        "runuser -u ben -- find /srv/cogmill/uploads/bw/Travis/USDA_1951/frames/georef -name '*.tif' | wc -l"
    )
    assert int(seen) > 0
