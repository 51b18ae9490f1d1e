"""Facts that a site or a collection states about itself, as metadata of a mapfile: they stand in the capabilities of its service."""

from __future__ import annotations

from cogmill.config.site import Site

NO_LICENSE = "No license is stated; ask before you reuse these maps."
"""Access constraints of a service whose site states no license. Nothing is guessed: not even that there are none."""


def stated_facts(site: Site, abstract: str) -> dict[str, str]:
    """Return the metadata of a map that say who offers it, under which terms, and by which words it is found.

    Args:
        site: The site, as it speaks for the collection.
        abstract: A few sentences about the collection.
    """
    contact, terms = site.contact, site.license
    stated = {
        "wms_abstract": abstract,
        # a comma separates keywords
        "wms_keywordlist": ",".join(word.replace(",", " ") for word in site.keywords),
        "wms_contactorganization": site.organization,
        "wms_contactperson": contact and contact.name,
        "wms_contactelectronicmailaddress": contact and contact.email,
        "wms_service_onlineresource": site.organization_url,
        "wms_accessconstraints": f"{terms.label}, {terms.url}" if terms else NO_LICENSE,
        "wms_attribution_title": site.credit,
        "wms_attribution_onlineresource": site.organization_url if site.credit else None,
    }
    return {name: value for name, value in stated.items() if value}
