"""What runs: one table of programs, each with its account, its environment and the way it is stopped."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cogmill.domain.errors import ServiceUnavailableError

from demo.stack import airflow_env
from demo.stack.paths import StackPaths
from demo.stack.role import role_variables
from demo.stack.settings import LOOPBACK, REPOSITORY, Mount, StackSettings

MAP_WORKERS = ("mapserv", "mapserv-costly")
"""The two pools of MapServer workers; the second draws what takes long."""

AIRFLOW_PROGRAMS = ("api-server", "scheduler", "dag-processor", "triggerer")
"""Airflow's components; the executor's workers are children of the scheduler."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

BASE_ENVIRONMENT = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "TZ": "UTC", "PROJ_NETWORK": "OFF"}
"""All a program gets besides its own lines: no variable of the caller's shell reaches it by chance."""

NEW_DEFAULTS = (1, 92)
"""From this version on s3fs remembers that an object is absent, and wants a marker object for a folder, unless told not to."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program under the supervisor."""

    name: str
    command: str
    environment: dict[str, str]
    folder: str
    """Working folder, below the home folder: by it a process is known as ours even when it rewrites its own name."""
    user: str = ""
    """Account; empty keeps that of the supervisor."""
    restart: str = "unexpected"
    stop_signal: str = "TERM"
    stop_wait_s: int = 10
    """Seconds until SIGKILL."""
    stop_as_group: bool = True


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """MapServer workers that share a socket."""

    name: str
    socket: Path
    workers: int
    seconds: int
    """Time for one map."""
    nice: int


def worker_pools(paths: StackPaths, settings: StackSettings) -> list[WorkerPool]:
    """Return the pools of MapServer workers: the quick ones, and those for maps that take long."""
    quick_s = role_variables()["__mapserver_quick"]
    return [
        WorkerPool("mapserv", paths.mapserv_socket, settings.mapserver_workers, quick_s, 0),
        WorkerPool(
            "mapserv-costly", paths.costly_socket, settings.mapserver_costly_workers, settings.mapserver_timeout, 10
        ),
    ]


def postgres(paths: StackPaths) -> Program:
    """PostgreSQL; SIGINT is its fast shutdown, and only the postmaster may get it."""
    return Program(
        name="postgres",
        command=f"{postgres_folder()}/postgres -D {paths.postgres}",
        environment=BASE_ENVIRONMENT,
        folder=str(paths.postgres),
        user="postgres",
        stop_signal="INT",
        stop_wait_s=20,
        stop_as_group=False,
    )


def moto(paths: StackPaths, settings: StackSettings) -> Program:
    """The S3 server. Never restarted alone: it forgets everything, so the ledger has to be made anew with it."""
    return Program(
        name="moto",
        command=f"{sys.executable} -m moto.server -H {LOOPBACK} -p {settings.s3_port}",
        environment=BASE_ENVIRONMENT | {"HOME": str(paths.tmp), "MOTO_S3_DEFAULT_MAX_KEYS": "1000"},
        folder=str(paths.tmp),
        restart="false",
    )


def s3fs(paths: StackPaths, settings: StackSettings) -> Program:
    """The read-only mount of `mapfiles/`. A mount whose process was killed is detached before the next try."""
    options = ",".join(s3fs_options(paths, settings, s3fs_version()))
    mount = f"exec s3fs {settings.bucket}:/{settings.prefix}mapfiles {paths.mapfiles} -f -o {options}"
    script = f"fusermount -uzq {paths.mapfiles}; {mount}"
    command = f"/bin/sh -c {shlex.quote(script)}"
    return Program(name="s3fs", command=command, environment=BASE_ENVIRONMENT, folder=str(paths.run))


def s3fs_options(paths: StackPaths, settings: StackSettings, version: tuple[int, ...]) -> list[str]:
    """Return the mount options for one version of s3fs. No folder marker is needed: the prefix may be empty."""
    options = [
        f"passwd_file={paths.s3_password}",
        f"url={settings.s3_url}",
        "use_path_request_style",
        "ro",
        "allow_other",
        "uid=33",  # www-data on every Debian
        "gid=33",
        "umask=0227",
        "stat_cache_expire=5",  # seconds until a replaced mapfile is seen
        "connect_timeout=5",
        "readwrite_timeout=10",
        "retries=2",
        "dbglevel=warn",
    ]
    if version >= NEW_DEFAULTS:
        options.append("disable_noobj_cache")  # a service asked for before it exists must not stay unknown
        options.append(
            "compat_dir"
        )  # the bucket holds no folder markers; without this an empty prefix cannot be mounted
    return options


def s3fs_version() -> tuple[int, ...]:
    """Return the version of the installed s3fs, such as (1, 90)."""
    text = subprocess.run(["s3fs", "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"V(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else (0, 0)


def mapfile_copy(paths: StackPaths, settings: StackSettings) -> Program:
    """The timed copy of `mapfiles/` for machines without FUSE."""
    return Program(
        name="mapfile-copy",
        command=f"{sys.executable} -m demo.stack.mapfile_copy {paths.root} {settings.s3_url} {settings.bucket} {settings.prefix}",
        environment=BASE_ENVIRONMENT
        | s3_environment(settings)
        | {"HOME": str(paths.tmp), "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/include"},
        folder=str(paths.tmp),
    )


def mapserv(paths: StackPaths, pool: WorkerPool) -> Program:
    """Long-lived MapServer workers behind one FastCGI socket, started in the way of the container.

    They read their configuration once; what libpq must find in the environment nginx sends with each request. The watch over
    the time a map takes is a copy in their own folder, since their account need not be able to read this checkout.

    multiwatch holds the socket and replaces a worker that ends at once: whoever waits in the socket's queue is served by the
    next. The supervisor's own FastCGI programs would not do: it takes a worker that ends within `startsecs` for a failed start,
    waits before the next, gives up after a few, and closes the socket when none lives.
    """
    listen = f"nice -n {pool.nice} spawn-fcgi -n -s {pool.socket} -u www-data -g www-data -U www-data -G www-data -M 0600 -b 512"
    # A worker may be ended soon after its start, and all of them again and again: only a thousand failed starts in a row count.
    workers = f"/usr/bin/multiwatch -f {pool.workers} -t 1000 -r 1000"
    budget = f"/usr/bin/python3 -IS {paths.mapserver}/request_budget.py {pool.seconds}"
    return Program(
        name=pool.name,
        command=f"{listen} -- {workers} -- {budget} /usr/lib/cgi-bin/mapserv",
        environment=BASE_ENVIRONMENT | {"MAPSERVER_CONFIG_FILE": f"{paths.mapserver}/mapserver.conf"},
        folder=str(paths.mapserver),
        restart="true",
        stop_signal="KILL",  # workers keep nothing, and do not leave their wait for requests for any other signal
    )


def nginx(paths: StackPaths) -> Program:
    """The door before MapServer, with its own prefix, process id and temporary folders."""
    return Program(
        name="nginx",
        command=f"/usr/sbin/nginx -e stderr -p {paths.nginx} -c {paths.nginx}/nginx.conf -g 'daemon off;'",
        environment=BASE_ENVIRONMENT,
        folder=str(paths.nginx),
    )


def airflow(paths: StackPaths, settings: StackSettings, name: str) -> Program:
    """One component of Airflow."""
    arguments = {"scheduler": " --skip-serve-logs", "triggerer": " --skip-serve-logs"}.get(name, "")
    return Program(
        name=name,
        command=f"{sys.executable} -m airflow {name}{arguments}",
        environment=BASE_ENVIRONMENT | airflow_env.environment(paths, settings),
        folder=str(paths.airflow),
        restart="true",
        stop_wait_s=15,
    )


def all_programs(paths: StackPaths, settings: StackSettings) -> list[Program]:
    """Return every program that may run; what is started is decided later."""
    reading = [mapfile_copy(paths, settings)]
    if settings.mount is not Mount.SYNC:
        reading.append(s3fs(paths, settings))
    return [
        postgres(paths),
        moto(paths, settings),
        *reading,
        *(mapserv(paths, pool) for pool in worker_pools(paths, settings)),
        nginx(paths),
        *(airflow(paths, settings, name) for name in AIRFLOW_PROGRAMS),
    ]


def s3_environment(settings: StackSettings) -> dict[str, str]:
    """Return the S3 credentials as AWS tools read them."""
    return {
        "AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def postgres_folder() -> Path:
    """Return the folder of the newest installed PostgreSQL's server programs.

    Raises:
        ServiceUnavailableError: None is installed.
    """
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if not folders:
        raise ServiceUnavailableError("PostgreSQL is not installed; run make setup")
    return max(folders, key=lambda folder: int(folder.parent.name))
