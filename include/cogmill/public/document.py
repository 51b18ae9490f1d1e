"""One static file that anybody may read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

HTML = "text/html; charset=utf-8"
JSON = "application/json"
GEOJSON = "application/geo+json"
XML = "application/xml"
TEXT = "text/plain; charset=utf-8"

ASKED_AGAIN = "public, no-cache"
"""Copies may be kept, and are asked for by their ETag before they are shown: a publication is seen at once."""

NOT_IN_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535), " ")
"""Characters that no XML document may hold, escaped or not."""


@dataclass(frozen=True)
class Document:
    """A file of the bucket, whole."""

    key: str
    """Key in the bucket, such as `catalog/<collection id>/index.html`."""
    content: bytes | Callable[[], bytes]
    """The body, or what writes it when it is asked for."""
    content_type: str
    cache_control: str = ""
    """How long copies may be kept; empty: they are asked for again each time."""
    encoding: str = ""
    """How the body is encoded, such as `gzip`; empty: as it is."""
    made_of: str | None = None
    """Digest of everything that decides what the body says, so that it need not be written to tell whether it changed; None: not known."""

    @cached_property
    def body(self) -> bytes:
        """The file's bytes; they are written once."""
        return self.content if isinstance(self.content, bytes) else self.content()

    @cached_property
    def sha256(self) -> str:
        """Hash of the body, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()


def in_groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield documents, or what stands for them, in lists that are handled together, without ever holding all of them."""
    items = iter(items)
    while group := list(islice(items, size)):
        yield group


def compact_json(content: object) -> bytes:
    """Return values as JSON in one line, for programs."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def readable_json(content: object) -> bytes:
    """Return values as JSON that people can read too, with a line break at its end."""
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def xml_text(text: str) -> str:
    """Return a text with spaces in the places of characters that no XML document may hold."""
    return text.translate(NOT_IN_XML)


def compared(
    documents: Iterable[Document], known: Mapping[str, tuple[str, str | None]]
) -> tuple[list[Document], list[Document]]:
    """Return the documents with other bytes than the bucket has, and those that had to be written to see that they have the same.

    One that is made of what it was made of is in neither list, and not written.

    Args:
        documents: As they would be written.
        known: Key -> sha256 and `made_of` of those in the bucket.
    """
    changed: list[Document] = []
    same: list[Document] = []
    for document in documents:
        sha256, made_of = known.get(document.key, ("", None))
        if made_of is None or document.made_of != made_of:
            (same if document.sha256 == sha256 else changed).append(document)
    return changed, same
