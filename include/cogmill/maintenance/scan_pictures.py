"""Draw small pictures of raw scans that no georeferenced frame goes with, at night, when nothing waits for it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.engine_pool import EnginePool
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.memory import frame_memory, task_memory
from cogmill.domain.errors import (
    CogmillError,
    ConfigurationError,
    InvalidFrameError,
    Reason,
    ServiceUnavailableError,
    SourceChangedError,
)
from cogmill.domain.model import Bands, DrawnScan
from cogmill.domain.public_keys import scan_picture
from cogmill.ledger.uploads import DueScan
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.public_files import as_recorded, store_document, update_collections
from cogmill.public.document import Document

log = logging.getLogger(__name__)

LONGER_PX = 512
"""Pixels along the longer side of a picture."""

PER_NIGHT = 5_000
"""Scans that one run looks at, at most."""

NIGHT_S = 2 * 3600.0
"""Seconds after which a run begins no further scan; the rest is for the next nights."""

AGAIN_S = 7 * 86_400.0
"""Seconds after which a scan is tried again that a fault of ours kept from being drawn."""

FAILED = "failed"
"""Stands for a reason where the fault is ours."""


@dataclass(slots=True)
class ScanPictures:
    """What one night has done."""

    drawn: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    """Why there is no picture, by the key of the scan."""
    failed: dict[str, str] = field(default_factory=dict)
    """Faults of ours, by the key of the scan."""
    removed: int = 0
    """Pictures of scans that are gone or have a georeferenced frame by now."""
    waiting: int = 0
    """Scans that were left for the next night."""
    collections: set[str] = field(default_factory=set)
    """Collections whose static files had to follow."""


def draw_scans(archive: Archive, *, per_night: int = PER_NIGHT, seconds: float = NIGHT_S) -> ScanPictures:
    """Draw lone scans that nobody has looked at, one after the other, and bring the static files about them up to date.

    The cost is proportional to the scans that are new. What cannot be drawn is recorded with its reason and not tried again until it is
    uploaded again.

    Args:
        archive: Clients and settings.
        per_night: Scans that are looked at, at most.
        seconds: After them no further scan is begun.

    Raises:
        ServiceUnavailableError: S3 or the ledger went away; what was drawn stays drawn.
    """
    done = ScanPictures()
    _remove_stale(archive, done)
    _draw_due(archive, done, per_night, time.monotonic() + seconds)
    done.collections |= set(archive.ledger.lone_scans.unlisted())
    if done.collections:
        update_collections(archive, sorted(done.collections))
    log.info(
        "scans_drawn drawn=%d rejected=%d failed=%d removed=%d waiting=%d collections=%d",
        done.drawn, len(done.rejected), len(done.failed), done.removed, done.waiting, len(done.collections),
    )  # fmt: skip
    return done


def pictures_owner(collection_id: str) -> str:
    """Return under which name the ledger keeps the pictures of a collection's scans among the files for the public."""
    return f"{collection_id}/scans"


def _remove_stale(archive: Archive, done: ScanPictures) -> None:
    stale = archive.ledger.lone_scans.stale()
    for scan in stale:
        if scan.picture is not None:
            archive.store.delete(scan.picture)
            archive.ledger.public_documents.forget([scan.picture])
            done.removed += 1
        done.collections.add(scan.collection_id)
    archive.ledger.lone_scans.forget([scan.key for scan in stale])


def _draw_due(archive: Archive, done: ScanPictures, at_most: int, until: float) -> None:
    due = archive.ledger.lone_scans.due(at_most, AGAIN_S)
    if not due:
        return
    memory = frame_memory(task_memory(archive.settings.worker_tasks), 1)
    with EnginePool(1, memory, 1) as pool:
        for number, scan in enumerate(due):
            if time.monotonic() > until:
                done.waiting = len(due) - number
                break
            _look(archive, pool, scan, done)


def _look(archive: Archive, pool: EnginePool, scan: DueScan, done: ScanPictures) -> None:
    """Draw one scan and record what became of it; its fault costs no other scan anything."""
    scans = archive.ledger.lone_scans
    try:
        drawn, document = pool.submit(partial(_draw, archive, scan)).result()
    except InvalidFrameError as fault:
        scans.note(scan, None, None, (str(fault.reason), fault.detail))
        done.rejected[scan.key] = str(fault)
    except (ServiceUnavailableError, ConfigurationError):
        raise
    except SourceChangedError as change:
        log.info("scan_replaced_meanwhile key=%s detail=%s", scan.key, change)
        return
    except CogmillError as err:
        scans.note(scan, None, None, (FAILED, f"{type(err).__name__}: {err}"))
        done.failed[scan.key] = str(err)
    else:
        archive.ledger.public_documents.note(pictures_owner(scan.collection_id), [as_recorded(document)])
        scans.note(scan, document.key, (drawn.width, drawn.height), None)
        done.drawn += 1
    done.collections.add(scan.collection_id)


def _draw(archive: Archive, scan: DueScan, engine: Engine, scratch: Path) -> tuple[DrawnScan, Document]:
    """Draw one scan with one GET and one PUT; return it, and its picture as a file for the public."""
    if scan.size > Limits().file_bytes:
        raise InvalidFrameError(Reason.TOO_LARGE, f"file of {scan.size} bytes, at most {Limits().file_bytes} are drawn")
    with TemporaryDirectory(dir=scratch) as folder:
        source, target = Path(folder) / "scan.tif", Path(folder) / "scan.webp"
        archive.store.download(scan.key, scan.etag, source)
        if (size := source.stat().st_size) != scan.size:  # else a good scan would be rejected as truncated
            raise ServiceUnavailableError(f"{scan.key} came with {size} of {scan.size} bytes")
        drawn = engine.draw(source, target, LONGER_PX)
        body = target.read_bytes()
    picture = Document(scan_picture(scan.collection_id, Bands(scan.bands), scan.stem), body, "image/webp")
    store_document(archive, picture)
    return drawn, picture
