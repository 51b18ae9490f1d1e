"""Parse S3 notifications strictly. They may come twice, late, in any order or never; they only tell which key to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus

from cogmill.aws.place import ArchivePlace


class EventFormatError(ValueError):
    """A message that is no S3 notification; it belongs in the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class UploadEvent:
    """Something was stored or removed under a key."""

    key: str
    """Decoded once."""
    created: bool
    """False: it was removed."""
    sequencer: str
    """Orders the events of one key; hexadecimal."""


def parse_message(body: str, place: ArchivePlace) -> list[UploadEvent]:
    """Return the events of one message about an archive; also of one that came through SNS. Test events are none, nor is what lies elsewhere.

    Raises:
        EventFormatError: The message is something else.

    Examples:
        >>> record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "a%2Bb+c.tif"}}}
        >>> [event.key for event in parse_message(json.dumps({"Records": [record]}), ArchivePlace("b"))]
        ['a+b c.tif']
    """
    try:
        message = json.loads(body)
        if "Message" in message and "Records" not in message:
            message = json.loads(message["Message"])
        if message.get("Event") == "s3:TestEvent":
            return []
        records = [record for record in message["Records"] if record["s3"]["bucket"]["name"] == place.bucket]
        events = [_event(record) for record in records]
        return [replace(event, key=place.key(event.key)) for event in events if place.holds(event.key)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise EventFormatError(f"{type(err).__name__}: {err}") from err


def newest(events: list[UploadEvent]) -> dict[str, UploadEvent]:
    """Return the last event of each key; sequencers are compared as hexadecimal numbers padded on the right."""
    latest: dict[str, UploadEvent] = {}
    for event in events:
        known = latest.get(event.key)
        if known is None or _is_after(event, known):
            latest[event.key] = event
    return latest


def _is_after(event: UploadEvent, known: UploadEvent) -> bool:
    width = max(len(event.sequencer), len(known.sequencer))
    return event.sequencer.upper().ljust(width, "0") > known.sequencer.upper().ljust(width, "0")


def _event(record: dict[str, Any]) -> UploadEvent:
    stored = record["s3"]["object"]
    created = record["eventName"].removeprefix("s3:").startswith("ObjectCreated:")
    sequencer = stored.get("sequencer", "")
    if not isinstance(sequencer, str):
        raise TypeError(f"the sequencer is {sequencer!r}, not a text")
    return UploadEvent(unquote_plus(stored["key"]), created, sequencer)
