"""Ask COGs that were built before it was asked how well their outline tells which of their pixels are valid, and where those lie."""

from __future__ import annotations

import logging
from pathlib import Path

from cogmill.cog.output.levels import level_sizes
from cogmill.cog.output.outline import outline_margin
from cogmill.cog.rasters import rasterio
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


def learn_outline(archive: Archive, cog_key: str, outline: bytes, file: Path) -> None:
    """Compare the mask of a COG with its outline, and read its pixel grid.

    A frame hides those below it from maps only when the first is known (`frames_on_map`), and STAC items tell the second. A COG that cannot be read is left for the next
    time: its turn comes again.

    Args:
        archive: Clients and settings.
        cog_key: A COG whose bytes are right.
        outline: Its outline, WKB in EPSG:3857 meters.
        file: Its bytes.

    Raises:
        ServiceUnavailableError: The ledger went away.
    """
    try:
        margin, transform = _read(file, outline)
    except rasterio.errors.RasterioError as err:
        log.warning("outline_not_learned key=%s error=%s", cog_key, err)
        return
    archive.ledger.findings.note_outline(cog_key, margin, transform)
    log.info("outline_learned key=%s margin_m=%s", cog_key, margin)


def _read(path: Path, outline: bytes) -> tuple[float | None, tuple[float, ...]]:
    """Return the outline margin of a COG and the coefficients of its transform."""
    with rasterio.open(path, driver="GTiff") as cog:
        coarsest = 2 ** (len(level_sizes(cog.width, cog.height)) - 1)
        margin = outline_margin(outline, cog.dataset_mask(), cog.transform, coarsest)
        return margin, tuple(cog.transform)[:6]
