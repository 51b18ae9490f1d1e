"""Pages of the archive, of a collection and of a photograph in a browser: no violation of axe-core's rules, none too wide for a phone."""

from __future__ import annotations

import pytest

from tests.viewer.conftest import OpenPage
from tests.viewer.static_server import Files
from tests.viewer.test_accessible import DESK, PHONE, violations

pytestmark = [pytest.mark.system, pytest.mark.slow]

FOLDER = "catalog/travis_usda_1951_frames"
PAGES = (
    "catalog/index.html",
    f"{FOLDER}/index.html",
    f"{FOLDER}/photographs/index.html",
    f"{FOLDER}/photographs/bw/03-22-51_5-51 50%25 S%C3%BCd+.html",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_are_in_nobodys_way(visit: OpenPage, site: Files, scheme: str, device: dict[str, object]) -> None:
    page = visit("", color_scheme=scheme, **device)
    found = {}
    for name in PAGES:
        answer = page.goto(f"{site.url}/b/{name}")
        assert answer is not None
        assert answer.status == 200
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[name] = [*violations(page), *([f"{width} px too wide"] if width > 0 else [])]

    assert found == {name: [] for name in PAGES}
