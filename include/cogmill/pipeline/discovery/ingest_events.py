"""Find uploads by S3 notifications. The event names a key; what that key holds now is asked of the bucket itself."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from cogmill.aws.s3_events import EventFormatError, UploadEvent, newest, parse_message
from cogmill.aws.sqs import EventQueue, Message
from cogmill.domain.errors import ObjectRefusedError
from cogmill.domain.model import StoredObject
from cogmill.domain.screening import is_wanted
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery.sweep import ledger_can_hold

log = logging.getLogger(__name__)


@dataclass(slots=True)
class NotifiedUploads:
    """Some messages and the uploads they are about."""

    uploads: list[StoredObject] = field(default_factory=list)
    """Settled uploads that the ledger does not know, as they are in the bucket now."""
    messages: list[Message] = field(default_factory=list)
    """To be deleted once the uploads are in the ledger."""


def has_new_uploads(archive: Archive, queue: EventQueue) -> bool:
    """Tell whether there is a notification of an upload that the ledger does not know; its messages stay in the queue for the ingest."""
    for notified in read_notifications(archive, queue):
        if notified.uploads:
            queue.give_back(notified.messages)
            return True
        queue.delete(notified.messages)
    return False


def read_notifications(archive: Archive, queue: EventQueue) -> Iterator[NotifiedUploads]:
    """Read the queue until it is empty. The caller deletes the messages when their uploads are in the ledger.

    Messages that cannot be read, and those about uploads that are still being written, stay and come again; the queue's own
    redrive policy moves the unreadable ones into its dead-letter queue.
    """
    while messages := queue.receive():
        yield _resolve(archive, messages)


def _resolve(archive: Archive, messages: list[Message]) -> NotifiedUploads:
    events_of: dict[Message, list[UploadEvent]] = {}
    for message in messages:
        try:
            events_of[message] = parse_message(message.body, archive.store.place)
        except EventFormatError as err:
            log.warning("event_not_understood fault=%s", err)
    taken = archive.sidecars
    latest = newest([event for events in events_of.values() for event in events])
    found = {
        key: stored
        for key, event in latest.items()
        if event.created
        and is_wanted(key, taken)
        and ledger_can_hold(key)
        and (stored := _find(archive, key)) is not None
    }
    unsettled = {key for key, stored in found.items() if not _is_settled(archive, stored)}
    settled = [stored for key, stored in sorted(found.items()) if key not in unsettled]
    unknown = archive.ledger.uploads.unknown(settled) if settled else set()
    done = [message for message, events in events_of.items() if not unsettled & {event.key for event in events}]
    return NotifiedUploads([stored for stored in settled if stored.key in unknown], done)


def _find(archive: Archive, key: str) -> StoredObject | None:
    """Return the upload under a key; one to which S3 denies access is left to the sweep, so that it does not hold up the others."""
    try:
        return archive.store.find(key)
    except ObjectRefusedError as err:
        log.warning("upload_access_denied key=%s fault=%s", key, err)
        return None


def _is_settled(archive: Archive, stored: StoredObject) -> bool:
    age = dt.datetime.now(dt.UTC) - stored.last_modified
    return bool(stored.size) or age >= dt.timedelta(seconds=archive.settings.settle_seconds)
