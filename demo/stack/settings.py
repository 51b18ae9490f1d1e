"""What can be chosen about the embedded stack: environment first, then `.env`, then these defaults."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from cogmill.aws.place import ArchivePlace
from cogmill.config.values import Prefix, PublicBucket
from cogmill.domain.errors import ConfigurationError
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout this stack belongs to."""

LOOPBACK = "127.0.0.1"
"""The only address anything listens on."""

PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._-]+")
"""The home ends up in nginx, supervisor and MapServer files, each with its own quoting: so nothing that needs any."""

PLAIN_SECRET = re.compile(r"[^\s'\"\\\x00-\x1f]+")
"""Secrets stand quoted in a libpq service file and in supervisor's environment lines."""

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Mount(StrEnum):
    """How the MapServer side sees `mapfiles/`."""

    AUTO = "auto"
    """s3fs where FUSE works, else the timed copy, said loudly."""
    S3FS = "s3fs"
    SYNC = "sync"


class StackSettings(BaseSettings):
    """All `COGMILL_*` settings of the embedded stack; the program's own are in `include/cogmill/config/settings.py`."""

    model_config = SettingsConfigDict(
        env_prefix="COGMILL_", env_file=REPOSITORY / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Path("/var/lib/cogmill")
    """Folder of everything the stack writes. The accounts `postgres` and `www-data` must be able to enter it."""
    bucket: str = Field("cogmill", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    """As in the program's settings."""
    prefix: Prefix = ""
    """As in the program's settings."""
    public_bucket: PublicBucket = ""
    """As in the program's settings; the stack makes it beside the other."""
    s3_port: Port = 9000
    """Port of the S3 server."""
    s3_access_key: str = Field("cogmill", pattern=r"^[A-Za-z0-9_-]+$")
    """Access key of the S3 server."""
    s3_secret_key: SecretStr = SecretStr("cogmill-secret")
    """Secret key of the S3 server."""
    postgis_port: Port = 5433
    """Port of PostgreSQL with PostGIS."""
    owner_password: SecretStr = SecretStr("cogmill-owner")
    """Password of the database role that owns the schema and runs migrations."""
    writer_password: SecretStr = SecretStr("cogmill-writer")
    """Password of the database role of Airflow's tasks."""
    reader_password: SecretStr = SecretStr("cogmill-reader")
    """Password of MapServer's database role."""
    airflow_port: Port = 8080
    """Port of Airflow's UI and API."""
    airflow_parallelism: int = Field(4, ge=1)
    """Tasks that run at the same time."""
    gdal_slots: int = Field(2, ge=1)
    """Slots of the pool `gdal`: frames that are built at the same time."""
    mapserver_port: Port = 8081
    """Port of the nginx in front of MapServer."""
    mapserver_workers: int = Field(3, ge=1)
    """Maps drawn at the same time."""
    mapserver_costly_workers: int = Field(2, ge=1)
    """Maps drawn at the same time of those that take longer than two seconds."""
    mapserver_timeout: int = Field(15, ge=5)
    """Seconds for one map; after that the client gets status 504 and the worker is replaced."""
    public_url: str = ""
    """As in the program's settings; empty follows the port of S3."""
    mapserver_url: str = ""
    """As in the program's settings; empty follows the port of MapServer."""
    statsd_port: Port | None = None
    """Port on this machine to which Airflow sends its metrics by StatsD. Empty: no metrics."""
    mount: Mount = Mount.AUTO
    """How MapServer sees the mapfiles: `s3fs` mounts the bucket, `sync` copies them every two seconds, `auto` takes `s3fs` where FUSE works."""
    start_timeout_s: Seconds = 60.0
    """Seconds within which each program must answer; otherwise the start fails with the cause."""

    @field_validator("home")
    @classmethod
    def _home_needs_no_quoting(cls, value: Path) -> Path:
        if not PLAIN_PATH.fullmatch(str(value)) or ".." in value.parts:
            raise ValueError("must be an absolute path of letters, digits and . _ - /")
        return value

    @field_validator("statsd_port", mode="before")
    @classmethod
    def _empty_is_nowhere(cls, value: object) -> object:
        return value or None

    @field_validator("s3_secret_key", "owner_password", "writer_password", "reader_password")
    @classmethod
    def _secret_is_quotable(cls, value: SecretStr) -> SecretStr:
        if not PLAIN_SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("must hold no blank, quote or backslash, and at least one character")
        return value

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        ports = [self.s3_port, self.postgis_port, self.airflow_port, self.mapserver_port]
        if len(set(ports)) < len(ports):
            raise ValueError(f"the ports of S3, PostGIS, Airflow and MapServer must differ, not {ports}")
        return self

    @property
    def s3_url(self) -> str:
        """Endpoint of the S3 server."""
        return f"http://{LOOPBACK}:{self.s3_port}"

    @property
    def place(self) -> ArchivePlace:
        """Where the archive lies."""
        return ArchivePlace(self.bucket, self.prefix, self.public_bucket)

    @property
    def airflow_url(self) -> str:
        """Address of the Airflow UI and API."""
        return f"http://{LOOPBACK}:{self.airflow_port}"

    @property
    def front_url(self) -> str:
        """Address of the nginx before MapServer, without `/wms/`."""
        return f"http://{LOOPBACK}:{self.mapserver_port}"

    def program_environment(self) -> dict[str, str]:
        """Return the program's own settings that follow from where this stack listens."""
        return {
            "COGMILL_BUCKET": self.bucket,
            "COGMILL_PREFIX": self.prefix,
            "COGMILL_PUBLIC_BUCKET": self.public_bucket,
            "COGMILL_PUBLIC_URL": self.public_url or f"{self.s3_url}/{self.place.open_side}",
            "COGMILL_MAPSERVER_URL": self.mapserver_url or self.front_url,
        }


def load_settings() -> StackSettings:
    """Read environment and `.env`.

    Raises:
        ConfigurationError: Naming each wrong variable; values are not repeated, they may be secrets.
    """
    try:
        return StackSettings()
    except ValidationError as err:
        raise ConfigurationError("; ".join(_sentence(fault["loc"], fault["msg"]) for fault in err.errors())) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = f"COGMILL_{str(location[0]).upper()}" if location else "COGMILL_*_PORT"
    return f"{name}: {message}"
