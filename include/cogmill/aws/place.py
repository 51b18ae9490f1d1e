"""Where the objects of an archive lie: the only module that knows that keys in the bucket may begin with a prefix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """A bucket, or what lies below a prefix of one that others use too.

    Everywhere else, in the ledger too, keys are without the prefix.

    >>> ArchivePlace("shared", "aerials/").at("mapfiles/x.map")
    {'Bucket': 'shared', 'Key': 'aerials/mapfiles/x.map'}
    >>> str(ArchivePlace("shared", "aerials/")), str(ArchivePlace("cogmill"))
    ('shared/aerials', 'cogmill')
    """

    bucket: str
    prefix: str = ""
    """What keys in the bucket begin with, up to and with a slash; empty: the archive has the bucket for itself."""

    def __str__(self) -> str:
        """Return bucket and prefix as people write them."""
        return f"{self.bucket}/{self.prefix}".removesuffix("/")

    def at(self, key: str) -> dict[str, str]:
        """Return where a key lies, as boto3 takes it."""
        return {"Bucket": self.bucket, "Key": self.prefix + key}

    def uri(self, key: str = "") -> str:
        """Return `s3://<bucket>/<prefix><key>`."""
        return f"s3://{self.bucket}/{self.prefix}{key}"

    @property
    def gdal_root(self) -> str:
        """What paths of GDAL and MapServer begin with: `/vsis3/<bucket>/<prefix>`."""
        return f"/vsis3/{self.bucket}/{self.prefix}"

    def holds(self, stored: str) -> bool:
        """Tell whether a key of the bucket belongs to the archive."""
        return stored.startswith(self.prefix)

    def key(self, stored: str) -> str:
        """Return a key of the bucket that belongs to the archive, without the prefix."""
        return stored[len(self.prefix) :]
