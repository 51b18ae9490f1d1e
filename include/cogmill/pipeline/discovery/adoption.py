"""Adoption: enter COGs of another system, which lie in `cog/` without an upload, into the ledger as sources of frames.

From there on the runs of their collections do what they do with uploads: batches, tries, rejections, publication.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cogmill.cog.sandbox.engine import Engine
from cogmill.domain import keys
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Adoption, BuiltCog, RejectedFrame, StoredObject
from cogmill.domain.screening import TIFFS, is_below_cog
from cogmill.ledger.frames import CogVersion, Job
from cogmill.pipeline import ingest
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery.sweep import ledger_can_hold

log = logging.getLogger(__name__)

MOST_LINES = 200
"""Lines of a plan that are shown."""

NOTHING = ingest.IngestResult([], 0, 0)
"""What nothing was added to."""

OPENED = ".tif"
"""End of the keys that GDAL reads from a bucket on map hosts, in any case; `mapserver.conf.j2` says so."""

MISNAMED = ""
"""Stands for the collection where a key names none."""


@dataclass(frozen=True, slots=True)
class AdoptionRequest:
    """Which COGs a person wants to adopt, and how."""

    adopted: Adoption = Adoption.AS_IT_IS
    prefix: str = ""
    """Beginning of their keys."""
    limit: int | None = None


@dataclass(slots=True)
class AdoptionShare:
    """COGs of one collection."""

    frames: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """COGs that would be adopted."""

    adopted: Adoption
    shares: dict[str, AdoptionShare] = field(default_factory=dict)
    """By id of the collection; under `MISNAMED` what is going to be rejected for its name."""

    @property
    def frames(self) -> int:
        """How many there are."""
        return sum(share.frames for share in self.shares.values())

    @property
    def text(self) -> str:
        """The plan as text, one line per collection."""
        how = "published as they are" if self.adopted is Adoption.AS_IT_IS else "built again from their pixels"
        size = sum(share.bytes for share in self.shares.values())
        lines = [f"{self.frames} COGs of another system, {size / 1e6:.1f} MB, to be {how}."]
        for name, share in sorted(self.shares.items())[:MOST_LINES]:
            words = name or "rejected, because their names fit no collection"
            lines.append(f"- {words}: {share.frames}, {share.bytes / 1e6:.1f} MB")
        if len(self.shares) > MOST_LINES:
            lines.append(f"- and {len(self.shares) - MOST_LINES} more lines")
        return "\n".join(lines)


@dataclass(slots=True)
class AdoptionResult:
    """What an adoption entered into the ledger."""

    adopted: int = 0
    rejected: int = 0
    """COGs whose names fit no collection, or repeat another's, or that are empty."""
    first_rejected: list[RejectedFrame] = field(default_factory=list)
    """The first `MOST_LINES` of those."""

    @property
    def text(self) -> str:
        """The result in one line."""
        return f"{self.adopted} COGs adopted, which runs of their collections publish; {self.rejected} rejected."


def plan(archive: Archive, request: AdoptionRequest) -> AdoptionPlan:
    """Count the COGs that would be adopted; changes nothing. One LIST per 1,000 keys below the prefix, one statement for each."""
    planned = AdoptionPlan(request.adopted)
    for page in _adoptable(archive, request):
        for cog in page:
            share = planned.shares.setdefault(_collection_of(cog.key), AdoptionShare())
            share.frames += 1
            share.bytes += cog.size
    return planned


def adopt(archive: Archive, request: AdoptionRequest) -> AdoptionResult:
    """Enter COGs into the ledger, page by page; the runs of their collections follow. What is adopted already stays as it is."""
    result = AdoptionResult()
    for page in _adoptable(archive, request):
        entered = ingest.enter(archive, page, NOTHING, request.adopted)
        result.adopted += entered.frames - len(entered.rejected)
        result.rejected += len(entered.rejected)
        result.first_rejected += entered.rejected[: MOST_LINES - len(result.first_rejected)]
        log.info("adoption_progress adopted=%d rejected=%d", result.adopted, result.rejected)
    return result


def verify_as_it_is(archive: Archive, job: Job, engine: Engine, cog: Path) -> tuple[CogVersion, BuiltCog]:
    """Verify a COG that is to be published under the key that it has, and open it to the public.

    Args:
        archive: Clients and settings.
        job: Its frame.
        engine: Looks at it.
        cog: Its bytes, a local file.

    Raises:
        InvalidFrameError: It is at fault, or its name is one that map hosts do not open.
    """
    if not job.source_key.lower().endswith(OPENED):
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, f"map hosts open no file whose name does not end in {OPENED}")
    verified = engine.verify(cog, bands=job.bands, area=archive.settings.area)
    if archive.settings.public_acl:
        archive.store.set_acl(job.source_key, archive.settings.public_acl)
    return CogVersion(job.source_key, verified.sha256, Adoption.AS_IT_IS), verified


def adopt_again(archive: Archive, cog_keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Enter the present versions of adopted COGs that were replaced in the bucket; yield each key with what was done."""
    for key, adopted in archive.ledger.frames.adoptions(cog_keys).items():
        if present := archive.store.find(key):
            ingest.enter(archive, [present], NOTHING, Adoption(adopted))
            yield key, "looked at again by the next run"


def _adoptable(archive: Archive, request: AdoptionRequest) -> Iterator[list[StoredObject]]:
    """Yield the COGs that nobody has adopted and no upload stands for, page by page, never an empty list."""
    left = request.limit
    for page in archive.store.pages(request.prefix, side=archive.store.place.open_side):
        cogs = [cog for cog in page.objects if _is_foreign_cog(cog.key)]
        wanted = archive.ledger.uploads.adoptable([_row(cog) for cog in cogs], request.adopted) if cogs else set()
        found = [cog for cog in cogs if cog.key in wanted][:left]
        if found:
            yield found
        if left is not None:
            left -= len(found)
            if left <= 0:
                return


def _is_foreign_cog(key: str) -> bool:
    foreign = is_below_cog(key) and key.lower().endswith(TIFFS) and not keys.is_made_here(key)
    return foreign and ledger_can_hold(key)


def _row(cog: StoredObject) -> dict[str, str | None]:
    """Return what the ledger is asked about a COG; without the name of its frame where it has none."""
    row: dict[str, str | None] = {"source_key": cog.key, "etag": cog.etag}
    try:
        upload = keys.parse_cog(cog.key)
    except InvalidFrameError:
        return row
    return row | {"collection_id": upload.collection.id, "bands": upload.bands, "stem": upload.stem}


def _collection_of(key: str) -> str:
    try:
        return keys.parse_cog(key).collection.id
    except InvalidFrameError:
        return MISNAMED
