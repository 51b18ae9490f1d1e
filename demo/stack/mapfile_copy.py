"""The mapfile folder without FUSE: a timed copy, switched as a whole.

Each change makes a new folder; one rename of a link publishes it, so a reader sees the old set or the new one. An S3
server that does not answer leaves the last copy in place.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.config
import botocore.exceptions
from cogmill.aws.place import ArchivePlace
from cogmill.domain.keys import MAPFILES

from demo.stack.paths import StackPaths, make_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERVAL_S = 2.0
"""Pause between two looks; about how late a new mapfile is seen."""

log = logging.getLogger("mapfile-copy")


def listing(client: Any, mapfiles: ArchivePlace) -> dict[str, str]:
    """Return name -> ETag of the mapfiles."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=mapfiles.bucket, Prefix=mapfiles.prefix)
    found = [(mapfiles.key(entry["Key"]), entry["ETag"]) for page in pages for entry in page.get("Contents", [])]
    return {name: etag for name, etag in found if name.endswith(".map") and "/" not in name}


def copy(client: Any, mapfiles: ArchivePlace, wanted: Mapping[str, str], paths: StackPaths) -> None:
    """Write all wanted mapfiles into a new folder and make it the visible one."""
    folder = paths.copies / f"{time.time_ns()}"
    make_folder(folder, 0o750, "www-data")
    for name in wanted:
        client.download_file(**mapfiles.at(name), Filename=str(folder / name))
        shutil.chown(folder / name, "www-data", "www-data")
        (folder / name).chmod(0o440)
    if paths.mapfiles.is_dir() and not paths.mapfiles.is_symlink():
        paths.mapfiles.rmdir()
    link = paths.copies / "next"
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    link.replace(paths.mapfiles)


def forget_old(paths: StackPaths) -> None:
    """Remove all copies but the visible one and its predecessor, which a request may still be reading."""
    folders = sorted((path for path in paths.copies.iterdir() if path.is_dir() and not path.is_symlink()), key=str)
    for folder in folders[:-2]:
        shutil.rmtree(folder)


def follow(client: Any, mapfiles: ArchivePlace, paths: StackPaths) -> None:
    """Copy whenever something changed, for ever."""
    seen: dict[str, str] | None = None
    while True:
        try:
            now = listing(client, mapfiles)
            if now != seen:
                copy(client, mapfiles, now, paths)
                forget_old(paths)
                seen = now
                log.info("mapfiles_copied count=%d", len(now))
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as err:
            log.warning("mapfiles_not_copied cause=%s", err)
        time.sleep(INTERVAL_S)


def main(root: str, url: str, bucket: str, prefix: str = "") -> None:
    """Run the copy for one stack."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.umask(0o027)
    quick = botocore.config.Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
    follow(
        boto3.client("s3", endpoint_url=url, config=quick),
        ArchivePlace(bucket, f"{prefix}{MAPFILES}"),
        StackPaths(Path(root)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
