"""One static file that anybody may read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

HTML = "text/html; charset=utf-8"
JSON = "application/json"
GEOJSON = "application/geo+json"
XML = "application/xml"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Document:
    """A file of the bucket, whole."""

    key: str
    """Key in the bucket, such as `catalog/<collection id>/index.html`."""
    body: bytes
    content_type: str
    cache_control: str = ""
    """How long copies may be kept; empty: they are asked for again each time."""
    encoding: str = ""
    """How the body is encoded, such as `gzip`; empty: as it is."""

    @cached_property
    def sha256(self) -> str:
        """Hash of the body, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()
