"""Update the overviews of a collection and be killed at one of the steps: `python killed_run.py STEP BUCKET ENDPOINT LIBPQ_AS_JSON`."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from typing import Any

MOST_FRAMES = 2
"""A collection of more frames has overviews here."""

STEPS = {
    "fetched": ("cogmill.overviews.pool", "", "fetch_parts"),
    "first cell stored": ("cogmill.aws.s3", "S3Store", "create"),
    "worked out": ("cogmill.pipeline.update_overviews", "", "_store_thumbnails"),
    "rows written, not committed": ("cogmill.ledger.overview_cells", "OverviewCells", "_rows"),
    "committed": ("cogmill.ledger.overview_cells", "OverviewCells", "change"),
    "mapfile replaced": ("cogmill.aws.s3", "S3Store", "replace"),
    "published": ("cogmill.pipeline.update_overviews", "", "publish_mapfile"),
}
"""What has been done last when the process is killed: a function of a module, or of a class in it."""


def kill_after(step: str) -> None:
    """Let this process kill itself as soon as a step is done."""
    import importlib

    module, owner, name = STEPS[step]
    target: Any = importlib.import_module(module)
    target = getattr(target, owner) if owner else target
    original = getattr(target, name)

    @functools.wraps(original)
    def last(*args: Any, **kwargs: Any) -> Any:
        done = original(*args, **kwargs)
        wanted = {"_rows": "insert_cells", "replace": "mapfiles/travis_usda_1951_frames.map"}.get(name)
        if wanted is None or wanted in args:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(target, name, last)


def main() -> None:
    """Run once."""
    import boto3
    from cogmill.aws.s3 import S3Store
    from cogmill.config.settings import Settings
    from cogmill.ledger import Ledger
    from cogmill.pipeline import Archive, publish, update_overviews

    step, bucket, endpoint, libpq = sys.argv[1:]
    update_overviews.MOST_FRAMES = MOST_FRAMES
    publish.verify_draft = lambda *args: None  # how it draws is tested elsewhere
    kill_after(step)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="only",
        aws_secret_access_key="for-tests",
    )
    ledger = Ledger.connect(**json.loads(libpq))
    archive = Archive(S3Store(client, bucket), ledger, Settings(_env_file=None, bucket=bucket))
    update_overviews.update_overviews(archive, "travis_usda_1951_frames")


if __name__ == "__main__":
    main()
