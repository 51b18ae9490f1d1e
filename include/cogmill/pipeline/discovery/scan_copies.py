"""Copies of scans for the public, where the archive has a bucket of its own for it: scans are uploads, and those lie in the other one.

They are files for the public like pages and lists: the ledger records which version each was made of, and maintenance finds those that
are missing or altered.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cogmill.aws.client_limits import CONNECTIONS
from cogmill.aws.s3 import PutOptions
from cogmill.domain.errors import ObjectRefusedError, SourceChangedError
from cogmill.domain.keys import OPEN_COPY
from cogmill.ledger.connection import Row
from cogmill.pipeline.archive import Archive
from cogmill.public.document import ASKED_AGAIN, in_groups

log = logging.getLogger(__name__)

RECORDED_AT_ONCE = 100
"""Scans after which the ledger hears of those that were copied or deleted."""


def open_scans(archive: Archive, collection_id: str) -> list[str]:
    """Copy the scans that the public may have into the public bucket, before anything links to them; return what was copied.

    A scan that was replaced or deleted since it was noticed, or that S3 refuses, is named in the log and left for the next run; nothing
    else waits for it. The work is that of what is new.

    Raises:
        ServiceUnavailableError: S3 or the ledger went away; the next run continues.
    """
    if not archive.store.place.public:
        return []
    ledger, copied = archive.ledger.public_documents, list[str]()
    with ThreadPoolExecutor(CONNECTIONS) as pool:  # S3 does the work
        for group in in_groups(ledger.scans_to_open(collection_id), RECORDED_AT_ONCE):
            done = [row for row in pool.map(partial(_copied, archive), group) if row]
            ledger.note(f"{collection_id}/open", done)
            copied += [str(row["key"]) for row in done]
    log.info("scans_opened collection=%s scans=%d", collection_id, len(copied))
    return copied


def close_scans(archive: Archive, collection_id: str) -> list[str]:
    """Delete the copies of scans that nothing published leads to any more; return their names."""
    ledger = archive.ledger.public_documents
    closed = ledger.scans_to_close(collection_id) if archive.store.place.public else []
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for group in in_groups(closed, RECORDED_AT_ONCE):
            list(pool.map(archive.store.delete, group))
            ledger.forget(group)
    return closed


def _copied(archive: Archive, scan: Row) -> Row | None:
    """Copy one scan; return what the ledger keeps of the copy, None where there is none."""
    key, etag = scan["key"], scan["etag"]
    options = PutOptions("image/tiff", acl=archive.settings.public_acl, cache_control=ASKED_AGAIN)
    try:
        archive.store.open_copy(key, etag, options)
    except (SourceChangedError, ObjectRefusedError) as err:
        log.warning("scan_not_opened key=%s fault=%s; the next run looks again", key, err)
        return None
    # nobody reads its bytes, so their hash is not known
    return {"key": OPEN_COPY + key, "sha256": "", "size": scan["size"], "made_of": etag}
