from __future__ import annotations

from cogmill.index.catalog import CatalogEntry, services_page


def test_escapes_everything_on_the_page():
    nasty = "\"'><script>alert(1)</script>"
    entry = CatalogEntry(
        id=nasty, name=nasty, title=nasty, county=nasty, agency=nasty, year=nasty, product=nasty, frames=1,
        years=None, extent_3857=(0, 0, 1, 1), extent_4326=(0, 0, 1, 1), wms=nasty, capabilities=nasty,
        preview=nasty, downloads={nasty: nasty},
    )  # fmt: skip

    page = services_page([entry])

    assert "<script" not in page
    assert page.count("&#34;&#39;&gt;&lt;script&gt;") == page.count("alert(1)")
