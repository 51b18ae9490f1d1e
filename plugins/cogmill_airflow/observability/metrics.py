"""What Cogmill tells StatsD or OpenTelemetry, through Airflow's own metrics; nothing is sent unless Airflow is told to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from cogmill.ledger.queries import Queue
    from cogmill.pipeline.build_cogs import BatchResult

MOST_LATENCIES = 200
"""Frames of one publication whose time from upload to map is sent one by one."""

SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")
"""Airflow's settings of which any sends metrics."""

METRICS = {
    "cogmill.frames.built": ("counter", "frames whose COG was built and stored"),
    "cogmill.frames.unchanged": ("counter", "uploads with the pixels of the COG that is there already"),
    "cogmill.frames.rejected": ("counter", "frames refused"),
    "cogmill.frames.failed": ("counter", "frames that failed by our fault"),
    "cogmill.frames.published": ("counter", "frames that became public"),
    "cogmill.frames_per_second": ("gauge", "frames done per second by the batch that ended last"),
    "cogmill.bytes.read": ("counter", "bytes of uploads built or found unchanged"),
    "cogmill.bytes.written": ("counter", "bytes of COGs stored"),
    "cogmill.queue.frames": ("gauge", "frames that wait, whole archive"),
    "cogmill.queue.age": ("gauge", "seconds the longest of them waits"),
    "cogmill.upload_to_map": ("timer", "from the end of an upload to its frame on the map"),
}
"""Name: kind and meaning. With Airflow's prefix StatsD sees `airflow.cogmill.frames.built`."""


def batch_done(collection_id: str, result: BatchResult, seconds: float) -> None:
    """Tell what a batch did.

    :param collection_id: Whose frames; a tag, where the backend knows tags.
    :param result: What became of them.
    :param seconds: How long it took.
    """
    tags = {"collection": collection_id}
    counts = {
        "cogmill.frames.built": result.built,
        "cogmill.frames.unchanged": result.unchanged,
        "cogmill.frames.rejected": len(result.rejected),
        "cogmill.frames.failed": len(result.failed),
        "cogmill.bytes.read": result.bytes_read,
        "cogmill.bytes.written": result.bytes_written,
    }
    for name, count in counts.items():
        if count:
            stats.incr(name, count, tags=tags)
    done = result.built + result.unchanged + len(result.rejected) + len(result.failed)
    if done and seconds > 0:
        stats.gauge("cogmill.frames_per_second", done / seconds, tags=tags)


def published(collection_id: str, frames: int, latencies_s: Callable[[], list[float]]) -> None:
    """Tell what became public.

    :param collection_id: Where; a tag.
    :param frames: How many frames.
    :param latencies_s: Asks for the seconds from upload to map of some or all of them; asked only when somebody hears.
    """
    if not (frames and _are_heard()):
        return
    tags = {"collection": collection_id}
    stats.incr("cogmill.frames.published", frames, tags=tags)
    for seconds in latencies_s():
        stats.timing("cogmill.upload_to_map", timedelta(seconds=seconds), tags=tags)


def queue(waiting: Callable[[], Queue]) -> None:
    """Tell what waits.

    :param waiting: Asks for what waits in the whole archive; asked only when somebody hears.
    """
    if _are_heard():
        found = waiting()
        stats.gauge("cogmill.queue.frames", found.frames)
        stats.gauge("cogmill.queue.age", found.age_s)


def _are_heard() -> bool:
    return any(conf.getboolean("metrics", switch, fallback=False) for switch in SWITCHES)
