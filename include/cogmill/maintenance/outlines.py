"""Ask COGs that were built before it was asked how well their outline tells which of their pixels are valid."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio

from cogmill.cog.output.levels import level_sizes
from cogmill.cog.output.outline import outline_margin
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


def learn_outlines(archive: Archive, cog_keys: Sequence[str]) -> int:
    """Compare the mask of COGs with their outline, where that is not known yet; return how many were compared.

    A frame hides those below it from maps only when this is known (`frames_on_map`). A COG that cannot be read is left for the next
    time: its turn comes again.

    Args:
        archive: Clients and settings.
        cog_keys: COGs that were read and are right.

    Raises:
        ServiceUnavailableError: S3 or the ledger went away.
    """
    learned = 0
    for cog_key, outline in archive.ledger.findings.unknown_outlines(cog_keys):
        data = archive.store.read(cog_key)
        if data is None:
            continue
        with TemporaryDirectory(prefix="cogmill-outline-") as folder:
            path = Path(folder) / "frame.tif"
            path.write_bytes(data)
            try:
                margin = _margin(path, outline)
            except rasterio.errors.RasterioError as err:
                log.warning("outline_not_learned key=%s error=%s", cog_key, err)
                continue
        archive.ledger.findings.note_outline(cog_key, margin)
        learned += 1
    log.info("outlines_learned cogs=%d", learned)
    return learned


def _margin(path: Path, outline: bytes) -> float | None:
    with rasterio.open(path, driver="GTiff") as cog:
        coarsest = 2 ** (len(level_sizes(cog.width, cog.height)) - 1)
        return outline_margin(outline, cog.dataset_mask(), cog.transform, coarsest)
