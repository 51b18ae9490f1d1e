"""Open an upload, and of a TIFF that holds several pages the picture, and not its thumbnail.

Only the driver of its format sees the file, only from the local disk, and it looks at nothing beside the file: sidecars that the site
takes are handed over by name, and read by `sidecar_files`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from osgeo import gdal

from cogmill.cog.source.gdal_types import Dataset
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.layout.formats import Format, format_of

MOST_PAGES = 64
"""Pages that are looked at; a file of more is no frame."""

MUCH_SMALLER = 0.5
"""Share of the largest page's pixels below which a page is a thumbnail, legend or preview of it."""

TIFF_MAGIC = {b"II*\0": "<I", b"MM\0*": ">I", b"II+\0": "<Q", b"MM\0+": ">Q"}
"""First four bytes of TIFF and BigTIFF, and how the offset of the first directory is written."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How GDAL opens the files of a format beside TIFF."""

    driver: str
    begins: bytes
    """First bytes of such a file."""
    options: tuple[str, ...] = ()


READERS = {
    # a file of boxes; one that is nothing but a codestream has no place for a position
    Format.JP2: Reader("JP2OpenJPEG", b"\0\0\0\x0cjP  \r\n\x87\n", ("GEOREF_SOURCES=INTERNAL",)),
    Format.IMG: Reader("HFA", b"EHFA_HEADER_TAG"),
}


def open_file(path: Path, threads: int) -> Dataset:
    """Open a local file with the driver of its format and no other, without anything that lies beside it.

    Args:
        path: Its name ends as its format says.
        threads: Threads that decode blocks.

    Raises:
        InvalidFrameError: It is no such file, ends too early, or has its pixels in another file.
        OSError: GDAL has no driver for it here; no fault of the file.
    """
    other = format_of(path.name)
    if other is not None:
        return _open_other(path, other)
    try:
        return _open_name(str(path), threads)
    except RuntimeError as err:
        raise _why_not_opened(path, str(err)) from err


def _open_name(name: str, threads: int) -> Dataset:
    """Open a path, or a page of a file by GDAL's name of it."""
    dataset: Dataset = gdal.OpenEx(
        name,
        gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR,
        allowed_drivers=["GTiff"],
        open_options=["GEOREF_SOURCES=INTERNAL", f"NUM_THREADS={threads}"],
    )
    return dataset


def _open_other(path: Path, form: Format) -> Dataset:
    """Open a local file of a format beside TIFF, with the errors of `open_file`."""
    reader = READERS[form]
    with path.open("rb") as file:
        head = file.read(len(reader.begins))
    if head != reader.begins:
        detail = f"the file does not begin like {form.label} but with {head!r}"
        raise InvalidFrameError(Reason.NOT_A_GEOTIFF, detail)
    if gdal.GetDriverByName(reader.driver) is None:
        raise OSError(f"GDAL has no driver {reader.driver} here, which the site file needs (formats: [{form}])")
    flags = gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR
    try:
        dataset: Dataset = gdal.OpenEx(
            str(path), flags, allowed_drivers=[reader.driver], open_options=list(reader.options)
        )
        files = dataset.GetFileList()
    except RuntimeError as err:
        detail = f"its header cannot be read, or the file ends too early ({' '.join(str(err).split())})"
        raise InvalidFrameError(Reason.NOT_A_GEOTIFF, detail) from err
    if files != [str(path)]:
        names = ", ".join(name.rpartition("/")[2] for name in files[1:])
        detail = f"its pixels lie in another file ({names[:100]}), which is not read: export it as one file"
        raise InvalidFrameError(Reason.NOT_A_GEOTIFF, detail)
    return dataset


def _why_not_opened(path: Path, message: str) -> InvalidFrameError:
    """Tell a TIFF that ends before its directory from a file that is no TIFF."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
    layout = TIFF_MAGIC.get(head[:4])
    if layout is None:
        return InvalidFrameError(Reason.NOT_A_GEOTIFF, f"the file does not begin like a TIFF but with {head[:8]!r}")
    at = 8 if layout.endswith("Q") else 4
    if len(head) < at + struct.calcsize(layout):
        return InvalidFrameError(Reason.TRUNCATED, f"only {size} bytes")
    (directory,) = struct.unpack_from(layout, head, at)
    if directory + 2 > size:
        return InvalidFrameError(Reason.TRUNCATED, f"the directory should be at byte {directory} of {size}")
    return InvalidFrameError(Reason.NOT_A_GEOTIFF, f"its directory cannot be read ({message})")


def choose_page(dataset: Dataset, threads: int) -> tuple[Dataset, int]:
    """Return the largest page of a file, opened, and its number from 1.

    Overviews and masks are no pages.

    Args:
        dataset: The opened file, which is its first page.
        threads: Threads that decode blocks.

    Raises:
        InvalidFrameError: several_pages, when another page is about as large: nobody knows which one is meant.
    """
    names = [name for name, _ in dataset.GetSubDatasets()]
    if len(names) < 2:  # noqa: PLR2004 - GDAL lists the pages of files that have more than one
        return dataset, 1
    if len(names) > MOST_PAGES:
        raise InvalidFrameError(Reason.SEVERAL_PAGES, f"{len(names)} pages")
    pages = [_open_name(name, threads) for name in names]
    sizes = [page.RasterXSize * page.RasterYSize for page in pages]
    order = sorted(range(len(pages)), key=lambda at: sizes[at], reverse=True)
    if sizes[order[1]] > MUCH_SMALLER * sizes[order[0]]:
        shown = ", ".join(f"{page.RasterXSize} x {page.RasterYSize}" for page in pages[:5])
        raise InvalidFrameError(Reason.SEVERAL_PAGES, f"{len(pages)} pages of {shown} px")
    return pages[order[0]], order[0] + 1
