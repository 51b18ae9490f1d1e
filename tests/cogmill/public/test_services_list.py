from __future__ import annotations

import json

from cogmill.config.site import Site
from cogmill.domain.geo import Bounds3857, Bounds4326
from cogmill.public.services_list import CatalogEntry, services_json, services_page


def test_escapes_everything_on_the_page():
    nasty = "\"'><script>alert(1)</script>"
    entry = CatalogEntry(
        id=nasty, name=nasty, title=nasty, county=nasty, agency=nasty, year=nasty, product=nasty, frames=1,
        years=None, extent_3857=Bounds3857(0, 0, 1, 1), extent_4326=Bounds4326(0, 0, 1, 1), wms=nasty, capabilities=nasty,
        preview=nasty, downloads={nasty: nasty},
    )  # fmt: skip

    page = services_page([entry], Site(title=nasty))

    assert "<script" not in page
    assert page.count("&#34;&#39;&gt;&lt;script&gt;") == page.count("alert(1)")


def test_extents_are_lists_of_four_numbers_for_programs():
    extent = Bounds3857(-11131949.0793, 0.0, 0.0, 3503549.8435)
    entry = CatalogEntry(
        id="a", name="a", title="a", county="a", agency="a", year="1951", product="frames", frames=1, years=(1951, 1951),
        extent_3857=extent, extent_4326=extent.to_4326(), wms="a", capabilities="a", preview="a", downloads={},
    )  # fmt: skip

    (service,) = json.loads(services_json([entry]))["services"]

    assert service["extent_3857"] == [-11131949.0793, 0.0, 0.0, 3503549.8435]
    assert service["extent_4326"] == [-100.0, 0.0, 0.0, 30.0]
