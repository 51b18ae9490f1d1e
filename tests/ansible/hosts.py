"""Machines for the roles: containers whose process 1 is systemd, each with an S3 server and PostGIS in its own network.

The servers run from this machine's packages but inside the container's network, on its loopback: so a role sees what it would
see on a real site, and no request of a test leaves the test's own network.
"""

from __future__ import annotations

import atexit
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ANSIBLE = ROOT / "ansible"
BASES = {12: ("bookworm", "debian:bookworm-slim"), 13: ("trixie", "debian:trixie-slim")}
S3_PORT = 9000
POSTGIS_PORT = 5433
INSTANCE_METADATA, TASK_METADATA = "169.254.169.254", "169.254.170.2"
"""Where an instance on Amazon, and a container of ECS, ask for the keys of their role."""
METADATA_PORT = 9001
BY_ROLE = {"s3fs_iam_role": "auto", "s3fs_access_key": "", "s3fs_secret_key": ""}
BY_ROLE |= {"mapserver_s3_access_key": "", "mapserver_s3_secret_key": ""}
"""Variables of a machine that has no keys, only the role of its instance."""
S3_SECRET = "canary-s3-7f3a91"
POSTGIS_SECRET = "canary-pg-5c20d4"
LOOPS = [f"--device=/dev/loop{number}" for number in range(8) if Path(f"/dev/loop{number}").exists()]
RIGHTS = [
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined", "--device=/dev/fuse", "--device=/dev/loop-control", *LOOPS,
    "--tmpfs=/run", "--tmpfs=/tmp:exec",
]  # fmt: skip


def docker(*arguments: str, check: bool = True, limit_s: float = 600) -> str:
    done = subprocess.run(
        ["docker", *arguments], check=False, capture_output=True, text=True, timeout=limit_s, env=os.environ
    )
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


@cache
def survey_folder() -> str:
    """Return the folder in which the demo's survey is generated once; it ends with this program."""
    folder = tempfile.mkdtemp(prefix="cogmill-survey-", dir="/var/tmp")
    atexit.register(shutil.rmtree, folder)
    return folder


@contextmanager
def engine() -> Iterator[str]:
    """Return the address of a Docker Engine; one that had to be started ends with the tests."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        yield given
        return
    os.environ["DOCKER_HOST"] = subprocess.run(
        [ROOT / "docker/engine.sh", "start"], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        yield os.environ["DOCKER_HOST"]
    finally:
        del os.environ["DOCKER_HOST"]
        subprocess.run([ROOT / "docker/engine.sh", "stop"], check=True)


def in_network_of(process: int, *command: str | Path) -> list[str]:
    """Return a command of this machine that runs in the network of a container's process."""
    return ["nsenter", "-t", str(process), "-n", *map(str, command)]


def wait_for_port(process: int, port: int) -> None:
    """Wait until something listens on the loopback of a container's network."""
    probe = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
    deadline = time.monotonic() + 60
    while subprocess.run(in_network_of(process, "python3", "-c", probe), check=False, capture_output=True).returncode:
        assert time.monotonic() < deadline, f"nothing listens on port {port}"
        time.sleep(0.2)


def lend_keys(process: int, address: str, log: Path) -> subprocess.Popen[bytes]:
    """Let metadata.py hand out the keys of a role at one of Amazon's addresses, as a container's process sees it."""
    there = f"-d {address} -p tcp --dport 80 -j REDIRECT --to-ports {METADATA_PORT}"
    subprocess.run(in_network_of(process, "iptables", "-t", "nat", "-A", "OUTPUT", *there.split()), check=True)
    command = in_network_of(process, "python3", HERE / "metadata.py", str(METADATA_PORT), log)
    server = subprocess.Popen(command, start_new_session=True)
    wait_for_port(process, METADATA_PORT)
    return server


def build_image(release: int) -> str:
    """Make the image of a fresh machine; returns its name."""
    suite, base = BASES[release]
    subprocess.run([ROOT / "docker/base.sh", suite, base], check=True)
    name = f"cogmill-test-host:{release}"
    docker("build", "-q", "--build-arg", f"base={base}", "-t", name, str(HERE), limit_s=900)
    return name


@dataclass
class Host:
    """One running machine."""

    name: str
    release: int
    process: int
    """Process 1 of the machine, as this machine numbers it."""
    folder: Path
    """Of the servers that run beside it, and of its inventory."""
    variables: dict[str, Any] = field(default_factory=dict)
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command on the machine."""
        return docker("exec", self.name, "sh", "-c", command, check=check).strip()

    def wait_for_start(self, limit_s: float = 60) -> None:
        """Wait until systemd has started everything the machine starts."""
        deadline = time.monotonic() + limit_s
        while self.run("systemctl is-system-running", check=False) != "running":
            assert time.monotonic() < deadline, self.run("systemctl --failed; systemctl list-jobs", check=False)
            time.sleep(0.5)

    def restart(self) -> None:
        """Start the machine anew: every process ends, every mount goes, systemd starts all again. Its network stays, and so
        do the servers beside it. Needs systemd 254."""
        started = "systemctl show -p UserspaceTimestampMonotonic --value"
        before = self.run(started)
        # Docker mounts these two into the container, and mounts do not outlive the restart.
        self.run("cp /etc/resolv.conf /root/resolv; cp /etc/hosts /root/hosts")
        self.run("systemctl soft-reboot")
        deadline = time.monotonic() + 360  # a unit may take its whole TimeoutStopSec
        while self.run(started, check=False) in {before, ""}:
            assert time.monotonic() < deadline, "the machine does not end its services"
            time.sleep(0.5)
        self.run("cat /root/resolv > /etc/resolv.conf; cat /root/hosts > /etc/hosts")
        self.wait_for_start(240)

    def inside(self, *command: str | Path) -> list[str]:
        """Return a command of this machine that runs in the other's network."""
        return in_network_of(self.process, *command)

    def ask(self, action: str, *arguments: str, limit_s: float = 600) -> Any:
        """Run one action of inside.py in the machine's network; returns what it printed as JSON."""
        command = self.inside(ROOT / ".venv/bin/python", HERE / "inside.py", action, self.folder, *arguments)
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT}/include",
            "S3_SECRET": S3_SECRET,
            "POSTGIS_SECRET": POSTGIS_SECRET,
            "SURVEY": survey_folder(),
        }
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=limit_s, env=environment, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    def start_s3(self) -> None:
        """Start the S3 server; it forgets everything when it ends."""
        command = self.inside(ROOT / ".venv/bin/moto_server", "-H", "127.0.0.1", "-p", str(S3_PORT))
        with (self.folder / "s3.log").open("ab") as log:
            self.servers["s3"] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for_port(self.process, S3_PORT)

    def pause_s3(self, *, paused: bool) -> None:
        """Stop the S3 server without closing its connections, or let it go on."""
        os.killpg(self.servers["s3"].pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def start_metadata(self) -> Path:
        """Give the machine the metadata service of an instance with a role; returns the log of its answers."""
        log = self.folder / "metadata.answers"
        self.servers["metadata"] = lend_keys(self.process, INSTANCE_METADATA, log)
        return log

    def start_postgis(self) -> None:
        """Start a cluster with the roles of the project, password and all."""
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
        user = pwd.getpwnam("postgres")
        data = self.folder / "postgres"
        data.mkdir()
        os.chown(data, user.pw_uid, user.pw_gid)
        password = self.folder / "owner"
        password.write_text(POSTGIS_SECRET)
        as_postgres = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": data}
        initdb = [programs / "initdb", "-D", data / "c", "-U", "cogmill_owner", "-A", "scram-sha-256", "-E", "UTF8"]
        subprocess.run([*initdb, f"--pwfile={password}", "--no-sync"], check=True, capture_output=True, **as_postgres)
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c fsync=off -c port={POSTGIS_PORT}"
        server = f"exec {programs}/postgres -D {data}/c {options}"
        # Into the network as root, to the account afterwards.
        command = self.inside("runuser", "-u", "postgres", "--", "sh", "-c", server)
        with (self.folder / "postgres.log").open("ab") as log:
            self.servers["postgis"] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd="/")
        wait_for_port(self.process, POSTGIS_PORT)

    def stop_servers(self) -> None:
        """End what was started beside the machine."""
        for server in self.servers.values():
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGCONT)
                os.killpg(server.pid, signal.SIGKILL)
            server.wait(30)

    def play(self, *arguments: str, extra: Mapping[str, Any] | None = None, groups: Sequence[str] = ("maps",)) -> Play:
        """Run site.yml against the machine as a member of some groups, to its end."""
        return Play.start(self, arguments, extra or {}, groups).finish()


@dataclass
class Play:
    """A run of ansible-playbook."""

    process: subprocess.Popen[str]
    log: Path

    @classmethod
    def start(
        cls, host: Host, arguments: Sequence[str], extra: Mapping[str, Any], groups: Sequence[str] = ("maps",)
    ) -> Play:
        inventory = host.folder / "inventory.json"
        machine = {host.name: {"ansible_connection": "community.docker.docker"}}
        children = {group: {"hosts": {host.name: None}} for group in groups}
        inventory.write_text(
            json.dumps({"all": {"hosts": machine, "vars": {**host.variables, **extra}, "children": children}})
        )
        inventory.chmod(0o600)
        log = host.folder / f"play-{uuid.uuid4().hex[:6]}.log"
        environment = {
            **os.environ,
            "PATH": f"{ROOT}/.venv-ansible/bin:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "PYTHONUNBUFFERED": "1",
        }
        with log.open("w") as sink:
            process = subprocess.Popen(
                ["ansible-playbook", "-i", str(inventory), "site.yml", *arguments],
                stdout=sink, stderr=subprocess.STDOUT, text=True, cwd=ANSIBLE, env=environment, start_new_session=True,
            )  # fmt: skip
        return cls(process, log)

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def changes(self) -> list[str]:
        """Names of the tasks that changed something."""
        parts = re.split(r"^(?:TASK|RUNNING HANDLER) \[(.+)\] \*+$", self.text, flags=re.MULTILINE)
        named = zip(parts[1::2], parts[2::2], strict=True)
        return [name for name, said in named if re.search(r"^changed: ", said, flags=re.MULTILINE)]

    def finish(self, limit_s: float = 1800) -> Play:
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        assert self.process.returncode == 0, self.text[-6000:]
        return self

    def kill_at(self, task: str, limit_s: float = 1800) -> None:
        """Let the play come to a task, and kill it there without a chance to tidy up."""
        deadline = time.monotonic() + limit_s
        while f"{task}]" not in self.text:
            assert self.process.poll() is None, self.text[-3000:]
            assert time.monotonic() < deadline, f"the play never came to: {task}"
            time.sleep(0.05)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def fresh_host(release: int, image: str = "", *, shares_packages: bool = True) -> Iterator[Host]:
    """A machine nobody has touched, or one from an image, with an S3 server and PostGIS in its network."""
    image = image or build_image(release)
    name = f"cogmill-host-{release}-{uuid.uuid4().hex[:6]}"
    # Packages are fetched once for all machines; each still installs its own.
    fetched = [f"--volume=cogmill-host-packages-{release}:/var/cache/apt/archives"] if shares_packages else []
    docker("run", "-d", "--name", name, "--hostname", f"h{release}", *fetched, *RIGHTS, image)
    folder = Path(tempfile.mkdtemp(prefix="cogmill-host-", dir="/var/tmp"))
    folder.chmod(0o755)
    host = Host(name, release, int(docker("inspect", "-f", "{{.State.Pid}}", name)), folder)
    host.variables = {
        "s3fs_bucket": "cogmill",
        "s3fs_endpoint_url": f"http://127.0.0.1:{S3_PORT}",
        "s3fs_path_style": True,
        "s3fs_iam_role": "",
        "s3fs_access_key": "cogmill",
        "s3fs_secret_key": S3_SECRET,
        "mapserver_s3_access_key": "cogmill",
        "mapserver_s3_secret_key": S3_SECRET,
        "mapserver_postgis_port": POSTGIS_PORT,
        "mapserver_postgis_password": POSTGIS_SECRET,
    }
    try:
        host.wait_for_start()
        host.start_s3()
        host.start_postgis()
        yield host
    finally:
        docker("rm", "-f", "-v", name, check=False)
        host.stop_servers()
        shutil.rmtree(folder)
