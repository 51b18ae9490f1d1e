"""The archive that every step works on: bucket, ledger and settings, and the proof that they belong together."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from cogmill.aws.s3 import PutOptions, S3Store
from cogmill.aws.sqs import EventQueue
from cogmill.config.settings import Settings
from cogmill.config.site import load_site
from cogmill.domain.errors import CogmillError, ConfigurationError, InvalidFrameError, ServiceUnavailableError
from cogmill.domain.keys import LEDGER_MARK, OPEN_COPY
from cogmill.domain.sidecars import MISSING_POSITION, SidecarKind, sidecar_prefix, with_sidecars
from cogmill.ledger import Ledger
from cogmill.ledger.bucket import Identity
from cogmill.mapserver.urls import ArchiveAddresses

log = logging.getLogger(__name__)

COGS_ASKED_FOR = 5
"""Published COGs that a bucket without the ledger's mark is asked for; it is the right one when it has any of them."""

COMMAND = "python -m cogmill.ledger.bucket"
"""With it a person says that the ledger belongs to another bucket."""


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A service that shows something else now, whoever changed it."""

    collection_id: str
    change: str
    """`published` or `withdrawn`."""
    revision: int
    """Revision of the tile index that it shows."""
    frames: int = 0
    """Frames that became public with it."""
    service_url: str = ""
    """Address of the service up to and including `map=...&`; empty when it was withdrawn."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Ready clients and settings, opened by the caller."""

    store: S3Store
    ledger: Ledger
    settings: Settings
    queue: EventQueue | None = None
    """Queue of S3 notifications; None: the bucket is listed each time."""
    changes: list[ServiceChange] = field(default_factory=list, compare=False)
    """What was done to services since the archive was opened; every step that changes one adds to it."""

    @property
    def addresses(self) -> ArchiveAddresses:
        """Where the public finds it."""
        return ArchiveAddresses(self.settings.public_url, self.settings.mapserver_url)

    @property
    def sidecars(self) -> tuple[SidecarKind, ...]:
        """Kinds of files beside uploads that the site takes; read from its file at each call."""
        return load_site(self.settings.site_file).sidecars

    def with_settings(self, **changes: Any) -> Archive:
        """Return the same archive with other values of some settings."""
        return replace(self, settings=self.settings.model_copy(update=changes))


def explain_position(archive: Archive, key: str, fault: InvalidFrameError) -> InvalidFrameError:
    """Return the rejection of an upload with what lies beside it, where its position is missing and S3 lists it."""
    with suppress(CogmillError):
        if fault.reason in MISSING_POSITION:
            beside = next(archive.store.pages(sidecar_prefix(key)))
            return with_sidecars(fault, key, [each.key for each in beside.objects], archive.sidecars)
    return fault


def open_archive(store: S3Store, ledger: Ledger, settings: Settings, queue: EventQueue | None = None) -> Archive:
    """Return an archive of which ledger and buckets belong together, by one statement and one GET for each bucket.

    The ledger records its bucket at first use, and puts an object there that names the ledger: so neither meets another one unnoticed,
    not even a bucket of the same name at another endpoint.

    Raises:
        ConfigurationError: They do not belong together; nothing was changed.
        ServiceUnavailableError: S3 or the ledger does not answer, or there is no such bucket.
    """
    identity = ledger.binding.identity()
    here = str(store.place)
    if identity.bucket not in (None, here):
        raise ConfigurationError(
            f"{_settings(here)} is what is set, but this ledger belongs to the bucket {identity.bucket}: with another one the map would"
            f" name objects that are not there. Set {_settings(identity.bucket)}. If the archive was moved to {here} with"
            f" all its objects, say so by `{COMMAND} {here}`"
        )
    for mark in (LEDGER_MARK, OPEN_COPY + LEDGER_MARK)[: len(store.place.sides)]:
        marked = _marked(store, mark)
        if marked != identity.id:
            _put_mark(store, ledger, identity, mark, marked)
    if identity.bucket is None or identity.take_over:
        ledger.binding.bind(here)
        log.info("ledger_bound ledger=%s bucket=%s", identity.id, here)
    return Archive(store, ledger, settings, queue)


def _settings(place: str) -> str:
    """Return the settings that name a place, as `ArchivePlace` writes it."""
    uploads, _, public = place.partition(" ")
    bucket, _, prefix = uploads.partition("/")
    named = {"COGMILL_BUCKET": bucket, "COGMILL_PREFIX": prefix, "COGMILL_PUBLIC_BUCKET": public}
    return " ".join(f"{name}={value}" for name, value in named.items() if value)


def _marked(store: S3Store, mark: str) -> str | None:
    """Return the id of the ledger that a bucket names; None without any."""
    body = store.read(mark)
    if body is None:
        return None
    try:
        return str(json.loads(body)["ledger"])
    except (ValueError, TypeError, KeyError):
        return "with an unreadable name"


def _put_mark(store: S3Store, ledger: Ledger, identity: Identity, mark: str, marked: str | None) -> None:
    """Let a bucket name this ledger, where it names none, or where a person allowed it to be replaced."""
    place = store.place.uri(mark)
    if marked is not None and not identity.take_over:
        raise ConfigurationError(
            f"{place} says that this bucket belongs to the ledger {marked}, and this is the ledger {identity.id}: two of them would undo"
            " each other's work. Set COGMILL_BUCKET, or the connection of the ledger, to the right one. If the other ledger is gone for"
            f" good, say so by `{COMMAND} {store.place} --take-over`"
        )
    cogs = ledger.binding.newest_cogs(COGS_ASKED_FOR)
    if cogs and not any(store.find(key) for key in cogs):
        raise ConfigurationError(
            f"the bucket {store.place.open_side} has neither {LEDGER_MARK} nor the COGs that this ledger published, such as {cogs[0]}: it is another"
            " bucket of that name, or was emptied. Look at the endpoint and the account of the connection cogmill_s3; copy or restore the"
            " objects of the archive before anything goes on"
        )
    body = json.dumps({"ledger": identity.id, "about": "Which ledger this bucket belongs to. Do not delete."}).encode()
    options = PutOptions("application/json")
    if marked is not None:
        store.replace(mark, body, options)
    elif not store.claim(mark, body, options) and _marked(store, mark) != identity.id:
        raise ServiceUnavailableError(f"another process writes {place} now; this one looks again")
    log.info("bucket_marked mark=%s ledger=%s instead_of=%s", place, identity.id, marked)
