"""Bad uploads and what must become of each, beside good frames that must not be affected.

Every specimen is made from a film of the known landscape, so whatever is drawn can be compared with the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cogmill.domain.errors import Reason
from rasterio.crs import CRS

from demo.survey import corrupt_uploads
from demo.survey.corrupt_uploads import Film
from demo.survey.film_scan import Photo
from demo.survey.landscape import Landscape
from demo.survey.manifest import Item, Manifest

SIDE = 400
"""Pixels along one side of every photograph of them."""
GSD = 2.0
"""EPSG:3857 units per pixel."""
STEP = 4.0
"""Grid of the landscape; coarser than the pixels, because painting the ground takes the longest."""
SEED = 1951
PITCH = SIDE * GSD * 1.2
"""EPSG:3857 units between the centres of two photographs; film collars and turned corners do not touch."""
COLUMNS = 5
"""Photographs side by side."""
GOOD = 10
"""Good neighbours that are dropped together with the bad ones."""
CRS_IN_TURN = (26914, 4326, 3857)
TURNS = (2.0, -3.0, 0.0, 4.5, -1.5)
"""Degrees by which each photograph is turned."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """One upload and what must become of it."""

    name: str
    """Its defect, which is also the frame number in its file name."""
    bands: str
    """Folder it is dropped into: `bw` or `nc`."""
    make: Callable[[Path, Film], None]
    reason: Reason | None = None
    """Why it must be refused; None when it must be drawn."""

    @property
    def file(self) -> str:
        """File name below `georef/`; all specimens are frames of roll 9."""
        return f"03-22-51_9-{self.name}.tif"


SPECIMENS = (
    Specimen("zero bytes", "bw", corrupt_uploads.zero_bytes, Reason.EMPTY),
    Specimen("text", "bw", corrupt_uploads.text, Reason.NOT_A_GEOTIFF),
    Specimen("truncated", "bw", corrupt_uploads.truncated, Reason.TRUNCATED),
    Specimen("vrt", "bw", corrupt_uploads.vrt, Reason.NOT_A_GEOTIFF),
    Specimen("no crs", "bw", corrupt_uploads.no_crs, Reason.NO_CRS),
    Specimen("no geotransform", "bw", corrupt_uploads.no_geotransform, Reason.NOT_GEOREFERENCED),
    Specimen("colour in bw", "bw", corrupt_uploads.colour, Reason.WRONG_BANDS),
    Specimen("grey in nc", "nc", corrupt_uploads.grey, Reason.WRONG_BANDS),
    Specimen("16 bit", "bw", corrupt_uploads.deep, Reason.WRONG_DEPTH),
    Specimen("colour palette in bw", "bw", corrupt_uploads.colour_palette, Reason.WRONG_BANDS),
    Specimen("four bands in bw", "bw", corrupt_uploads.infrared, Reason.WRONG_BANDS),
    Specimen("black", "bw", corrupt_uploads.black, Reason.ALL_BLANK),
    Specimen("bomb", "bw", corrupt_uploads.bomb, Reason.TOO_LARGE),
    Specimen("Algeria", "bw", corrupt_uploads.algeria, Reason.OUTSIDE_AREA),
    Specimen("grey palette", "bw", corrupt_uploads.grey_palette),
    Specimen("colour palette", "nc", corrupt_uploads.colour_palette),
    Specimen("grey alpha", "bw", corrupt_uploads.grey_alpha),
    Specimen("colour alpha", "nc", corrupt_uploads.colour_alpha),
    Specimen("infrared", "nc", corrupt_uploads.infrared),
    Specimen("striped", "bw", corrupt_uploads.striped),
    Specimen("small tiles", "bw", corrupt_uploads.small_tiles),
    Specimen("planar", "nc", corrupt_uploads.planar),
)
"""What people really upload. Only Algeria is drawn where no area is configured."""


def make_bad_uploads(folder: Path, collection: str, say: Callable[[str], None] = print) -> Manifest:
    """Write every specimen and its good neighbours; all of them are frames of one collection.

    Args:
        folder: Empty folder for the files.
        collection: Key between bands and product: `BadUploads/USDA_1951`.
        say: Called with the name of each file.
    """
    landscape = Landscape(SEED, STEP)
    refused = [specimen for specimen in SPECIMENS if specimen.reason]
    drawn = [*_neighbours(), *(specimen for specimen in SPECIMENS if not specimen.reason)]
    # each one that is drawn has its own place; those that are refused share one, which must stay empty on the map
    places = [*enumerate(drawn), *((len(drawn), specimen) for specimen in refused)]
    items = []
    for place, specimen in places:
        items.append(_hang(folder, collection, specimen, _film(landscape, place)))
        say(items[-1].key)
    return Manifest(folder, SEED, STEP, items)


def _neighbours() -> list[Specimen]:
    """Return the frames without any defect, gray and color."""
    return [
        Specimen(f"good {n}", "bw", corrupt_uploads.grey)
        if n % 3
        else Specimen(f"good {n}", "nc", corrupt_uploads.colour)
        for n in range(GOOD)
    ]


def _hang(folder: Path, collection: str, specimen: Specimen, film: Film) -> Item:
    """Write one specimen and describe it."""
    file = f"{specimen.bands} {specimen.file}"
    specimen.make(folder / file, film)
    return Item(
        key=f"{specimen.bands}/{collection}/frames/georef/{specimen.file}",
        file=file,
        collection_id=f"{collection}_frames".replace("/", "_").lower(),
        bands=1 if specimen.bands == "bw" else 3,
        gsd=GSD,
        outline=[] if specimen.reason else film.photo.outline(film.crs),
        reason=str(specimen.reason or ""),
    )


def _film(landscape: Landscape, place: int) -> Film:
    row, column = divmod(place, COLUMNS)
    x, y = landscape.to_map(0, 0)
    photo = Photo(x + PITCH * (column - COLUMNS / 2), y - PITCH * row, TURNS[place % len(TURNS)], SIDE, GSD)
    return Film(landscape, photo, CRS.from_epsg(CRS_IN_TURN[place % len(CRS_IN_TURN)]))
