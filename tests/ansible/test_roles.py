"""The roles s3fs and mapserver on machines nobody has touched. The tests of a file build upon each other, in this order."""

from __future__ import annotations

import re

from tests.ansible.hosts import POSTGIS_SECRET, S3_SECRET, Host, Play


def assert_serves(host: Host) -> None:
    assert host.ask("judge") == {}


def test_check_mode_changes_nothing_on_a_fresh_machine(host13: Host) -> None:
    before = host13.run(
        "dpkg -l | md5sum; find /etc /usr/local /srv -newer /etc/hostname -type f | grep -v ld.so | sort"
    )

    play = host13.play("--check", "--diff")

    assert play.changes
    assert (
        host13.run("dpkg -l | md5sum; find /etc /usr/local /srv -newer /etc/hostname -type f | grep -v ld.so | sort")
        == before
    )


def test_converges_when_it_was_killed_in_the_middle(host13: Host) -> None:
    for task in ("Ensure the helper is installed", "Ensure the watcher runs", "Ensure MapServer knows the database"):
        Play.start(host13, [], {}).kill_at(task)

    host13.play()

    assert_serves(host13)


def test_second_run_changes_nothing_and_shows_no_secret(host13: Host) -> None:
    play = host13.play("-vvv", "--diff")

    assert play.changes == []
    assert S3_SECRET not in play.text
    assert POSTGIS_SECRET not in play.text


def test_keys_of_single_mounts_are_not_shown_either(host13: Host) -> None:
    keys = {"access_key": "cogmill", "secret_key": "canary-entry-58d0"}
    mapfiles = {"name": "mapfiles", "prefix": "mapfiles", "path": "/srv/cogmill/mapfiles", "group": "mapserver"}
    gone = {"name": "gone", "path": "/srv/cogmill/gone", "state": "absent"}

    play = host13.play("-vvv", "--diff", extra={"s3fs_mounts": [mapfiles | keys, gone | keys]})

    assert "canary-entry" not in play.text
    host13.play()


def test_no_cache_may_keep_an_error(host13: Host) -> None:
    found = host13.ask("error_headers")

    assert {kept for _, _, kept in found.values()} == {"no-store"}, found
    assert "max-age" in host13.ask("headers")["cache-control"]


def test_serves_over_tls_and_takes_a_renewed_certificate(host13: Host) -> None:
    encrypted = {"mapserver_tls_certificate": "/etc/ssl/site.crt", "mapserver_tls_key": "/etc/ssl/private/site.key"}
    make = (
        "umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost -out /etc/ssl/site.crt -keyout /etc/ssl/private/site.key 2>&1; "
        "cat /etc/ssl/site.crt"
    )

    for _ in ("first", "renewed"):
        made = host13.run(make)
        (host13.folder / "site.crt").write_text(made[made.index("-----BEGIN CERT") :])

        play = host13.play(extra=encrypted)

        assert play.changes
        assert host13.ask("tls") == {"status": 200, "type": "image/png", "version": "TLSv1.2"}
    assert host13.play(extra=encrypted).changes == []
    host13.play()


def test_secrets_lie_only_in_files_that_their_owner_alone_reads(host13: Host) -> None:
    files = host13.run(
        f"grep -rlE '{S3_SECRET}|{POSTGIS_SECRET}' /etc /usr/local /var/lib/systemd /var/log /root /tmp 2>/dev/null; true"
    )
    modes = {path: host13.run(f"stat -c %a {path}") for path in files.split()}

    assert set(modes) == {
        "/etc/s3fs/mapfiles.passwd",
        "/etc/mapserver/pg_service.conf",
        "/etc/mapserver/aws-credentials",
    }
    assert all(mode in {"400", "600"} for mode in modes.values())
    assert S3_SECRET not in host13.run("ps axwwe; journalctl --no-pager")


def test_a_change_whose_play_was_killed_before_the_handler_is_carried_out_by_the_next(host13: Host) -> None:
    changed = {"mapserver_cache_seconds": 777, "mapserver_block_cache_mb": 99}
    Play.start(host13, [], changed).kill_at("Reload nginx")

    host13.play(extra=changed)

    headers = host13.ask("headers")
    assert headers["cache-control"] == "public, max-age=777"
    assert host13.play(extra=changed).changes == []
    newest = host13.run("stat -c %Y /etc/mapserver/mapserver.conf")
    started = host13.run("stat -c %Y /proc/$(systemctl show -p MainPID --value mapserver@1)")
    assert int(started) >= int(newest)


def test_workers_and_mount_run_as_accounts_that_can_do_little(host13: Host) -> None:
    accounts = {
        name: host13.run(f"ps -o user:32= -p $(systemctl show -p MainPID --value {name})")
        for name in ("s3fs-mapfiles", "mapserver@1")
    }
    worker = host13.run("cat /proc/$(systemctl show -p MainPID --value mapserver@1)/status")

    assert (accounts["s3fs-mapfiles"], accounts["mapserver@1"]) == ("s3fs", "mapserver")
    assert re.search(r"NoNewPrivs:\s+1", worker)
    assert re.search(r"CapEff:\s+0+\n", worker)
    assert re.search(r"CapBnd:\s+0+\n", worker)
    enter = "nsenter -t $(systemctl show -p MainPID --value mapserver@1) -m --"
    assert "Read-only" in host13.run(f"{enter} touch /usr/x 2>&1", check=False)
    assert host13.run("runuser -u nobody -- cat /srv/cogmill/mapfiles/* 2>&1 | head -1", check=False).endswith("denied")


def test_maps_are_back_when_the_machine_was_started_anew(host13: Host) -> None:
    host13.restart()

    assert_serves(host13)
    assert "fuse.s3fs" in host13.run("grep /srv/cogmill/mapfiles /proc/mounts")
