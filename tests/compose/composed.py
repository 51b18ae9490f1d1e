"""The composed system as tests see it: its containers, and its addresses in the form of the embedded stack's."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from demo.stack import Stack
from demo.stack.settings import StackSettings
from tests.ansible.hosts import docker
from tests.conftest import free_port
from tests.system.airflow_api import AirflowApi

ROOT = Path(__file__).parents[2]
IMAGES = ("postgis", "redis", "airflow-init", "s3", "maps")
"""One service of each image."""
SERVERS = ("s3", "postgis", "redis", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor")
SERVERS += ("airflow-triggerer", "airflow-worker", "maps")
START_LIMIT_S = 900
CPU_USAGE = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2> /dev/null || sed -n 's/^usage_usec .*/&000/;s/^usage_usec //p' /sys/fs/cgroup/cpu.stat"
"""Prints nanoseconds, with either kind of cgroups."""


def program() -> list[str]:
    """Compose as it is here: Docker's plugin, or Debian's program."""
    plugin = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def wait_until(ready: Callable[[], bool], what: str, limit_s: float) -> None:
    """Look every two seconds: what is waited for takes minutes, and each look costs the watched system something."""
    deadline = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        time.sleep(2)


@dataclass(frozen=True)
class System:
    """One composed system."""

    name: str
    stack: Stack
    environment: Mapping[str, str]
    flower_url: str

    @classmethod
    def describe(cls, name: str, **choices: str) -> System:
        """Choose free ports for a system; nothing is started."""
        ports = {f"{key}_port": free_port() for key in ("s3", "postgis", "airflow", "mapserver")}
        stack = Stack(StackSettings(_env_file=None, **ports))
        flower = free_port()
        addresses = {
            "COGMILL_PUBLIC_URL": f"{stack.settings.s3_url}/{stack.settings.bucket}",
            "COGMILL_MAPSERVER_URL": stack.settings.front_url,
            "AIRFLOW_URL": stack.settings.airflow_url,
        }
        chosen = {key.upper(): str(port) for key, port in {**ports, "flower_port": flower}.items()}
        environment = {"COMPOSE_PROJECT_NAME": name, **chosen, **addresses, **choices}
        return cls(name, stack, environment, f"http://127.0.0.1:{flower}")

    @property
    def airflow(self) -> AirflowApi:
        return AirflowApi(self.stack)

    @cached_property
    def compose_program(self) -> list[str]:
        return program()

    def compose(self, *arguments: str, limit_s: float = 1800) -> str:
        done = subprocess.run(
            [*self.compose_program, *arguments],
            cwd=ROOT, env=os.environ | self.environment, check=False, capture_output=True, text=True, timeout=limit_s,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout

    def containers(self, service: str) -> list[str]:
        """Ids of the containers of a service that run."""
        labels = {"project": self.name, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        return docker("ps", "-q", "--no-trunc", *filters).split()

    def inspect(self, container: str) -> dict:
        return json.loads(docker("inspect", container))[0]

    def log(self, container: str) -> list[str]:
        """Everything a container said, line by line."""
        done = subprocess.run(
            ["docker", "logs", container], check=True, stderr=subprocess.STDOUT, stdout=subprocess.PIPE
        )
        return done.stdout.decode(errors="replace").splitlines()

    def cpu_s(self, *services: str) -> float:
        """CPU seconds the containers of some services used since they were started."""
        used = [
            docker("exec", container, "sh", "-c", CPU_USAGE).strip()
            for service in services
            for container in self.containers(service)
        ]
        return sum(map(int, used)) / 1e9

    def health(self) -> dict[str, str]:
        """Health of every container, and of every server that has none."""
        found = {service: self.containers(service) for service in SERVERS}
        missing = {service: "missing" for service in SERVERS if not found[service]}
        return missing | {
            f"{service} {container[:12]}": self.inspect(container)["State"]["Health"]["Status"]
            for service in SERVERS
            for container in found[service]
        }

    def wait_for_health(self, limit_s: float = START_LIMIT_S) -> None:
        wait_until(lambda: set(self.health().values()) == {"healthy"}, "all containers healthy", limit_s)

    def wait_for_worker_of(self, task: str, limit_s: float) -> str:
        """Wait until an instance of a task of any collection runs; returns the container it runs in."""
        found: list[str] = []

        def runs() -> bool:
            running = self.airflow.get("dags/~/dagRuns/~/taskInstances", state="running", limit=100)["task_instances"]
            hosts = {one["hostname"] for one in running if one["task_id"] == task}
            found.extend(one for one in self.containers("airflow-worker") if one[:12] in hosts)
            return bool(found)

        wait_until(runs, task, limit_s)
        return found[0]
