"""The group of settings that say where the archive lies and where people find it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from cogmill.config.values import Prefix, PublicBucket, Url


class BucketSettings(BaseModel):
    """Bucket and addresses."""

    bucket: str = Field("cogmill", min_length=3, max_length=63)
    """S3 bucket that holds the uploads and, without `COGMILL_PUBLIC_BUCKET`, everything derived from them."""
    prefix: Prefix = ""
    """Folder in that bucket, such as `archives/aerials`, where others use the rest: no key outside of it is listed, read or written. Empty: all of the bucket."""
    public_bucket: PublicBucket = ""
    """S3 bucket of its own for what is public, below the same prefix: COGs, index files, pages, catalogs and copies of scans. Empty: they lie beside the uploads."""
    public_url: Url = "http://127.0.0.1:9000/cogmill"
    """Base URL of public downloads: this URL, a slash and a key are the address of an object. With `COGMILL_PREFIX`, the address of that folder; with `COGMILL_PUBLIC_BUCKET`, of that bucket."""
    mapserver_url: Url = "http://127.0.0.1:8081"
    """Base URL of the map services as clients call them, without `/wms/?map=`."""
    public_acl: Literal["", "public-read"] = ""
    """Canned ACL of the objects that are open to the public. Empty: a bucket policy grants access."""

    @model_validator(mode="after")
    def _buckets_differ(self) -> Self:
        if self.public_bucket == self.bucket:
            raise ValueError(
                "COGMILL_PUBLIC_BUCKET is COGMILL_BUCKET: leave it empty where uploads and what is public share a bucket"
            )
        return self
