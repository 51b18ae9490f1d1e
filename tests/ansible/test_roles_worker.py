"""A site without containers on one machine: cogmill_db, s3fs, mapserver and airflow_worker, from nothing to a map.

The tests build upon each other, in this order.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ansible.hosts import ROOT, S3_SECRET, Host, Play, docker, fresh_host
from tests.ansible.test_roles_db import AIRFLOW, OWNER, PASSWORDS, READER, WRITER

# With characters that shells, URLs and systemd read in their own way.
BROKER = "canary'br$k%r/4d1e"
FERNET, API, JWT = "Y2FuYXJ5LWZlcm5ldC1mb3ItdGhlLXRlc3RzLTAxMjM=", "canary-api-8fe2" * 5, "canary-jwt-77a0" * 5
SECRETS = (AIRFLOW, WRITER, OWNER, S3_SECRET, FERNET, API, JWT, BROKER)
SERVICES = ("celery-worker", "api-server", "scheduler", "dag-processor", "triggerer")
UNITS = " ".join(f"airflow-{name}" for name in SERVICES)
SETTINGS: dict[str, Any] = {
    **PASSWORDS,
    "airflow_worker_repository": "/root/cogmill.git",
    "airflow_worker_version": "main",
    "airflow_worker_services": [service.replace("celery-", "celery ") for service in SERVICES],
    "airflow_worker_migrates": True,
    "airflow_worker_broker_url": "redis://:canary%27br%24k%25r%2F4d1e@127.0.0.1:6379/0",
    "airflow_worker_fernet_key": FERNET,
    "airflow_worker_api_secret": API,
    "airflow_worker_jwt_secret": JWT,
    "airflow_worker_database_password": AIRFLOW,
    "airflow_worker_ledger_password": WRITER,
    "airflow_worker_ledger_owner_password": OWNER,
    "airflow_worker_s3_access_key": "cogmill",
    "airflow_worker_s3_secret_key": S3_SECRET,
    "mapserver_postgis_port": 5432,
    "mapserver_postgis_password": READER,
}
GROUPS = ("databases", "maps", "airflow")
STATE = "dpkg -l | md5sum; find /etc /usr/local /opt /srv -newer /etc/hostname -type f | grep -v ld.so | sort"


@pytest.fixture(scope="module")
def site(docker_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A machine nobody has touched, with what a site brings itself: a bucket, a repository and a broker."""
    bare = tmp_path_factory.mktemp("repository") / "cogmill.git"
    subprocess.run(["git", "clone", "-q", "--bare", "--depth", "1", f"file://{ROOT}", bare], check=True)
    with fresh_host(13) as host:
        host.ask("make_bucket")
        docker("cp", str(bare), f"{host.name}:/root/cogmill.git")
        host.run("chown -R root: /root/cogmill.git && apt-get update -qq && apt-get install -y -qq redis-server")
        host.run(f"printf 'requirepass \"%s\"\\n' {shlex.quote(BROKER)} >> /etc/redis/redis.conf")
        host.run("systemctl restart redis-server")
        yield host


def test_check_mode_changes_nothing_on_a_fresh_machine(site: Host) -> None:
    before = site.run(STATE)

    assert site.play("--check", "--diff", extra=SETTINGS, groups=GROUPS).changes
    assert site.run(STATE) == before


def test_converges_when_it_was_killed_in_the_middle(site: Host) -> None:
    Play.start(site, [], SETTINGS, GROUPS).kill_at("Ensure the database exists")
    Play.start(site, [], SETTINGS, GROUPS).kill_at(
        "Ensure the environment has what is locked, built against this libgdal, and the project"
    )
    site.run("sleep 20; pkill -9 -f [c]ogmill-environment; pkill -9 -x uv; pkill -9 -x pip; true")
    Play.start(site, [], SETTINGS, GROUPS).kill_at(
        "Ensure Airflow's tables and those of the ledger are the present ones"
    )

    site.play(extra=SETTINGS, groups=GROUPS)

    assert site.run(f"systemctl is-active {UNITS}").split() == ["active"] * 5


def test_second_run_changes_nothing_and_shows_no_secret(site: Host) -> None:
    play = site.play("-vvv", "--diff", extra=SETTINGS, groups=GROUPS)

    assert play.changes == []
    assert not [secret for secret in SECRETS if secret in play.text]
    assert site.play("--check", extra=SETTINGS, groups=GROUPS).changes == []


def test_files_dropped_into_the_bucket_become_maps(site: Host) -> None:
    assert site.ask("drop") > 0

    assert site.ask("judge", "900", limit_s=3000) == {}


def test_services_run_as_an_account_that_can_do_little(site: Host) -> None:
    for name in SERVICES:
        process = site.run(f"systemctl show -p MainPID --value airflow-{name}")
        status = site.run(f"cat /proc/{process}/status")
        assert site.run(f"ps -o user:32= -p {process}") == "airflow"
        assert "NoNewPrivs:\t1" in status
        assert "CapBnd:\t0000000000000000" in status
        assert "Read-only" in site.run(f"nsenter -t {process} -m -- touch /usr/x /opt/cogmill/x 2>&1", check=False)
    assert "denied" in site.run("runuser -u airflow -- touch /opt/cogmill/x 2>&1", check=False)


def test_secrets_lie_only_in_files_that_their_owner_alone_reads(site: Host) -> None:
    programs = ("/usr/local/sbin/cogmill-grids", "/usr/local/sbin/cogmill-migrate")
    kept = {path: site.run(f"stat -c '%a %U' {path}") for path in ("/etc/cogmill/airflow.env", *programs)}
    said = site.run("ps axww; journalctl --no-pager")
    written = " ".join(f"-e {shlex.quote(secret)}" for secret in SECRETS)

    assert kept == {"/etc/cogmill/airflow.env": "600 root"} | dict.fromkeys(programs, "700 root")
    assert not [secret for secret in SECRETS if secret in said]
    found = site.run(f"grep -rlF {written} /opt/cogmill /var/lib/airflow /var/log /tmp /var/tmp || true").split()
    # The checkout holds this test.
    assert [path for path in found if not path.startswith("/opt/cogmill/source/tests/")] == []


def test_there_is_one_libgdal_and_the_schemas_and_pools_are_the_present_ones(site: Host) -> None:
    def ask(database: str, question: str) -> str:
        return site.run(f'runuser -u postgres -- psql -qtA {database} -c "{question}"')

    gdal = "from osgeo import gdal; import rasterio; print(gdal.__version__ == rasterio.__gdal_version__)"
    migrations = len(list((ROOT / "include/cogmill/ledger/sql/migrations").glob("*.sql")))
    pools = "select string_agg(pool || slots, ' ' order by pool) from slot_pool where pool <> 'default_pool'"
    assert site.run(f'/opt/cogmill/venv/bin/python -c "{gdal}"') == "True"
    assert ask("cogmill", "select count(*) from cogmill.migration") == str(migrations)
    assert ask("airflow", pools) == "backfill1 gdal4 publish2"


def wait_for_worker(site: Host) -> None:
    begun = time.monotonic()
    while site.run("cogmill-worker-answers && echo there", check=False) != "there":
        assert time.monotonic() - begun < 180
        time.sleep(2)


def test_a_killed_worker_is_back_and_takes_tasks(site: Host) -> None:
    site.run("systemctl kill -s KILL airflow-celery-worker")

    wait_for_worker(site)


def test_the_site_is_back_when_the_machine_was_started_anew(site: Host) -> None:
    site.restart()

    wait_for_worker(site)
    assert site.run(f"systemctl is-active {UNITS}").split() == ["active"] * 5
    assert site.ask("judge") == {}


def test_services_that_are_not_wanted_any_more_are_gone_and_the_scheduler_runs_the_tasks_itself(site: Host) -> None:
    alone = SETTINGS | {"airflow_worker_broker_url": "", "airflow_worker_services": list(SERVICES[1:])}

    site.play(extra=alone, groups=GROUPS)

    assert (
        site.run(
            "systemctl list-units --all --no-legend 'airflow-celery*'; ls /etc/systemd/system | grep celery || true"
        )
        == ""
    )
    assert site.play(extra=alone, groups=GROUPS).changes == []
    assert site.ask("judge", "60") == {}
