"""The other ways of making the same COG, each as its users would type it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.inputs import Input
from bench.measure import NOTHING, Cost, run

WEB_MERCATOR = "EPSG:3857"
CLEAN = {"GDAL_TIFF_INTERNAL_MASK": "YES", "GDAL_CACHEMAX": "1024", "GDAL_NUM_THREADS": "ALL_CPUS"}


def old_chain(item: Input, source: Path, folder: Path) -> tuple[Cost, list[Path]]:
    """Run gdalwarp, gdal_translate, gdaladdo -ro and gdal_translate with the exact arguments of the predecessor.

    Returns:
        The cost, and the files in the order in which they travelled: each was put to S3 and fetched by the next step.
    """
    warped, packed, cog = folder / "warped.tif", folder / "packed.tif", folder / "cog.tif"
    cost = NOTHING
    if item.epsg == 3857:  # noqa: PLR2004 - the predecessor copied such frames within S3
        shutil.copy(source, warped)
    else:
        cost += run(["gdalwarp", "-q", "-overwrite", "-t_srs", WEB_MERCATOR, source, warped])
    tiled = ["-co", "tiled=yes", "-co", "BLOCKXSIZE=512", "-co", "BLOCKYSIZE=512"]
    choice = [part for number in range(1, item.bands + 1) for part in ("-b", str(number))]
    pack = ["-co", "NUM_THREADS=ALL_CPUS", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2"]
    cost += run(["gdal_translate", "-q", *choice, *tiled, *pack, warped, packed])
    cost += run(["gdaladdo", "-q", "-r", "average", "-ro", packed, "2", "4", "8", "16", "32", "64"])
    gray = ["-of", "GTiff", "-ot", "Byte", "-a_nodata", "256", *tiled, "-co", "COMPRESS=DEFLATE"]
    color = [
        *["-of", "GTiff", *tiled, "-co", "COMPRESS=JPEG", "-co", "JPEG_QUALITY=85"],
        *["-co", "PHOTOMETRIC=YCBCR"],
    ]
    last = ["-co", "COPY_SRC_OVERVIEWS=YES", "--config", "GDAL_TIFF_OVR_BLOCKSIZE", "512"]
    cost += run(["gdal_translate", "-q", *(gray if item.bands == 1 else color), *last, packed, cog])
    return cost, [source, warped, packed, folder / "packed.tif.ovr", cog]


def cog_options(item: Input) -> list[str]:
    """Return the creation options of GDAL's COG driver that equal our default profiles."""
    codec = ["COMPRESS=DEFLATE", "PREDICTOR=2"] if item.bands == 1 else ["COMPRESS=JPEG", "QUALITY=85"]
    options = [*codec, "BLOCKSIZE=512", "NUM_THREADS=ALL_CPUS", "OVERVIEW_RESAMPLING=AVERAGE"]
    return ["-of", "COG", *[part for option in options for part in ("-co", option)]]


def gdal_alone(item: Input, source: Path, folder: Path) -> tuple[Cost, Path]:
    """Run gdalwarp and gdal_translate -of COG with all threads and an internal mask, as well as we know how.

    The warp goes into a virtual file with an alpha band, which the translation turns into a mask: quicker than
    `gdalwarp -dstalpha -of COG`, which warps into a temporary file and keeps alpha as a second band.
    """
    cog, virtual = folder / "cog.tif", folder / "warped.vrt"
    if item.epsg == 3857:  # noqa: PLR2004
        return run(["gdal_translate", "-q", "-mask", "mask", *cog_options(item), source, cog], CLEAN), cog
    warp = ["-r", "bilinear", "-dstalpha", "-multi", "-wo", "NUM_THREADS=ALL_CPUS", "-wm", "512"]
    cost = run(["gdalwarp", "-q", "-overwrite", "-of", "VRT", "-t_srs", WEB_MERCATOR, *warp, source, virtual], CLEAN)
    bands = [part for number in range(1, item.bands + 1) for part in ("-b", str(number))]
    mask = ["-mask", str(item.bands + 1)]
    return cost + run(["gdal_translate", "-q", *bands, *mask, *cog_options(item), virtual, cog], CLEAN), cog


def gdal_one_step(item: Input, source: Path, folder: Path) -> tuple[Cost, Path]:
    """Run gdalwarp -dstalpha -of COG, the one command most people use; gray frames get an alpha band instead of a mask."""
    cog = folder / "cog.tif"
    if item.epsg == 3857:  # noqa: PLR2004
        return gdal_alone(item, source, folder)
    warp = ["-r", "bilinear", "-dstalpha", "-multi", "-wo", "NUM_THREADS=ALL_CPUS", "-wm", "512"]
    return run(
        ["gdalwarp", "-q", "-overwrite", "-t_srs", WEB_MERCATOR, *warp, *cog_options(item), source, cog], CLEAN
    ), cog


def rio_environment(folder: Path) -> Path:
    """Make, once, a virtual environment with rio-cogeo from its wheels, and return its `rio`."""
    home = folder / "rio-cogeo"
    rio = home / "bin" / "rio"
    if not rio.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "rio-cogeo==7.0.4", "rasterio==1.4.4"], check=True)
    return rio


def rio_cogeo(rio: Path, item: Input, source: Path, folder: Path) -> tuple[Cost, Path]:
    """Run rio warp and rio cogeo create, both with all threads, the mask made from what the warp left at 0."""
    warped, cog = folder / "rio.tif", folder / "cog.tif"
    cost, nodata = NOTHING, ["--add-mask"]
    if item.epsg != 3857:  # noqa: PLR2004
        how = ["--dst-crs", WEB_MERCATOR, "--resampling", "bilinear", "--threads", "2", "--overwrite"]
        cost += run([rio, "warp", source, warped, *how, "--src-nodata", "0", "--dst-nodata", "0"])
        source, nodata = warped, ["--add-mask", "--nodata", "0"]
    codec = ["-p", "deflate", "--co", "PREDICTOR=2"] if item.bands == 1 else ["-p", "jpeg", "--co", "QUALITY=85"]
    how = ["--blocksize", "512", "--overview-resampling", "average", "--threads", "2", "--quiet"]
    return cost + run([rio, "cogeo", "create", source, cog, *codec, *how, *nodata]), cog
