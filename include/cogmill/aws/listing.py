"""List a bucket page by page, and pass over folders that nobody asks about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.utils import parse_timestamp

from cogmill.aws.place import ArchivePlace
from cogmill.aws.s3_errors import translated
from cogmill.domain.model import StoredObject

LAST_CHARACTER = "\U0010ffff"
"""What no name in a folder begins with that is listed later: S3 orders keys by their bytes in UTF-8."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a bucket listing."""

    objects: list[StoredObject]
    at: dt.datetime
    """The store's own clock when it answered."""
    more: bool
    """Whether another page follows."""


def list_pages(
    client: Any, place: ArchivePlace, prefix: str, skip: Callable[[str], str | None] | None = None, after: str = ""
) -> Iterator[Listing]:
    """Yield the pages of a listing; `S3Store.pages` says what the arguments are."""
    folder = skip(after) if skip and after else None
    start = folder + LAST_CHARACTER if folder else after
    position: dict[str, str] | None = {"StartAfter": place.prefix + start} if start else {}
    while position is not None:
        with translated(f"list {place.uri(prefix)}"):
            page = client.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix + prefix, **position)
        headers = page["ResponseMetadata"]["HTTPHeaders"]
        objects, more = [_stored(entry, place) for entry in page.get("Contents", [])], bool(page.get("IsTruncated"))
        listed = Listing(objects, _clock(headers.get("date", "")), more)
        yield listed
        folder = skip(listed.objects[-1].key) if skip and listed.objects else None
        if not more:
            position = None
        elif folder:
            position = {"StartAfter": place.prefix + folder + LAST_CHARACTER}
        else:
            position = {"ContinuationToken": page["NextContinuationToken"]}


def _stored(entry: Mapping[str, Any], place: ArchivePlace) -> StoredObject:
    return StoredObject(place.key(entry["Key"]), entry["ETag"].strip('"'), entry["Size"], entry["LastModified"])


def parse_time(value: Any) -> dt.datetime:
    """Parse a time as S3 writes it; botocore's parser for every format takes two thirds of the time of a listing."""
    if isinstance(value, str) and value.endswith("Z"):
        return dt.datetime.fromisoformat(value)
    other: dt.datetime = parse_timestamp(value)
    return other


def _clock(header: str) -> dt.datetime:
    return parsedate_to_datetime(header) if header else dt.datetime.now(dt.UTC)
