"""Store a file where nothing is: with one PUT, or in parts, for S3 takes 5 GiB at once and a large PUT that breaks off begins anew.

Parts are not sent by boto3's `upload_fileobj`: its `s3transfer` takes no `IfNoneMatch`, and a COG must never replace what is at its
key.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cogmill.aws.unfinished_uploads import abort
from cogmill.domain.errors import ServiceUnavailableError

log = logging.getLogger(__name__)

MULTIPART_FROM = 1 << 30
"""Bytes of a file from which on it is sent in parts. Smaller ones go with one PUT, whose hash the store checks as a whole."""

PART_BYTES = 64 << 20
"""Bytes of a part: 10,000 parts, the most that S3 takes, are 625 GiB."""


def create_once(
    client: Any, target: Mapping[str, str], source: Path, sha256: str, arguments: Mapping[str, Any]
) -> None:
    """Store a file under a key that holds nothing; the store checks its sha256, or that of each part, on arrival.

    Args:
        client: A boto3 client.
        target: `Bucket` and `Key`.
        source: The file.
        sha256: Its hash.
        arguments: Content type, metadata and ACL, as boto3 names them.

    Raises:
        ClientError: Code PreconditionFailed when the key holds something already.
    """
    if source.stat().st_size >= MULTIPART_FROM:
        _require_absent(client, target)  # before gigabytes are sent, and for stores that do not look at the end
        _create_in_parts(client, target, source, arguments)
        return
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    with source.open("rb") as body:
        client.put_object(**target, Body=body, ChecksumSHA256=checksum, IfNoneMatch="*", **arguments)


def _require_absent(client: Any, target: Mapping[str, str]) -> None:
    try:
        client.head_object(**target)
    except ClientError as err:
        if err.response["Error"]["Code"] == "404":
            return
        raise
    raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "HeadObject")


def _create_in_parts(client: Any, target: Mapping[str, str], source: Path, arguments: Mapping[str, Any]) -> None:
    """Send a file part by part; parts that were sent are given up when the rest cannot be."""
    begun = client.create_multipart_upload(**target, ChecksumAlgorithm="SHA256", **arguments)
    upload = {**target, "UploadId": begun["UploadId"]}
    try:
        parts: list[dict[str, Any]] = []
        with source.open("rb") as body:
            while part := body.read(PART_BYTES):
                checksum = base64.b64encode(hashlib.sha256(part).digest()).decode()
                about = {"PartNumber": len(parts) + 1, "ChecksumSHA256": checksum}
                parts.append({**about, "ETag": client.upload_part(**upload, Body=part, **about)["ETag"]})
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    except BaseException:
        _give_up(client, target, begun["UploadId"])
        raise


def _give_up(client: Any, target: Mapping[str, str], upload_id: str) -> None:
    """Abort an upload; when that fails too, say so and let the cause be raised: maintenance aborts what nobody finished."""
    try:
        abort(client, target["Bucket"], {"Key": target["Key"], "UploadId": upload_id})
    except ServiceUnavailableError as err:
        log.warning("upload_not_aborted fault=%s", err)
