"""Settings of the program: environment variables `COGMILL_<NAME>` and lines of `.env`, typed and checked.

One model per group; README, `.env.example` and `docker-compose.yaml` list them in this order (`python -m tools.tables`).
Connections (keys, passwords) are not settings: they arrive as ready clients.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from cogmill.config.bucket_settings import BucketSettings
from cogmill.config.misspelled import warn_about_misspelled
from cogmill.config.places import PROJECT
from cogmill.config.site import use_site
from cogmill.config.task_settings import TaskSettings
from cogmill.config.values import Area, Schedule
from cogmill.domain.errors import ConfigurationError


class UploadSettings(BaseModel):
    """New uploads."""

    poke_seconds: float = Field(5, gt=0)
    """Pause between two checks for new uploads, in seconds."""
    list_requests_per_hour: int = Field(3600, ge=1)
    """Maximum number of LIST requests per hour that looking for uploads costs, for 1,000 keys each: the more keys, the longer the pause between two sweeps of the bucket."""
    settle_seconds: int = Field(600, ge=0)
    """An empty object counts as a failed upload, and is reported, once it is this old. s3fs writes an empty object before the data: allow the time that copying the largest upload takes."""
    sidecar_wait_seconds: int = Field(3600, ge=0)
    """How long an upload without a position waits for its world file or `.aux.xml`, where the site takes those; then it is rejected."""
    full_sweep_seconds: int = Field(3600, ge=1)
    """At least this often every key is compared with the ledger, whatever its modification time."""
    watermark_margin_seconds: int = Field(3600, ge=60)
    """Keys modified this recently are always compared with the ledger; covers slow multipart uploads and clock differences."""
    retrigger_seconds: int = Field(300, ge=10)
    """A collection with unfinished frames is triggered again when its last trigger is older than this."""


class EventSettings(BaseModel):
    """S3 event notifications."""

    events: Literal["", "sqs"] = ""
    """`sqs`: notifications announce uploads, and the bucket is listed only every `COGMILL_SWEEP_SECONDS`. Empty: it is listed as often as `COGMILL_LIST_REQUESTS_PER_HOUR` allows."""
    events_queue_url: str = ""
    """URL of the SQS queue that receives the bucket's ObjectCreated notifications."""
    events_dead_letter_url: str = ""
    """URL of the dead-letter queue of messages that could not be read; maintenance reports what is in it."""
    sweep_seconds: int = Field(600, ge=10)
    """With events, interval at which the bucket is listed anyway, to find uploads whose notification was lost."""

    @model_validator(mode="after")
    def _has_queue(self) -> Self:
        if self.events == "sqs" and not self.events_queue_url:
            raise ValueError("COGMILL_EVENTS=sqs needs COGMILL_EVENTS_QUEUE_URL, the URL of the queue")
        return self


class BuildSettings(BaseModel):
    """Building COGs."""

    batch_frames: int = Field(100, ge=1, le=200)
    """Maximum number of frames per mapped task. Starting a task takes as long as building ten small frames, so small frames share one."""
    batch_megabytes: int = Field(1024, ge=1)
    """Maximum size of the uploads per mapped task, in MiB: about two dozen 9-inch frames. A frame larger than this is built alone."""
    max_batches: int = Field(200, ge=1, le=1000)
    """Maximum number of mapped tasks per run; the next run takes the rest."""
    build_processes: int = Field(2, ge=1)
    """Frames that one task builds at the same time."""
    worker_tasks: int = Field(2, ge=1)
    """Tasks that may run at the same time on one worker (host, container or service with a memory limit); its memory is divided among them and their frames."""
    build_threads: int = Field(1, ge=1)
    """GDAL threads per frame. A task takes processes times threads slots of the pool `gdal`, which must have at least that many."""
    lease_seconds: int = Field(900, ge=30)
    """Another worker may claim a frame whose lease was not renewed for this long."""
    area: Area = None
    """Bounds of the archive in degrees: west, south, east, north, as a JSON list such as `[-107, 25, -93, 37]`. Empty: the whole world."""
    tasks_run_here: bool = True
    """Whether DAG files refuse to load where GDAL, MapServer or a library is missing. `false` on a DAG processor whose tasks run on other hosts."""


class PublishSettings(BaseModel):
    """Mapfiles."""

    mapserv: Path = Path("/usr/lib/cgi-bin/mapserv")
    """MapServer's CGI program, which draws each mapfile before it is published."""
    mapfile_mode: int = 33204
    """File mode that s3fs shows for a mapfile, in decimal; 33204 is octal 100664, `-rw-rw-r--`."""
    mapfile_uid: int = 33
    """User id that s3fs shows as the owner of a mapfile; 33 is `www-data` on Debian."""
    mapfile_gid: int = 33
    """Group id that s3fs shows for a mapfile."""


class IndexSettings(BaseModel):
    """Index of the archive."""

    compile_schedule: Schedule = "30 3 * * *"
    """When `compile_indexes` runs: a cron expression in UTC, `@hourly`, `@daily`, `@weekly`, `@monthly`, `@quarterly`, `@yearly`, or `none` for runs by hand only."""
    compile_deadline_minutes: int = Field(60, ge=1)
    """A run of `compile_indexes` that has not ended after this many minutes is reported as late."""
    compile_extra_properties: bool = False
    """Add date, roll, frame number and day to the features of the index."""


class MaintenanceSettings(BaseModel):
    """Maintenance."""

    maintenance_schedule: Schedule = "30 1 * * *"
    """When `maintenance` runs; takes the same values as `COGMILL_COMPILE_SCHEDULE`."""
    audit_nights: int = Field(30, ge=1)
    """Every COG is read and its hash compared once in this many nights."""
    probe_services: int | None = Field(None, ge=0)
    """Number of live services that maintenance asks for capabilities and a map each night, in turn, and of which it asks for some published addresses as a stranger does. Empty: 3, but none at an address of this machine (`127.0.0.1`, `localhost`), which tasks in containers may not reach. 0: none."""
    kept_mapfiles: list[str] = []
    """Names below `mapfiles/` that people keep there by hand, as a JSON list of patterns such as `["county_*.map", "symbols/*"]`: maintenance neither reports nor moves them. Those of collections are Cogmill's in any case."""


class RemovalSettings(BaseModel):
    """Removal."""

    grace_hours: float = Field(24, ge=0)
    """Maintenance treats an upload, scan or mapfile as deleted after it has been missing for this many hours."""
    retired_cog_days: float = Field(30, ge=1)
    """Days that a replaced or withdrawn COG stays in the bucket; must outlast every cache, and a rollback reaches back no further."""
    removal_frames: int = Field(100, ge=0)
    """Maximum number of frames that one maintenance run takes off the map without approval."""
    removal_percent: float = Field(5, ge=0, le=100)
    """The same as a percentage of one collection, for collections that lose more than ten frames at once."""
    removal_services: int = Field(5, ge=0)
    """Maximum number of services that one maintenance run withdraws without approval."""
    repair_findings: int = Field(100, ge=0)
    """Maximum number of faults that one maintenance run repairs without approval, where something public is written again, moved or deleted."""


class BackfillSettings(BaseModel):
    """Backfills."""

    backfill_processes: int = Field(1, ge=1)
    """Frames that one backfill task builds at the same time; the pool `backfill` limits the number of tasks."""
    backfill_approval_frames: int = Field(1000, ge=0)
    """A backfill or an adoption of more frames than this shows its plan and waits for approval."""


class NotificationSettings(BaseModel):
    """Notifications."""

    notify_topic: str = ""
    """ARN of the SNS topic that receives one message per run. Empty: none."""
    notifiers: list[dict[str, Any]] = []
    """More Airflow notifiers, as JSON: `[{"class": "...SlackNotifier", "kwargs": {"text": "{{ digest_text }}"}}]`."""
    run_deadline_minutes: int = Field(1440, ge=0)
    """A run of a collection, of `watch_uploads` (beside its waiting), `maintenance`, `render_mapfiles` or `rollback` that has not ended after this many minutes is reported as late; 0: none is."""


class TimeLimitSettings(BaseModel):
    """Time limits."""

    silence_seconds: float = Field(20, ge=1, le=50)
    """A try to reach S3 that brings no byte for this long has failed and is repeated; a database that sends none is asked by a second connection whether it is still at work."""
    statement_seconds: float = Field(900, ge=1)
    """Longest statement in the ledger's database."""
    lock_seconds: float = Field(60, ge=1)
    """Longest wait for a lock in that database, such as the one on the index of a collection."""
    idle_transaction_seconds: float = Field(60, ge=1)
    """A client that says nothing for this long inside of a transaction is gone: the database ends its session and frees its locks."""


class FolderSettings(BaseModel):
    """Folders."""

    collections_dir: Path = PROJECT / "include" / "collections"
    """Folder of the collection files, for collections that need more than the defaults."""
    site_file: Path = PROJECT / "include" / "site.yaml"
    """The site file: title, organization, contact, license and what else the public is told about the archive. It may be missing."""
    leaflet_dir: Path = Path("/usr/share/javascript/leaflet")
    """Folder with `leaflet.js` and `leaflet.css`, the map library of the page Collections; the default is Debian's package `libjs-leaflet`."""
    places_file: Path | None = None
    """GeoJSON in degrees that the maps of the page Collections show below everything else, such as counties: points, lines and polygons, labeled by their property `name`. Empty: a grid of degrees alone."""


class Settings(
    BucketSettings,
    UploadSettings,
    EventSettings,
    BuildSettings,
    PublishSettings,
    IndexSettings,
    MaintenanceSettings,
    RemovalSettings,
    BackfillSettings,
    NotificationSettings,
    TaskSettings,
    TimeLimitSettings,
    FolderSettings,
    BaseSettings,
):
    """All settings, flat. The defaults are those of the embedded stack; an empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix="COGMILL_", env_file=PROJECT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )


@cache
def load_settings() -> Settings:
    """Return the settings, read once per process with the site file; a change takes effect when the process is started again.

    Tests that change the environment call `load_settings.cache_clear()`.

    Raises:
        ConfigurationError: Names every variable with a wrong value, or the wrong key of the site file, and says what is allowed.
    """
    warn_about_misspelled({variable(field) for field in Settings.model_fields})
    try:
        settings = Settings()
    except SettingsError as err:  # not JSON, where JSON is expected
        field = str(err).partition('"')[2].partition('"')[0]
        raise ConfigurationError(f"{variable(field)}: not JSON: {err.__cause__}") from None
    except ValidationError as err:
        raise ConfigurationError("; ".join(_complaint(error) for error in err.errors())) from None
    use_site(settings.site_file)
    return settings


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return f"COGMILL_{field.upper()}"


def _complaint(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:  # a rule between settings names them itself
        return message
    field = str(error["loc"][0])
    # arguments of a notifier may hold a token
    value = "" if field == "notifiers" else f"={error['input']!r}"
    return f"{variable(field)}{value}: {message}"
