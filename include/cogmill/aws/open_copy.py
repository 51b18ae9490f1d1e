"""Copy uploads into the public bucket without downloading them, large ones in parts: S3 takes 5 GiB at once, and says nothing while it copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from cogmill.aws.place import ArchivePlace
from cogmill.domain.keys import OPEN_COPY

SOURCE = "source-etag"
"""Metadata key under which a copy names the version that it was made of."""

IN_PARTS = TransferConfig(multipart_threshold=256 << 20, multipart_chunksize=256 << 20, use_threads=False)
"""A part is copied in seconds, long before a silent server counts as gone; 10,000 parts, the most that S3 takes, are 2.4 TiB."""


def copy_open(client: Any, place: ArchivePlace, key: str, etag: str, arguments: Mapping[str, Any]) -> None:
    """Copy one version of an upload under the same key into the public bucket, unless that version is there already.

    What the uploader said about the object, such as its content type, is not taken along: a browser would believe it.

    Args:
        client: A boto3 client.
        place: Both buckets.
        key: Of the upload.
        etag: Of its version.
        arguments: Content type, metadata and ACL of the copy, as boto3 names them.

    Raises:
        ClientError: Code 404 or 412 when the key holds another version by now.
    """
    target = place.at(OPEN_COPY + key)
    if _source(client, target) == etag:
        return
    metadata = {**arguments["Metadata"], SOURCE: etag}
    extra = {**arguments, "Metadata": metadata, "MetadataDirective": "REPLACE", "CopySourceIfMatch": f'"{etag}"'}
    client.copy(place.at(key), **target, ExtraArgs=extra, Config=IN_PARTS)


def _source(client: Any, target: Mapping[str, str]) -> str | None:
    """Return of which version a copy was made; None where there is none."""
    try:
        return str(client.head_object(**target)["Metadata"].get(SOURCE))
    except ClientError as err:
        if err.response["Error"]["Code"] == "404":
            return None
        raise
