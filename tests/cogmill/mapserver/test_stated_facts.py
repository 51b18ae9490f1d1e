"""What a site states stands in the capabilities that the real MapServer answers, whatever characters it has."""

from __future__ import annotations

import pytest
from cogmill.config.site import Contact, License, Site
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Product
from cogmill.mapserver.cgi import MapServerRunner, serve_draft
from cogmill.mapserver.mapfile import Service, render
from cogmill.mapserver.stated_facts import NO_LICENSE, stated_facts
from lxml import etree

SITE = Site(
    organization='Map Room "North" & Sons',
    organization_url="https://maproom.example.org",
    contact=Contact(name="J\u00f6rg <x>", email="maps@example.org"),
    license=License(id="CC-BY-4.0", url="https://creativecommons.org/licenses/by/4.0/"),
    keywords=("aerial", "old, very old"),
)


def capabilities(site: Site, version: str) -> etree._Element:
    service = Service(
        collection_id="travis_usda_1951_frames",
        service_name="Travis_USDA_1951_frames",
        title="Travis",
        product=Product.FRAMES,
        extent=Bounds3857(-10900000, 3548876, -10898876, 3550000),
        online_resource="https://maps.example.org/wms/?map=/mapfiles/x.map&",
        facts=tuple(stated_facts(site, 'Of 1951. "END" END # \\ %s').items()),
    )
    with serve_draft(render(service), MapServerRunner({}, "/usr/lib/cgi-bin/mapserv")) as server:
        return etree.fromstring(server.ask(request="GetCapabilities", version=version).body)


def texts(root: etree._Element, name: str) -> list[str]:
    return [element.text for element in root.iter(f"{{*}}{name}")]


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_capabilities_say_who_offers_the_maps_and_on_which_terms(version):
    root = capabilities(SITE, version)
    title, abstract = (texts(root, name)[0] for name in ("Title", "Abstract"))

    assert (title, abstract) == ("Travis", 'Of 1951. "END" END # \\ %s')
    assert texts(root, "ContactOrganization") == [SITE.organization]
    assert texts(root, "ContactPerson") == ["J\u00f6rg <x>"]
    assert texts(root, "ContactElectronicMailAddress") == ["maps@example.org"]
    assert texts(root, "AccessConstraints") == ["CC-BY-4.0, https://creativecommons.org/licenses/by/4.0/"]
    assert {"aerial", "old  very old"} <= set(texts(root, "Keyword"))
    assert SITE.organization in [element.findtext("{*}Title") for element in root.iter("{*}Attribution")], (
        "an attribution that clients show"
    )


def test_capabilities_do_not_guess_a_license():
    root = capabilities(Site(), "1.3.0")

    assert texts(root, "AccessConstraints") == [NO_LICENSE]
    assert texts(root, "ContactOrganization") == []
