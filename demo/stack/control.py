"""Start, stop, look, remove: the verbs of the embedded stack."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Self

import boto3
import botocore.config
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.public_access import CORS, bucket_policy
from cogmill.domain.public_keys import VIEWER_PAGE

from demo.stack import database, processes
from demo.stack.health import Health
from demo.stack.paths import StackPaths, make_folder
from demo.stack.programs import AIRFLOW_PROGRAMS, MAP_WORKERS, all_programs, s3_environment
from demo.stack.render import write_configuration
from demo.stack.settings import LOOPBACK, Mount, StackSettings
from demo.stack.supervision import ALIVE, Supervisor

if TYPE_CHECKING:
    from types import TracebackType

FUSE_DEVICE = "/dev/fuse"


class Stack:
    """One embedded stack. As a context manager: started on entry, stopped on exit."""

    def __init__(self, settings: StackSettings, *, airflow: bool = True, bound: bool = False) -> None:
        """Describe a stack without starting it.

        Args:
            settings: Where and how.
            airflow: Whether Airflow belongs to it.
            bound: Whether it ends when the process that started it dies; for tests.
        """
        self.settings = settings
        self.airflow = airflow
        self.bound = bound
        self.paths = StackPaths(settings.home)
        self.supervisor = Supervisor(self.paths)
        self.health = Health(self.paths, settings, self.supervisor)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up; quick and without effect when all of it is up and healthy.

        Raises:
            ServiceUnavailableError: With the program, the cause and the end of its log. What had started is stopped again.
        """
        if os.geteuid():
            raise ServiceUnavailableError(
                "the stack needs root: it runs programs as postgres and www-data and mounts s3fs; use sudo"
            )
        if self.is_healthy():
            return
        self.stop()
        self.health.require_free_ports(airflow=self.airflow)
        try:
            self._start_afresh()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process, mount and listener of this stack. Nothing happens when there is none."""
        names = set(self.supervisor.states())
        servers = {"postgres", "moto"}
        self.supervisor.stop(names - servers)  # readers first, so that nobody meets a missing server
        self.supervisor.end_orphans()
        processes.unmount(self.paths.mapfiles)
        self.supervisor.stop(names & servers)
        self.supervisor.shutdown()
        processes.end_strays(self.paths.root)
        processes.unmount(self.paths.mapfiles)

    def clean(self) -> None:
        """Stop, then remove everything the stack wrote."""
        self.stop()
        self.paths.remove()

    def status(self) -> dict[str, str]:
        """Return program -> `healthy`, or what is wrong; of the programs that should be running."""
        states = self.supervisor.states()
        wanted = self._wanted(states)
        faults = {name: self._state_fault(states.get(name, "GONE")) or self.health.fault(name) for name in wanted}
        return {name: fault or "healthy" for name, fault in faults.items()}

    def is_healthy(self) -> bool:
        """Tell whether every program of this stack runs and answers."""
        if not self.supervisor.states():
            return False
        return all(state == "healthy" for state in self.status().values())

    def s3_client(self) -> Any:
        """Return a boto3 client of the stack's S3 server."""
        return boto3.client(
            "s3",
            endpoint_url=self.settings.s3_url,
            region_name="us-east-1",
            aws_access_key_id=self.settings.s3_access_key,
            aws_secret_access_key=self.settings.s3_secret_key.get_secret_value(),
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )

    def dsn(self, role: str = "writer") -> str:
        """Return the libpq connection text of the ledger for `owner`, `writer` or `reader`."""
        password = getattr(self.settings, f"{role}_password").get_secret_value()
        port = self.settings.postgis_port
        return f"host={LOOPBACK} port={port} dbname=cogmill user=cogmill_{role} password={password}"

    def environment(self) -> dict[str, str]:
        """Return what AWS tools and the program need to know to work with this stack."""
        return s3_environment(self.settings) | self.settings.program_environment()

    def wms_url(self, collection_id: str) -> str:
        """Return the address of one service, up to and without further parameters."""
        return f"{self.settings.front_url}/wms/?map=/mapfiles/{collection_id}.map"

    @property
    def viewer_url(self) -> str:
        """Address of the public viewer, where its files have been published."""
        return f"{self.settings.s3_url}/{self.settings.place.open_side}/{VIEWER_PAGE}"

    def _start_afresh(self) -> None:
        self.paths.prepare()
        write_configuration(self.paths, self.settings, all_programs(self.paths, self.settings))
        database.make_cluster(self.paths, self.settings)
        self.supervisor.launch(bound=self.bound)
        self._up("postgres", "moto")
        say("The S3 server keeps objects in memory and starts empty; so the ledger and Airflow's runs start empty too.")
        database.ensure_roles(self.paths, self.settings)
        database.make_ledger(self.paths, self.settings)
        self._make_bucket()
        self._up(self._mount(), *MAP_WORKERS, "nginx")
        if self.airflow:
            database.make_airflow(self.paths, self.settings)
            self._up(*AIRFLOW_PROGRAMS)

    def _make_bucket(self) -> None:
        client, place = self.s3_client(), self.settings.place
        for side in place.sides:
            client.create_bucket(Bucket=side.bucket)
        bucket = place.open_side.bucket
        client.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, place.prefix, simulated=True))
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)

    def _up(self, *names: str) -> None:
        begun = time.monotonic()
        self.supervisor.start(names)
        self.health.wait(names)
        say(f"{', '.join(names)}: up after {time.monotonic() - begun:.1f} s")

    def _mount(self) -> str:
        """Return the program that brings the mapfiles to MapServer, having found out what this machine can do."""
        if self.settings.mount is Mount.SYNC:
            return "mapfile-copy"
        fault = self._try_s3fs()
        if not fault:
            return "s3fs"
        if self.settings.mount is Mount.S3FS:
            raise ServiceUnavailableError(f"s3fs cannot mount: {fault}")
        say(f"NO S3FS MOUNT HERE: {fault}\nThe mapfiles are copied every two seconds instead (COGMILL_MOUNT=sync).")
        return "mapfile-copy"

    def _try_s3fs(self) -> str:
        make_folder(self.paths.mapfiles, 0o755)
        if not os.access(FUSE_DEVICE, os.R_OK | os.W_OK):
            return f"{FUSE_DEVICE} is missing or closed"
        self.supervisor.start(["s3fs"])
        try:
            self.health.wait(["s3fs"])
        except ServiceUnavailableError as err:
            self.supervisor.stop(["s3fs"])
            return str(err)
        return ""

    def _wanted(self, states: dict[str, str]) -> list[str]:
        reading = "mapfile-copy" if states.get("mapfile-copy") in ALIVE else "s3fs"
        base = ["postgres", "moto", reading, *MAP_WORKERS, "nginx"]
        return [*base, *AIRFLOW_PROGRAMS] if self.airflow else base

    @staticmethod
    def _state_fault(state: str) -> str:
        return "" if state in {"RUNNING", "STARTING"} else f"is {state.lower()}"


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, flush=True)
