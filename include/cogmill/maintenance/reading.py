"""Read stored objects again, and tell which have other bytes than they were stored with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cogmill.aws.s3 import S3Store


@dataclass(frozen=True, slots=True)
class ReadObject:
    """One object that was read to its end."""

    key: str
    size: int
    """Bytes."""
    sha256: str
    is_right: bool
    """It has the hash that was expected."""


def read_again(
    store: S3Store, hashes: Mapping[str, str], copies: Mapping[str, Path] = MappingProxyType({})
) -> Iterator[ReadObject]:
    """Read objects and compare them with their sha256, one after the other; those that are gone are left out.

    Args:
        store: The bucket.
        hashes: What is expected, by key.
        copies: Files that hold the bytes of some objects while they are yielded, by key.
    """
    for key, sha256 in hashes.items():
        found = store.digest(key, copies.get(key))
        if found is not None:
            yield ReadObject(key, found[1], found[0], found[0] == sha256)
