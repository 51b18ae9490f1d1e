"""Frames on their way to a COG: claim them, record what became of them, release them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands, BuiltCog, Collection, Product
from cogmill.domain.sidecars import Sidecar, SidecarKind
from cogmill.ledger.connection import Part, Row


@dataclass(frozen=True, slots=True)
class Job:
    """One leased frame version."""

    id: int
    source_key: str
    collection: Collection
    bands: Bands
    stem: str
    """File name of the upload without its extension."""
    etag: str
    size: int
    """Bytes of the upload."""
    source_sha256: str | None
    """Hash of what `cog_key` was built from: the version of the upload, and of the sidecars that placed it."""
    fingerprint: str | None
    """Build fingerprint that `cog_key` was built with."""
    cog_key: str | None
    tries: int
    """Which try this is; the first has the number 1."""
    adopted: str | None = None
    """An `Adoption` where the source is a COG of another system; None for an upload."""
    sidecars: tuple[Sidecar, ...] = ()
    """What lies beside it, of all kinds that the ledger knows, by key."""


@dataclass(frozen=True, slots=True)
class CogVersion:
    """What names a COG: its key, and the two things that the key is a digest of."""

    key: str
    source_sha256: str
    """Hash of the upload's bytes, and of the sidecars that placed it."""
    fingerprint: str
    """How it is built: profile, engine, versions of its libraries."""


@dataclass(frozen=True, slots=True)
class DueFrame:
    """A frame waiting to be built."""

    id: int
    stem: str
    size: int
    """Bytes of the upload."""


class Frames(Part):
    """The state of single frames. Every `mark_*` acts only for the leaseholder and the version that was leased."""

    def due(self, collection_id: str, at_most: int) -> list[DueFrame]:
        """Return frames to build, those that wait longest first."""
        return [DueFrame(**row) for row in self._rows("due_frames", collection_id=collection_id, at_most=at_most)]

    def claim(self, ids: Sequence[int], owner: str, lease_s: int) -> list[Job]:
        """Lease frames; those that somebody else builds right now, or that are done, are left out."""
        rows = self._rows("claim_frames", ids=list(ids), owner=owner, lease_s=lease_s)
        return [_job(row) for row in sorted(rows, key=lambda row: row["source_key"])]

    def renew(self, jobs: Sequence[Job], owner: str, lease_s: int) -> None:
        """Renew the leases of frames that are still worked on."""
        self._rows("renew_leases", ids=[job.id for job in jobs], owner=owner, lease_s=lease_s)

    def mark_built(self, job: Job, owner: str, version: CogVersion, cog: BuiltCog) -> bool:
        """Record a stored COG; False when a newer upload has taken its place."""
        values = {
            "cog_key": version.key,
            "source_sha256": version.source_sha256,
            "fingerprint": version.fingerprint,
            "cog_size": cog.size,
            "cog_sha256": cog.sha256,
            "footprint_wkb": cog.footprint_wkb,
            "width": cog.width,
            "height": cog.height,
            "gsd_m": cog.gsd_m,
            "source_crs": cog.source_crs,
            "transformation": cog.transformation,
            "cpu_s": cog.cpu_s,
            "outline_margin_m": cog.outline_margin_m,
            "transform": cog.transform and list(cog.transform),
            "texts": json.dumps(dict(cog.texts)) if cog.texts else None,
            "collar_share": cog.collar_share,
            "adjustments": cog.adjustments or None,
            "shift_accuracy_m": cog.shift_accuracy_m,
            "missing_grids": list(cog.missing_grids) or None,
        }
        with self._transaction():
            self._rows("lock_cog", key=version.key)  # a deletion that has begun ends first
            return self._finish("mark_built", job, owner, **values)

    def mark_unchanged(self, job: Job, owner: str) -> bool:
        """Record that this version has the pixels the present COG was built from."""
        with self._transaction():
            self._rows("lock_cog", key=job.cog_key)
            return self._finish("mark_unchanged", job, owner)

    def mark_rejected(self, job: Job, owner: str, fault: InvalidFrameError) -> bool:
        """Record a rejection with its reason and detail."""
        return self._finish("mark_rejected", job, owner, reason=fault.reason, detail=fault.detail)

    def wait_for_sidecar(self, job: Job, owner: str, detail: str, wait_s: float) -> bool:
        """Let a frame without a position wait for a file beside it; False when it has waited so many seconds since its arrival."""
        return self._finish("wait_for_sidecar", job, owner, detail=detail, wait_s=wait_s)

    def mark_failed(self, job: Job, owner: str, detail: str) -> bool:
        """Record a failure of ours; a later run tries again."""
        return self._finish("mark_failed", job, owner, detail=detail)

    def release(self, jobs: Sequence[Job], owner: str, wait_s: float = 0) -> None:
        """Give back what was leased and not done; it is due again after some seconds."""
        self._rows("release_frames", ids=[job.id for job in jobs], owner=owner, wait_s=wait_s)

    def adoptions(self, source_keys: Sequence[str]) -> dict[str, str]:
        """Return those of some keys that name adopted COGs, with their `Adoption`; withdrawn frames are left out."""
        return {row["source_key"]: row["adopted"] for row in self._rows("adoptions", keys=list(source_keys))}

    def _finish(self, query: str, job: Job, owner: str, **values: Any) -> bool:
        return bool(self._rows(query, id=job.id, etag=job.etag, owner=owner, **values))


def _job(row: Row) -> Job:
    folder, agency, year, product = row["collection"]
    collection = Collection(folder, agency, year, Product(product))
    beside = tuple(Sidecar(SidecarKind(kind), *version) for kind, *version in row["sidecars"])
    return Job(**row | {"collection": collection, "bands": Bands(row["bands"]), "sidecars": beside})
