"""Choose the page of a TIFF that holds several: the picture, and not its thumbnail."""

from __future__ import annotations

from collections.abc import Callable

from cogmill.cog.source.gdal_types import Dataset
from cogmill.domain.errors import InvalidFrameError, Reason

MOST_PAGES = 64
"""Pages that are looked at; a file of more is no frame."""

MUCH_SMALLER = 0.5
"""Share of the largest page's pixels below which a page is a thumbnail, legend or preview of it."""

Opener = Callable[[str], Dataset]
"""Opens a name of GDAL's, as `open_upload` does."""


def choose_page(dataset: Dataset, open_name: Opener) -> tuple[Dataset, int]:
    """Return the largest page of a file, opened, and its number from 1.

    Overviews and masks are no pages.

    Args:
        dataset: The opened file, which is its first page.
        open_name: Opens another page by the name that GDAL gives it.

    Raises:
        InvalidFrameError: several_pages, when another page is about as large: nobody knows which one is meant.
    """
    names = [name for name, _ in dataset.GetSubDatasets()]
    if len(names) < 2:  # noqa: PLR2004 - GDAL lists the pages of files that have more than one
        return dataset, 1
    if len(names) > MOST_PAGES:
        raise InvalidFrameError(Reason.SEVERAL_PAGES, f"{len(names)} pages")
    pages = [open_name(name) for name in names]
    sizes = [page.RasterXSize * page.RasterYSize for page in pages]
    order = sorted(range(len(pages)), key=lambda at: sizes[at], reverse=True)
    if sizes[order[1]] > MUCH_SMALLER * sizes[order[0]]:
        shown = ", ".join(f"{page.RasterXSize} x {page.RasterYSize}" for page in pages[:5])
        raise InvalidFrameError(Reason.SEVERAL_PAGES, f"{len(pages)} pages of {shown} px")
    return pages[order[0]], order[0] + 1
