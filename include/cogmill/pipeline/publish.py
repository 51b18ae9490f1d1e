"""COGs to services: tile index, downloadable index files, mapfile. Visible last, leaves first."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from include.cogmill import keys
from include.cogmill.ledger.base import Row
from include.cogmill.ledger.collections import CollectionState, ServiceFacts
from include.cogmill.mapfile import Service, render
from include.cogmill.model import Bands, Collection
from include.cogmill.pipeline.mill import Mill
from include.cogmill.render_proof import prove_service
from include.cogmill.store import Upload
from include.cogmill.tile_index import IndexRow, index_row, write_index_files

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexChange:
    """How many rows of a tile index were written and removed."""

    written: int
    removed: int


@dataclass(frozen=True, slots=True)
class Published:
    """What the publication of a mapfile did."""

    changed: bool
    """A new mapfile is out, or the service was withdrawn."""
    frames: int
    """Frames that became public with it."""
    service_url: str
    """Address of the service up to and including `map=...&`; empty when it was withdrawn."""


def update_tile_index(mill: Mill, collection_id: str) -> IndexChange:
    """Bring the tile index to what the ledger says, in one transaction; work is proportional to what changed."""
    state = mill.ledger.collections.state(collection_id)
    candidates = mill.ledger.collections.index_candidates(collection_id)
    rows = [_as_values(_index_row(mill, state.collection, facts)) for facts in candidates]
    written, removed = mill.ledger.collections.change_index(collection_id, mill.vsi_root, rows)
    log.info("tile_index_updated collection=%s written=%d removed=%d", collection_id, written, removed)
    return IndexChange(written, removed)
