"""Build one frame: one GET, one pixel pass, one PUT; and where its position is missing, the files beside it.

Runs in threads, so it never uses the ledger: what it needs to know comes with the job.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.aws.s3 import PutOptions
from cogmill.cog.fingerprint import build_fingerprint, cog_digest, possible_fingerprints
from cogmill.cog.profiles import Profile, as_used
from cogmill.cog.sandbox.engine import Engine
from cogmill.config.collection_files import ProfileChooser
from cogmill.domain import keys
from cogmill.domain.errors import (
    ConflictingObjectError,
    InvalidFrameError,
    Reason,
    ServiceUnavailableError,
    SourceChangedError,
)
from cogmill.domain.layout import formats_in_use
from cogmill.domain.layout.formats import Format, format_of
from cogmill.domain.model import Adoption, BuiltCog
from cogmill.domain.sidecars import LARGEST_BYTES, MISSING_POSITION, Sidecar, SidecarKind
from cogmill.ledger.frames import CogVersion, Job
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery import adoption

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """A COG in the bucket, not yet in the ledger; `cog` is None when nothing had to be built."""

    version: CogVersion
    cog: BuiltCog | None
    stored: bool = True
    """False when the bucket had it already."""


def build_one(archive: Archive, job: Job, choose: ProfileChooser, engine: Engine, scratch: Path) -> Built:
    """Build a frame from its upload, and only when that has no position also from what lies beside it.

    Raises:
        InvalidFrameError: The frame, or a file beside it, is at fault.
        SourceChangedError: One of them was replaced or removed meanwhile.
        ServiceUnavailableError: S3 or the engine cannot do its part now.
    """
    profile = choose(job.collection.id, job.collection.product, job.bands, job.stem)
    with TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        source_format = _format_taken(job.source_key)
        source, target = folder / f"source.{source_format or 'tif'}", folder / "cog.tif"
        sha256 = archive.store.download(job.source_key, job.etag, source)
        if (size := source.stat().st_size) != job.size:  # else a good frame would be rejected as truncated
            raise ServiceUnavailableError(f"{job.source_key} came with {size} of {job.size} bytes")
        if job.adopted == Adoption.AS_IT_IS:
            return Built(*adoption.verify_as_it_is(archive, job, engine, source))
        if done := _up_to_date(archive, job, sha256, profile):
            return done
        build = partial(engine.build, source, target, bands=job.bands, profile=profile, area=archive.settings.area)
        # Nothing but the bytes themselves: a COG's key names bytes and fingerprint, and the same key must hold the same bytes,
        # whatever name and ETag they come under.
        provenance = {"SOURCE_SHA256": sha256}
        try:
            cog = build(provenance=provenance)
        except InvalidFrameError as fault:
            beside = _fetch_sidecars(archive, job, folder) if fault.reason in MISSING_POSITION else {}
            if not beside:
                raise
            provenance |= {f"{kind}_sha256": digest for kind, (_, digest) in beside.items()}
            sha256 = _digest(provenance)
            if done := _up_to_date(archive, job, sha256, profile):
                return done
            cog = build(provenance=provenance, sidecars={kind: file for kind, (file, _) in beside.items()})
        fingerprint = build_fingerprint(as_used(profile, cog.adjustments.split()), source_format)
        return _store(archive, job, target, cog, (sha256, fingerprint))


def _format_taken(source_key: str) -> Format | None:
    """Return the format of an upload that is no TIFF; one that the site does not take any more is read as if it were, and rejected."""
    found = format_of(source_key)
    return found if found in formats_in_use() else None


def _up_to_date(archive: Archive, job: Job, sha256: str, profile: Profile) -> Built | None:
    """Return the present COG of a frame where it is what would be built of these bytes."""
    if job.cog_key is None or job.fingerprint is None or job.source_sha256 != sha256:
        return None
    if (
        job.fingerprint not in possible_fingerprints(profile, _format_taken(job.source_key))
        or archive.store.find(job.cog_key) is None
    ):
        return None
    return Built(CogVersion(job.cog_key, sha256, job.fingerprint), None, stored=False)


def _digest(provenance: Mapping[str, str]) -> str:
    """Return one hash for an upload and the files beside it that placed it."""
    named = "\n".join(f"{name} {digest}" for name, digest in sorted(provenance.items()))
    return hashlib.sha256(named.encode()).hexdigest()


def _fetch_sidecars(archive: Archive, job: Job, folder: Path) -> dict[SidecarKind, tuple[Path, str]]:
    """Fetch the sidecars that the site takes, of each kind the first by its key, and return file and sha256 of each.

    One that was deleted is none: the next build finds it missing too.

    Raises:
        InvalidFrameError: One is larger than any such file.
        SourceChangedError: One was replaced; its new version makes the frame due again.
    """
    first: dict[SidecarKind, Sidecar] = {}
    for each in job.sidecars:
        if each.kind in archive.sidecars:
            first.setdefault(each.kind, each)
    fetched: dict[SidecarKind, tuple[Path, str]] = {}
    for kind, sidecar in first.items():
        if sidecar.size > LARGEST_BYTES[kind]:
            name = sidecar.key.rpartition("/")[2]
            detail = f"{name} beside it has {sidecar.size} bytes, at most {LARGEST_BYTES[kind]} are read"
            raise InvalidFrameError(Reason.NOT_GEOREFERENCED, detail)
        file = folder / kind
        try:
            fetched[kind] = file, archive.store.download(sidecar.key, sidecar.etag, file)
        except SourceChangedError:
            if archive.store.find(sidecar.key) is not None:
                raise
            log.info("sidecar_is_gone key=%s", sidecar.key)
    return fetched


def _store(archive: Archive, job: Job, file: Path, cog: BuiltCog, made_from: tuple[str, str]) -> Built:
    """Store a COG under the key that names the upload's hash and the build fingerprint.

    Where that key holds other bytes, the key names the COG's own hash too. Whatever is there stays: somebody may be reading it, a former
    revision may need it, and two workers whose libraries differ would take each other's COGs away for ever. So a key has the same
    bytes always, and the same bytes find their key again. Maintenance retires what nothing names.

    Raises:
        ObjectRefusedError: S3 takes it under neither key.
    """
    options = PutOptions("image/tiff", acl=archive.settings.public_acl)
    named = (*made_from, *cog.texts.values())  # so that COGs of releases that carried no texts keep their keys
    key = keys.cog_key(job.collection, job.bands, job.stem, cog_digest(*named))
    try:
        stored = archive.store.create(key, file, cog.sha256, options)
    except ConflictingObjectError as conflict:
        key = keys.cog_key(job.collection, job.bands, job.stem, cog_digest(*named, cog.sha256))
        log.warning("cog_key_taken detail=%s instead=%s", conflict, key)
        stored = archive.store.create(key, file, cog.sha256, options)
    return Built(CogVersion(key, *made_from), cog, stored)
