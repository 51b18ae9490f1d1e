"""`docker compose up` alone ends in a system that turns photographs into maps, and survives the loss of a worker."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cogmill.domain.public_access import COMPILED
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES
from cogmill.mapserver.urls import download_url

from demo.maps import Service
from demo.survey.generate import generate
from demo.survey.manifest import Manifest
from tests.ansible.hosts import TASK_METADATA, docker, lend_keys
from tests.ansible.inside import Front
from tests.ansible.metadata import TASK, clients
from tests.compose.composed import ROOT, System, wait_until
from tests.system import strangers
from tests.system.probes import ledger_rows

pytestmark = pytest.mark.system

PATIENCE_S = 1200
PICTURES = ROOT / "out/compose"
AS_NOBODY_SPECIAL = (
    "s3", "postgis", "redis", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
    "airflow-worker",
)  # fmt: skip


@dataclass(frozen=True)
class Upload:
    """The samples, and when they were in the bucket."""

    survey: Manifest
    at: float


@pytest.fixture(scope="module")
def disturbed(system: System) -> Iterator[Upload]:
    """Samples uploaded by the one command, and a worker killed while it built them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # for the account of the container
        command = ("python", "docker/samples.py", "/samples")
        print(system.compose("run", "--rm", "-v", f"{folder}:/samples", "samples", *command).splitlines()[-1])
        uploaded = time.monotonic()
        victim = system.wait_for_worker_of("build_cogs", PATIENCE_S)
        docker("kill", victim)
        print(f"killed worker {victim[:12]} {time.monotonic() - uploaded:.0f} s after the upload")
        yield Upload(generate(Path(folder) / "survey", say=lambda _: None), uploaded)


def test_runs_as_nobody_special_and_cannot_write_its_programs(system: System) -> None:
    for service in AS_NOBODY_SPECIAL:
        for container in system.containers(service):
            assert docker("exec", container, "id", "-u").strip() != "0", service
            assert system.inspect(container)["HostConfig"]["ReadonlyRootfs"], service
            assert system.inspect(container)["HostConfig"]["CapDrop"] == ["ALL"], service


def test_shares_no_disk_but_the_grids_which_nobody_writes(system: System) -> None:
    mounts = {
        service: [mount for one in system.containers(service) for mount in system.inspect(one)["Mounts"]]
        for service in ("airflow-dag-processor", "airflow-scheduler", "airflow-worker")
    }

    assert mounts["airflow-dag-processor"] == mounts["airflow-scheduler"] == []
    own = [mount["Name"] for mount in mounts["airflow-worker"] if mount["RW"]]
    shared = {mount["Destination"] for mount in mounts["airflow-worker"] if not mount["RW"]}
    assert (len(set(own)), len(own), shared) == (2, 2, {"/usr/local/share/proj"})


def test_reads_mapfiles_through_a_mount(system: System) -> None:
    (maps,) = system.containers("maps")

    assert "fuse.s3fs" in docker("exec", maps, "grep", "/srv/cogmill/mapfiles", "/proc/mounts")


def test_watches_how_long_each_worker_draws(system: System) -> None:
    (maps,) = system.containers("maps")
    table = [line.split(None, 2) for line in docker("top", maps, "-eo", "pid,ppid,args").splitlines()[1:]]
    workers = {pid for pid, _, args in table if args.startswith("/usr/lib/cgi-bin/mapserv")}
    watched = {parent for _, parent, args in table if "request_budget.py" in args and parent in workers}

    assert len(workers) == 4 + 2, "quick ones, and those for costly maps"
    assert watched == workers, table
    assert not [line for line in system.log(maps) if "cannot be watched" in line]


def test_shows_the_ground_although_a_worker_was_killed(system: System, disturbed: Upload) -> None:
    landscape = disturbed.survey.landscape
    PICTURES.mkdir(parents=True, exist_ok=True)
    wrong = {}
    for name, frames in disturbed.survey.collections.items():
        service = Service(system.stack, name, frames)
        service.wait(landscape, max(1.0, disturbed.at + PATIENCE_S - time.monotonic()))
        verdict = service.verdict(landscape, service.overview(), PICTURES / f"{name}.png")
        print(f"{name}: {verdict}, {time.monotonic() - disturbed.at:.0f} s after the upload")
        wrong |= {} if verdict.is_right else {name: str(verdict)}

    assert wrong == {}


def test_serves_tiles_of_services_and_of_years(system: System, disturbed: Upload) -> None:
    maps = system.environment["COGMILL_MAPSERVER_URL"]
    tiles = [f"{maps}/tiles/{name}/0/0/0.png" for name in (*disturbed.survey.collections, "archive/1951")]

    wait_until(lambda: {strangers.ask(tile) for tile in tiles} == {200}, "tiles", PATIENCE_S)


def test_strangers_download_what_is_published_and_nothing_else(system: System, disturbed: Upload) -> None:
    query = "SELECT dl_orig, dl_georef, dl_index FROM cogmill.tile_index"

    def links() -> set[str]:
        return {link for row in ledger_rows(system.stack, query) for link in row if link and link.startswith("http")}

    wait_until(lambda: len(links()) > 2, "rows in the index", PATIENCE_S)
    assert system.airflow.run("compile_indexes", PATIENCE_S) == "success"
    base, bucket = system.environment["COGMILL_PUBLIC_URL"], system.stack.settings.bucket
    listing = system.stack.s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    stored = [entry["Key"] for page in listing for entry in page["Contents"]]
    closed = [download_url(base, key) for key in stored if "/georef/" in key or key.startswith("mapfiles/")]
    compiled = {download_url(base, key) for key in (CATALOG_PAGE, SERVICES, f"{COMPILED}.geojson")}

    assert {link: status for link in links() | compiled if (status := strangers.ask(link)) != 200} == {}
    assert {strangers.ask(link) for link in closed} == {403}


def test_strangers_follow_every_address_of_the_lists(system: System, disturbed: Upload) -> None:
    base = system.environment["COGMILL_PUBLIC_URL"]
    start = [download_url(base, key) for key in (SERVICES, CATALOG_PAGE)]

    def closed() -> dict[str, int] | None:
        """Return what a crawl does not get; None while there is hardly anything to follow."""
        found = strangers.crawl(start, (base,))
        return {url: status for url, status in found.items() if status != 200} if len(found) > len(start) else None

    # a publication that is going on writes a page before what it leads to
    wait_until(lambda: closed() == {}, "a crawl that is refused nothing", PATIENCE_S)


def test_keeps_logs_although_their_worker_is_gone(system: System, disturbed: Upload) -> None:
    client = system.stack.s3_client()

    def stored() -> bool:
        return client.list_objects_v2(Bucket="cogmill-logs", MaxKeys=1)["KeyCount"] > 0

    wait_until(stored, "the first log in the bucket", PATIENCE_S)


def test_maps_container_ends_when_the_mount_of_its_host_is_not_there(system: System) -> None:
    environment = ["-e", "COGMILL_MAPFILES=mount", "-e", "POSTGRES_READER_PASSWORD=x"]
    command = ["docker", "run", "--rm", *environment, "cogmill/maps:local"]

    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert "the mapfiles are not there" in ended.stderr


@contextmanager
def maps_container(system: System, given: dict[str, str]) -> Iterator[str]:
    """Run one more container of the service `maps`, with other values in its environment; yields its id."""
    arguments = [argument for key, value in given.items() for argument in ("-e", f"{key}={value}")]
    container = system.compose("run", "-d", "--no-deps", *arguments, "maps").split()[-1]
    try:
        yield container
    finally:
        docker("rm", "-f", container)


def is_right(system: System, container: str, upload: Upload) -> bool:
    """Tell whether a container comes to draw a map that shows the ground."""
    name, frames = next(iter(upload.survey.collections.items()))
    landscape = upload.survey.landscape
    (network,) = system.inspect(container)["NetworkSettings"]["Networks"].values()
    service = Service(Front(f"http://{network['IPAddress']}:8081"), name, frames)
    service.wait(landscape, max(60.0, upload.at + PATIENCE_S - time.monotonic()))
    return service.verdict(landscape, service.overview()).is_right


def test_draws_by_the_role_of_its_task_when_there_are_no_keys(
    system: System, disturbed: Upload, tmp_path: Path
) -> None:
    role = {"S3_ACCESS_KEY": "", "S3_SECRET_KEY": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": TASK}
    answers = tmp_path / "answers"
    with ExitStack() as started:
        container = started.enter_context(maps_container(system, role))
        server = lend_keys(system.inspect(container)["State"]["Pid"], TASK_METADATA, answers)
        started.callback(server.wait)
        started.callback(server.kill)

        assert is_right(system, container, disturbed), "\n".join(system.log(container)[-30:])
        assert clients(answers, TASK) == {"GDAL", "s3fs"}


def test_names_of_the_old_container_mean_the_same(system: System, disturbed: Upload) -> None:
    settings = system.stack.settings
    old = {"S3FS_BUCKET": settings.bucket, "S3FS_ACCESSKEY": settings.s3_access_key}
    old |= {"S3FS_SECRETKEY": settings.s3_secret_key.get_secret_value(), "S3FS_MOUNTPOINT": "/mnt/bucket"}

    with maps_container(system, old | dict.fromkeys(("COGMILL_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"), "")) as one:
        assert is_right(system, one, disturbed), "\n".join(system.log(one)[-30:])
        assert [line for line in system.log(one) if "S3FS_MOUNTPOINT has no effect" in line]


def test_mounts_again_when_s3fs_was_killed(system: System, disturbed: Upload) -> None:
    (maps,) = system.containers("maps")

    docker("exec", maps, "sh", "-c", "kill -9 $(cat /proc/[0-9]*/stat | awk '$2 == \"(s3fs)\" {print $1; exit}')")

    wait_until(lambda: any("s3fs ended; mounting again" in line for line in system.log(maps)), "the end of s3fs", 60)
    assert is_right(system, maps, disturbed)


def test_passwords_are_no_arguments_of_programs(system: System) -> None:
    for service in ("postgis", "redis"):
        (container,) = system.containers(service)
        assert "cogmill-" not in docker("top", container, "-eo", "pid,args")


def test_flower_shows_the_workers(system: System) -> None:
    system.compose("--profile", "flower", "up", "-d", "flower")
    workers = {f"celery@{one[:12]}" for one in system.containers("airflow-worker")}

    def shown() -> bool:
        try:
            page = httpx.get(f"{system.flower_url}/workers", trust_env=False).text
        except httpx.TransportError:
            return False
        return all(worker in page for worker in workers)

    assert workers
    wait_until(shown, "Flower with the workers that run", 120)


def test_has_no_secret_and_no_path_of_the_building_machine_in_an_image(system: System) -> None:
    for target in ("airflow", "maps", "tools", "postgis", "redis"):
        said = docker("history", "--no-trunc", f"cogmill/{target}:local") + docker("inspect", f"cogmill/{target}:local")
        assert "cogmill-secret" not in said
        assert str(ROOT) not in said
