"""Where the stack keeps what: one folder, known in full before anything is written."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

MARKER = ".cogmill-stack"
"""Names a folder as ours; `clean` removes no folder without it."""


@dataclass(frozen=True, slots=True)
class StackPaths:
    """Paths below the state folder of one stack."""

    root: Path

    @property
    def marker(self) -> Path:
        """Empty file that marks the folder as a stack's."""
        return self.root / MARKER

    @property
    def secrets(self) -> Path:
        """Keys made at first start, mode 0600."""
        return self.root / "secrets.json"

    @property
    def run(self) -> Path:
        """Sockets and process ids."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """One log per program."""
        return self.root / "log"

    @property
    def tmp(self) -> Path:
        """Scratch space of the tasks."""
        return self.root / "tmp"

    @property
    def postgres(self) -> Path:
        """Data folder of the private cluster."""
        return self.root / "postgres"

    @property
    def mapfiles(self) -> Path:
        """What MapServer reads: mount point, or link to the newest copy."""
        return self.root / "mapfiles"

    @property
    def copies(self) -> Path:
        """Copies of `mapfiles/` where FUSE is impossible."""
        return self.root / "mapfile-copies"

    @property
    def nginx(self) -> Path:
        """Prefix of nginx: its configuration and temporary files."""
        return self.root / "nginx"

    @property
    def mapserver(self) -> Path:
        """Configuration of MapServer and its libpq service file."""
        return self.root / "mapserver"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def s3_password(self) -> Path:
        """Password file of s3fs, mode 0600."""
        return self.root / "s3fs-password"

    @property
    def supervisor_conf(self) -> Path:
        """Program table of the supervisor, mode 0600: its environment lines hold secrets."""
        return self.root / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """Control socket of the supervisor."""
        return self.run / "supervisor.sock"

    @property
    def mapserv_socket(self) -> Path:
        """FastCGI socket all quick MapServer workers accept on."""
        return self.run / "mapserv.sock"

    @property
    def costly_socket(self) -> Path:
        """FastCGI socket of the workers for maps that take long."""
        return self.run / "mapserv-costly.sock"

    def prepare(self) -> None:
        """Create the folders with their owners. Safe to repeat.

        Raises:
            FileExistsError: The folder holds something that no stack wrote.
        """
        if self.root.exists() and any(self.root.iterdir()) and not self.marker.exists():
            raise FileExistsError(f"{self.root} is not empty and not a Cogmill stack; choose another COGMILL_HOME")
        make_folder(self.root, 0o711)
        self.marker.touch()
        for folder in (self.run, self.nginx):
            make_folder(folder, 0o711)
        for folder in (self.log, self.tmp, self.airflow):
            make_folder(folder, 0o700)
        make_folder(self.mapserver, 0o700, "www-data")
        make_folder(self.copies, 0o750, "www-data")
        make_folder(self.postgres, 0o700, "postgres")

    def keys(self) -> dict[str, str]:
        """Return the keys nobody needs to know (Airflow's, the database superuser's), made at first use."""
        if not self.secrets.exists():
            sizes = {"postgres": 32, "airflow": 32, "api_secret": 64, "jwt_secret": 64, "fernet": 32}
            write_private(self.secrets, json.dumps({name: secrets.token_urlsafe(size) for name, size in sizes.items()}))
        keys: dict[str, str] = json.loads(self.secrets.read_text(encoding="utf-8"))
        return keys

    def remove(self) -> None:
        """Delete the state folder, if it is one."""
        if self.marker.exists():
            shutil.rmtree(self.root)


def make_folder(path: Path, mode: int, owner: str | None = None) -> None:
    """Make a folder with its parents, then set its mode and owner whatever the umask says."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner:
        account = pwd.getpwnam(owner)
        os.chown(path, account.pw_uid, account.pw_gid)


def write_private(path: Path, text: str, owner: str | None = None) -> None:
    """Write a file that only its owner can read; it is never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if owner:
        account = pwd.getpwnam(owner)
        os.chown(path, account.pw_uid, account.pw_gid)
