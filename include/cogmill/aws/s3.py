"""Read and write the archive's buckets: the only module that calls S3. Receives a ready boto3 client, and its credentials with it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from cogmill.aws import unfinished_uploads
from cogmill.aws.botocore_internals import set_timestamp_parser
from cogmill.aws.create_once import create_once
from cogmill.aws.gdal_environment import SigningCredentials, gdal_environment
from cogmill.aws.listing import Listing, list_pages, parse_time
from cogmill.aws.open_copy import copy_open
from cogmill.aws.place import ArchivePlace
from cogmill.aws.read_through import read_through
from cogmill.aws.s3_errors import translated
from cogmill.domain.errors import (
    ConflictingObjectError,
    ObjectRefusedError,
    ServiceUnavailableError,
    SourceChangedError,
)
from cogmill.domain.model import StoredObject

SHA256 = "sha256"
"""Metadata key under which every COG carries its own hash."""


@dataclass(frozen=True, slots=True)
class PutOptions:
    """Content type, metadata and ACL with which an object is stored."""

    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    acl: str = ""
    """Canned ACL; empty sends none."""
    cache_control: str = ""
    """How long copies may be kept; empty says nothing."""
    content_encoding: str = ""
    """How the bytes are encoded, such as `gzip`; empty: as they are."""

    def with_sha256(self, sha256: str) -> PutOptions:
        """Return these options with the hash of the object in its metadata."""
        return replace(self, metadata={**self.metadata, SHA256: sha256})

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments for boto3."""
        extra = {"ACL": self.acl} if self.acl else {}
        extra |= {"CacheControl": self.cache_control} if self.cache_control else {}
        extra |= {"ContentEncoding": self.content_encoding} if self.content_encoding else {}
        return {"ContentType": self.content_type, "Metadata": dict(self.metadata), **extra}


class S3Store:
    """One bucket, or what lies below a prefix of it, and perhaps a second one for what is public; keys name neither bucket nor prefix.

    Every method raises ServiceUnavailableError when S3 cannot answer; botocore has retried by then.
    """

    def __init__(self, client: Any, bucket: str, prefix: str = "", public: str = "") -> None:
        self._client = client
        self.place = ArchivePlace(bucket, prefix, public)
        self._credentials = SigningCredentials(client)
        set_timestamp_parser(client, parse_time)

    @property
    def bucket(self) -> str:
        """Name of the bucket of uploads."""
        return self.place.bucket

    def pages(
        self,
        prefix: str = "",
        skip: Callable[[str], str | None] | None = None,
        after: str = "",
        side: ArchivePlace | None = None,
    ) -> Iterator[Listing]:
        """List keys of one bucket page by page, as they are there: one LIST call per 1,000 keys and no other request.

        Args:
            prefix: Where the keys begin.
            skip: Returns the folder of a key of which the rest need not be listed, None for others. A page that ends in such a folder is
                followed by the one behind the folder, so skipping never costs a request.
            after: The key behind which the listing begins; empty for all.
            side: Which of the place's buckets; None: that in which the prefix lies, for an empty one that of the uploads.
        """
        return list_pages(self._client, side or self.place.side(prefix), prefix, skip, after)

    def download(self, key: str, etag: str, target: Path) -> str:
        """Fetch exactly this version into a file with one GET and return its sha256.

        Raises:
            SourceChangedError: The key is gone or holds another version now.
            ObjectRefusedError: S3 does not hand it out.
        """
        with translated(f"get {self.place.uri(key)}", ObjectRefusedError), target.open("wb") as out:
            answer = self._client.get_object(**self.place.at(key), IfMatch=f'"{etag}"')
            sha256, size = read_through(answer["Body"], out)
            if size != answer["ContentLength"]:
                raise ServiceUnavailableError(f"{self.place.uri(key)} ended after {size} bytes")
        return sha256

    def create(self, key: str, source: Path, sha256: str, options: PutOptions) -> bool:
        """Store a file, a large one in parts, under a key that names its content; return False when it is there already.

        The store checks the sha256 on arrival, so a body damaged in transit is rejected.

        Raises:
            ConflictingObjectError: The key holds other bytes.
            ObjectRefusedError: S3 does not take this object.
        """
        try:
            with translated(f"put {self.place.uri(key)}", ObjectRefusedError):
                arguments = options.with_sha256(sha256).arguments()
                create_once(self._client, self.place.at(key), source, sha256, arguments)
        except SourceChangedError:
            if self._holds(key, sha256):
                return False
            raise ConflictingObjectError(f"{self.place.uri(key)} exists with other bytes") from None
        return True

    def _holds(self, key: str, sha256: str) -> bool:
        """Tell whether a key holds these bytes; an object that was copied without its metadata is read."""
        try:
            with translated(f"read {self.place.uri(key)}", ObjectRefusedError):
                head = self._client.head_object(**self.place.at(key))
                found = head["Metadata"].get(SHA256) or self._digest(key)[0]
        except (ObjectRefusedError, SourceChangedError):
            return False
        return bool(found == sha256)

    def replace(self, key: str, body: bytes, options: PutOptions) -> None:
        """Store bytes under a fixed key with one PUT; readers see the old or the new object, never a mixture."""
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with translated(f"put {self.place.uri(key)}"):
            self._client.put_object(**self.place.at(key), Body=body, ChecksumSHA256=checksum, **options.arguments())

    def claim(self, key: str, body: bytes, options: PutOptions) -> bool:
        """Store bytes under a key that is free, with one PUT; return False when it holds something already."""
        try:
            with translated(f"put {self.place.uri(key)}"):
                self._client.put_object(**self.place.at(key), Body=body, IfNoneMatch="*", **options.arguments())
        except SourceChangedError:
            return False
        return True

    def replace_file(self, key: str, source: Path, options: PutOptions) -> bool:
        """Store a file under a fixed key with one PUT when the key does not hold these bytes; tell whether it was stored."""
        with source.open("rb") as body:
            digest = hashlib.file_digest(body, "sha256")
            sha256 = digest.hexdigest()
            if self.sha256(key) == sha256:
                return False
            body.seek(0)
            checksum = base64.b64encode(digest.digest()).decode()
            arguments = options.with_sha256(sha256).arguments()
            with translated(f"put {self.place.uri(key)}"):
                self._client.put_object(**self.place.at(key), Body=body, ChecksumSHA256=checksum, **arguments)
        return True

    def read(self, key: str, first: int = 0, size: int | None = None) -> bytes | None:
        """Return a small object, or so many of its bytes from one on, fewer at its end; None when there is no such object."""
        part = {} if size is None else {"Range": f"bytes={first}-{first + size - 1}"}
        try:
            with translated(f"get {self.place.uri(key)}"):
                body: bytes = self._client.get_object(**self.place.at(key), **part)["Body"].read()
                return body
        except SourceChangedError:
            return None

    def sha256(self, key: str) -> str | None:
        """Return the hash in an object's metadata, empty without one, by one HEAD; None when the key does not exist."""
        try:
            with translated(f"head {self.place.uri(key)}"):
                head = self._client.head_object(**self.place.at(key))
        except SourceChangedError:
            return None
        value: str = head["Metadata"].get(SHA256, "")
        return value

    def find(self, key: str) -> StoredObject | None:
        """Return what a key holds now, by one HEAD; None when it does not exist.

        Raises:
            ObjectRefusedError: S3 does not tell.
        """
        try:
            with translated(f"head {self.place.uri(key)}", ObjectRefusedError):
                head = self._client.head_object(**self.place.at(key))
        except SourceChangedError:
            return None
        return StoredObject(key, head["ETag"].strip('"'), head["ContentLength"], head["LastModified"])

    def delete(self, key: str) -> None:
        """Remove a key; a key that does not exist is no error."""
        with translated(f"delete {self.place.uri(key)}"):
            self._client.delete_object(**self.place.at(key))

    def digest(self, key: str, copy: Path | None = None) -> tuple[str, int] | None:
        """Read a whole object, into a file too where one is named, and return the sha256 and number of its bytes; None when there is none."""
        try:
            with translated(f"get {self.place.uri(key)}"), copy.open("wb") if copy else nullcontext() as out:
                return self._digest(key, out)
        except SourceChangedError:
            return None

    def _digest(self, key: str, out: BinaryIO | None = None) -> tuple[str, int]:
        return read_through(self._client.get_object(**self.place.at(key))["Body"], out)

    def require_answer(self) -> None:
        """Raise ServiceUnavailableError unless S3 answers one HEAD of the bucket, even if it refuses it."""
        with (
            suppress(ObjectRefusedError, SourceChangedError),
            translated(f"head s3://{self.bucket}", ObjectRefusedError),
        ):
            self._client.head_bucket(Bucket=self.bucket)

    def move(self, key: str, target: str) -> bool:
        """Move an object to another key without downloading it; False when there is none."""
        try:
            with translated(f"move {self.place.uri(key)}"):
                self._client.copy_object(**self.place.at(target), CopySource=self.place.at(key))
        except SourceChangedError:
            return False
        self.delete(key)
        return True

    def open_copy(self, key: str, etag: str, options: PutOptions) -> None:
        """Copy this version of an upload into the public bucket, unless it is there.

        Raises:
            SourceChangedError: The key is gone or holds another version now.
            ObjectRefusedError: S3 does not copy it.
        """
        with translated(f"copy {self.place.uri(key)} for the public", ObjectRefusedError):
            copy_open(self._client, self.place, key, etag, options.arguments())

    def abort_uploads(self, before: dt.datetime) -> list[str]:
        """Abort multipart uploads begun before a moment, whose parts are stored and paid for; return their keys."""
        return [
            key for side in self.place.sides for key in unfinished_uploads.abort_uploads(self._client, side, before)
        ]

    def set_acl(self, key: str, acl: str) -> None:
        """Put a canned ACL on an existing object."""
        with translated(f"set the ACL of {self.place.uri(key)}"):
            self._client.put_object_acl(**self.place.at(key), ACL=acl)

    def gdal_environment(self) -> dict[str, str]:
        """Return the environment with which GDAL in MapServer reads this bucket by `/vsis3/`; holds the credentials."""
        if not self._credentials.are_known:
            self.require_answer()
        return gdal_environment(self._client, self._credentials.current())
