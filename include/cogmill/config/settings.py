"""Every setting of Cogmill, typed, read once at the edge from the environment and `.env`.

Connections (keys, passwords) are not settings: they arrive as ready clients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cogmill.config.places import PROJECT
from cogmill.domain.errors import ConfigurationError


class Settings(BaseSettings):
    """Read from `COGMILL_<NAME>`; defaults are those of the embedded stack."""

    model_config = SettingsConfigDict(env_prefix="COGMILL_", env_file=PROJECT / ".env", extra="ignore", frozen=True)

    bucket: str = Field("cogmill", min_length=3, max_length=63)
    """S3 bucket with uploads and everything derived from them."""
    public_url: str = "http://127.0.0.1:9000/cogmill"
    """Where the public downloads a key: this address, a slash, the key."""
    mapserver_url: str = "http://127.0.0.1:8081"
    """Address of the MapServer hosts as clients call them, before `/wms/?map=`."""
    public_acl: Literal["", "public-read"] = ""
    """ACL put on what the public may download. Empty: access is by bucket policy."""
    mapfile_mode: int = 33204
    """POSIX mode s3fs shows for a mapfile; 33204 is octal 100664, -rw-rw-r--."""
    mapfile_uid: int = 33
    """Owner s3fs shows; 33 is www-data on Debian."""
    mapfile_gid: int = 33
    """Group s3fs shows."""
    settle_seconds: int = Field(60, ge=0)
    """An empty object older than this is taken for a failed upload; s3fs writes one before the bytes come."""
    poke_seconds: float = Field(5, gt=0)
    """Pause between two looks into the bucket."""
    full_sweep_seconds: int = Field(3600, ge=1)
    """At least this often every key is compared with the ledger, however old it says it is."""
    watermark_margin_seconds: int = Field(3600, ge=60)
    """Keys changed this recently are always compared; covers slow multipart uploads and clocks that differ."""
    retrigger_seconds: int = Field(300, ge=10)
    """A collection with unfinished frames and no trigger for this long is triggered again."""
    batch_frames: int = Field(100, ge=1, le=200)
    """Frames per mapped task at most. Small ones go by the hundred, since starting a task takes as long as ten of them."""
    batch_megabytes: int = Field(1024, ge=1)
    """Uploads per mapped task at most, in MiB; one frame may be more. Frames of 9 inches go by the two dozen."""
    max_batches: int = Field(200, ge=1, le=1000)
    """Mapped tasks per run; what does not fit waits for the next run."""
    build_processes: int = Field(2, ge=1)
    """Frames built at the same time by one task."""
    build_threads: int = Field(1, ge=1)
    """GDAL threads per frame. A task takes processes times threads slots of the pool `gdal`, which must have as many at least."""
    lease_seconds: int = Field(900, ge=30)
    """A frame may be claimed by another worker when its own has not renewed its lease for this long."""
    area: tuple[float, float, float, float] | None = None
    """Longitude and latitude the archive covers: west, south, east, north, as a JSON list. None: the whole world."""
    mapserv: Path = Path("/usr/lib/cgi-bin/mapserv")
    """The MapServer program that draws a mapfile before it is published."""
    compile_extra_properties: bool = False
    """Add date, roll, frame number and day to the features of the compiled index."""
    grace_hours: float = Field(24, ge=0)
    """How long an upload, scan or mapfile must be gone before maintenance takes its deletion for meant."""
    retired_cog_days: float = Field(30, ge=1)
    """How long a replaced or withdrawn COG stays in the bucket; longer than every cache, and as far back as a rollback reaches."""
    removal_frames: int = Field(100, ge=0)
    """One maintenance run takes at most this many frames off the map without asking a person."""
    removal_percent: float = Field(5, ge=0, le=100)
    """The same as a share of one collection, for collections that lose more than ten frames at once."""
    removal_services: int = Field(5, ge=0)
    """One maintenance run withdraws at most this many services without asking a person."""
    audit_nights: int = Field(30, ge=1)
    """Every COG is read and hashed again once in this many nights."""
    probe_services: int = Field(0, ge=0)
    """Live services that maintenance asks for capabilities and a map each night, in turn. 0: none."""
    backfill_processes: int = Field(1, ge=1)
    """Frames that one backfill task builds at the same time; the pool `backfill` limits the tasks."""
    backfill_approval_frames: int = Field(1000, ge=0)
    """A backfill of more frames than this shows its plan and waits for a person."""
    events: Literal["", "sqs"] = ""
    """`sqs`: S3 notifications announce uploads, and the bucket is only listed every `sweep_seconds`. Empty: it is listed always."""
    events_queue_url: str = ""
    """Queue that receives the bucket's ObjectCreated notifications."""
    events_dead_letter_url: str = ""
    """Queue of the messages that could not be read; maintenance reports what lies there."""
    sweep_seconds: int = Field(600, ge=10)
    """With events, the bucket is compared with the ledger this often all the same: events may get lost."""
    notify_topic: str = ""
    """SNS topic that gets one message per run. Empty: none."""
    notifiers: list[dict[str, Any]] = []
    """More Airflow notifiers, as JSON: `[{"class": "...SlackNotifier", "kwargs": {"text": "{{ digest_text }}"}}]`."""
    leaflet_dir: Path = Path("/usr/share/javascript/leaflet")
    """Folder with `leaflet.js` and `leaflet.css`, the map library of the page Collections; the default is Debian's package."""
    collections_dir: Path = PROJECT / "include" / "collections"
    """Folder of the collections that need more than the defaults."""

    @field_validator("public_url", "mapserver_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")


def load_settings() -> Settings:
    """Read all settings.

    Raises:
        ConfigurationError: Names every variable with a wrong value and says what is allowed.
    """
    try:
        return Settings()
    except ValidationError as err:
        faults = [f"COGMILL_{'_'.join(map(str, e['loc'])).upper()}={e['input']!r}: {e['msg']}" for e in err.errors()]
        raise ConfigurationError("; ".join(faults)) from None
