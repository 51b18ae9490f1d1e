"""One step of `bench.scale` in a process of its own, so that its memory is its own: `python -m bench.scale_steps STEP ENDPOINT`."""

from __future__ import annotations

import sys

from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.ledger.uploads import Watermark
from cogmill.pipeline import Archive, ingest
from cogmill.pipeline import export as compilation

from bench import listing

BUCKET = "cogmill"


def sweep(archive: Archive) -> None:
    """Compare every key of the bucket with the ledger, as after an hour or a restart; nothing is new."""
    waiting = archive.ledger.uploads.due_collections(0, at_most=1_000_000)
    archive.ledger.uploads.mark_triggered(waiting)  # their runs were asked for: that is no news
    archive.ledger.uploads.set_watermark(Watermark(None, None))
    going_on = True
    while going_on:
        if ingest.has_new_uploads(archive):
            sys.exit("the sweep found news in an unchanged bucket")
        going_on = archive.ledger.uploads.sweep_progress() is not None


def compile_all(archive: Archive) -> None:
    """Write, verify and upload all formats and the catalog."""
    compiled = compilation.compile_indexes(archive)
    if compiled.broken or not compiled.uploaded:
        sys.exit(f"not compiled: {compiled}")


STEPS = {"sweep": sweep, "compile": compile_all}


def main() -> None:
    """Run one step with the ledger of libpq's variables."""
    step, endpoint = sys.argv[1:]
    ledger = Ledger.connect()
    STEPS[step](Archive(S3Store(listing.client(endpoint), BUCKET), ledger, Settings(_env_file=None, bucket=BUCKET)))
    ledger.close()


if __name__ == "__main__":
    main()
