"""Where the objects of an archive lie: the only module that knows of a prefix of keys, and of a bucket of its own for what is public."""

from __future__ import annotations

from dataclasses import dataclass

from cogmill.domain.keys import OPEN_COPY
from cogmill.domain.public_access import lies_open


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """A bucket, or what lies below a prefix of one that others use too, and perhaps a second one for what is public.

    Everywhere else, in the ledger too, keys name neither bucket nor prefix. What lies in the public bucket under the key of an upload
    is called by `OPEN_COPY` and that key.

    >>> ArchivePlace("shared", "aerials/").at("mapfiles/x.map")
    {'Bucket': 'shared', 'Key': 'aerials/mapfiles/x.map'}
    >>> str(ArchivePlace("shared", "aerials/")), str(ArchivePlace("cogmill")), str(ArchivePlace("uploads", public="open"))
    ('shared/aerials', 'cogmill', 'uploads open')
    >>> ArchivePlace("uploads", public="open").uri("catalog/index.html")
    's3://open/catalog/index.html'
    """

    bucket: str
    prefix: str = ""
    """What keys in the bucket begin with, up to and with a slash; empty: the archive has the bucket for itself."""
    public: str = ""
    """Bucket of what is public, with the same prefix; empty: it lies beside the uploads."""

    def __str__(self) -> str:
        """Return bucket and prefix as people write them, then the public bucket."""
        place = f"{self.bucket}/{self.prefix}".removesuffix("/")
        return f"{place} {self.public}" if self.public else place

    @property
    def sides(self) -> tuple[ArchivePlace, ...]:
        """Its buckets one by one, that of the uploads first."""
        return tuple(ArchivePlace(bucket, self.prefix) for bucket in (self.bucket, self.public) if bucket)

    @property
    def open_side(self) -> ArchivePlace:
        """The bucket of what is public."""
        return self.sides[-1]

    def side(self, key: str) -> ArchivePlace:
        """Return the bucket in which a key lies, or what lies below a prefix of keys."""
        is_open = self.public and (key.startswith(OPEN_COPY) or lies_open(key))
        return self.open_side if is_open else self.sides[0]

    def name(self, key: str, side: ArchivePlace) -> str | None:
        """Return what an object of one of the buckets is called; None for one that belongs into the public bucket and lies in the other."""
        is_there = side.bucket == self.public
        if not self.public or lies_open(key) == is_there:
            return key
        return OPEN_COPY + key if is_there else None

    def at(self, key: str) -> dict[str, str]:
        """Return where a key lies, as boto3 takes it."""
        stored = key.removeprefix(OPEN_COPY) if self.public else key
        return {"Bucket": self.side(key).bucket, "Key": self.prefix + stored}

    def uri(self, key: str = "") -> str:
        """Return `s3://<bucket>/<prefix><key>`."""
        return "s3://{Bucket}/{Key}".format(**self.at(key))

    def gdal_root(self, key: str) -> str:
        """Return what the path of a key begins with in GDAL and MapServer: `/vsis3/<bucket>/<prefix>`."""
        return f"/vsis3/{self.side(key).bucket}/{self.prefix}"

    def holds(self, stored: str) -> bool:
        """Tell whether a key of the bucket belongs to the archive."""
        return stored.startswith(self.prefix)

    def key(self, stored: str) -> str:
        """Return a key of the bucket that belongs to the archive, without the prefix."""
        return stored[len(self.prefix) :]
