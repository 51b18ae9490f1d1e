"""Multipart uploads that nobody finished; their parts are stored and paid for."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from cogmill.aws.botocore_internals import clean_answers
from cogmill.aws.place import ArchivePlace
from cogmill.aws.s3_errors import translated
from cogmill.domain.errors import SourceChangedError

log = logging.getLogger(__name__)

OPERATION = "ListMultipartUploads"


def abort_uploads(client: Any, place: ArchivePlace, before: dt.datetime) -> list[str]:
    """Abort multipart uploads begun before a moment and return their keys; one that was finished meanwhile is left alone."""
    with translated(f"abort uploads of {place.uri()}"):
        old = [upload for upload in _uploads(client, place) if upload["Initiated"] < before]
        return [place.key(upload["Key"]) for upload in old if abort(client, place.bucket, upload)]


def abort(client: Any, bucket: str, upload: Mapping[str, Any]) -> bool:
    """Abort one upload; return False when there is none any more."""
    try:
        with translated(f"abort the upload of s3://{bucket}/{upload['Key']!a}"):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except SourceChangedError as err:
        log.warning("upload_not_aborted fault=%s", err)
        return False
    return True


def _uploads(client: Any, place: ArchivePlace) -> Iterator[dict[str, Any]]:
    """Yield every unfinished upload.

    XML cannot hold each character that a key may hold, so keys are asked for in percent-encoding. botocore does that by itself for
    listings of objects, and not for these; its paginator would repeat the encoded markers.
    """
    clean_answers(client, OPERATION)  # of servers that do not know the encoding, such as that of the demo
    markers: dict[str, str] = {}
    while True:
        page = client.list_multipart_uploads(Bucket=place.bucket, Prefix=place.prefix, EncodingType="url", **markers)
        decoded = unquote_plus if page.get("EncodingType") == "url" else str
        for upload in page.get("Uploads", []):
            yield upload | {"Key": decoded(upload["Key"])}
        if not page.get("IsTruncated"):
            return
        markers = {
            "KeyMarker": decoded(page["NextKeyMarker"]),
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
