"""Metrics that Cogmill sends to StatsD or OpenTelemetry through Airflow; nothing is sent unless Airflow is configured to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import conf

from cogmill_airflow.airflow_internals import gauge, incr, timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cogmill.ledger.queries import Queue
    from cogmill.pipeline.batches import BatchResult
    from cogmill.pipeline.update_overviews import OverviewChange

MAX_LATENCIES = 200
"""Frames of one publication whose time from upload to map is sent one by one."""

SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")
"""Settings of Airflow's section `metrics`; any of them sends metrics."""

METRICS = {
    "cogmill.frames.built": ("counter", "frames whose COG was built and stored"),
    "cogmill.frames.unchanged": ("counter", "uploads with the same pixels as the present COG"),
    "cogmill.frames.rejected": ("counter", "frames rejected"),
    "cogmill.frames.failed": ("counter", "frames that failed through no fault of the upload"),
    "cogmill.frames.much_cut": ("counter", "frames of which 30 % or more was cut off as film collar"),
    "cogmill.frames.published": ("counter", "frames that became public"),
    "cogmill.frames_per_second": ("gauge", "frames per second of the batch that ended last"),
    "cogmill.bytes.read": ("counter", "bytes of uploads built or found unchanged"),
    "cogmill.bytes.written": ("counter", "bytes of COGs stored"),
    "cogmill.overviews.built": ("counter", "cells of overviews built and stored"),
    "cogmill.overviews.bytes": ("counter", "bytes of cells stored"),
    "cogmill.queue.frames": ("gauge", "frames waiting in the whole archive"),
    "cogmill.queue.age": ("gauge", "seconds that the oldest of them has waited"),
    "cogmill.upload_to_map": ("timer", "from the end of an upload to its frame on the map"),
}
"""Kind and meaning by name. With Airflow's prefix StatsD sees `airflow.cogmill.frames.built`."""


def overviews_updated(collection_id: str, change: OverviewChange) -> None:
    """Send the numbers of one update of a collection's overviews.

    :param collection_id: Collection of the cells; sent as a tag, where the backend knows tags.
    :param change: What was done.
    """
    for name, count in (("cogmill.overviews.built", change.built), ("cogmill.overviews.bytes", change.bytes_written)):
        if count:
            incr(name, count, tags={"collection": collection_id})


def batch_done(collection_id: str, result: BatchResult, seconds: float) -> None:
    """Send the numbers of a batch.

    :param collection_id: Collection of the frames; sent as a tag, where the backend knows tags.
    :param result: What became of the frames.
    :param seconds: How long the batch took.
    """
    tags = {"collection": collection_id}
    counts = {
        "cogmill.frames.built": result.built,
        "cogmill.frames.unchanged": result.unchanged,
        "cogmill.frames.rejected": len(result.rejected),
        "cogmill.frames.failed": len(result.failed),
        "cogmill.frames.much_cut": result.much_cut,
        "cogmill.bytes.read": result.bytes_read,
        "cogmill.bytes.written": result.bytes_written,
    }
    for name, count in counts.items():
        if count:
            incr(name, count, tags=tags)
    done = result.built + result.unchanged + len(result.rejected) + len(result.failed)
    if done and seconds > 0:
        gauge("cogmill.frames_per_second", done / seconds, tags=tags)


def published(collection_id: str, frames: int, latencies_s: Callable[[], list[float]]) -> None:
    """Send how many frames became public, and how long they took from upload to map.

    :param collection_id: Collection of the frames; sent as a tag.
    :param frames: How many frames.
    :param latencies_s: Returns the seconds from upload to map of some or all of them; called only when metrics are sent.
    """
    if not (frames and _are_sent()):
        return
    tags = {"collection": collection_id}
    incr("cogmill.frames.published", frames, tags=tags)
    for seconds in latencies_s():
        timing("cogmill.upload_to_map", timedelta(seconds=seconds), tags=tags)


def queue(waiting: Callable[[], Queue]) -> None:
    """Send how many frames wait.

    :param waiting: Returns what waits in the whole archive; called only when metrics are sent.
    """
    if _are_sent():
        found = waiting()
        gauge("cogmill.queue.frames", found.frames)
        gauge("cogmill.queue.age", found.age_s)


def _are_sent() -> bool:
    return any(conf.getboolean("metrics", switch, fallback=False) for switch in SWITCHES)
