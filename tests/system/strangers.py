"""Somebody without keys, who follows the links that Cogmill publishes."""

from __future__ import annotations

import gzip
import json
import math
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from html import unescape
from urllib.parse import urldefrag, urljoin
from xml.etree import ElementTree as ET


def ask(address: str, method: str = "GET") -> int:
    """Return the status of a plain request: no signature, no proxy, nothing of boto3."""
    return fetch(address, method)[0]


def fetch(address: str, method: str = "GET") -> tuple[int, str, bytes]:
    """Return status, content type and body of a plain request."""
    request = urllib.request.Request(address, method=method)  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            body = answer.read()
            packed = answer.headers.get("Content-Encoding") == "gzip"
            return int(answer.status), answer.headers.get("Content-Type", ""), gzip.decompress(body) if packed else body
    except urllib.error.HTTPError as err:
        return err.code, "", b""


def crawl(start: list[str], bases: tuple[str, ...]) -> dict[str, int]:
    """Follow every address from some documents on, below some bases; return the status of each.

    Of the addresses of tiles `tile` tells one.
    """
    waiting, found = list(start), {}
    while waiting:
        address = waiting.pop()
        if address in found or not address.startswith(bases) or "{" in address:
            continue
        status, kind, body = fetch(address)
        found[address] = status
        if status == 200:
            waiting += [urldefrag(urljoin(address, link)).url for link in links(kind, body)]
            waiting += tile(body) if address.endswith("/tiles.json") else []
    return found


def tile(body: bytes) -> list[str]:
    """Return the address of the tile in the middle of what a TileJSON describes, at its coarsest zoom."""
    about = json.loads(body)
    west, south, east, north = about["bounds"]
    zoom, latitude = about["minzoom"], math.radians((south + north) / 2)
    x = ((west + east) / 2 + 180) / 360
    y = (1 - math.asinh(math.tan(latitude)) / math.pi) / 2
    column, row = int(x * 2**zoom), int(y * 2**zoom)
    return [t.replace("{z}", str(zoom)).replace("{x}", str(column)).replace("{y}", str(row)) for t in about["tiles"]]


def links(kind: str, body: bytes) -> Iterator[str]:
    """Yield the addresses that a document holds."""
    kind = kind.partition(";")[0]
    if kind == "text/html":
        yield from (unescape(link) for link in re.findall(r'(?:href|src)="([^"]*)"', body.decode()))
    elif kind.endswith("json"):
        yield from json_links(json.loads(body))
    elif kind in ("application/xml", "text/xml") and b"<WMS_Capabilities" not in body:
        for element in ET.fromstring(body).iter():  # noqa: S314  written by this archive
            yield from (text for text in (element.text, *element.attrib.values()) if text and is_link(text.strip()))
    elif kind == "text/plain":
        yield from (line for line in body.decode().splitlines() if is_link(line))


def json_links(value: object) -> Iterator[str]:
    """Yield the addresses in a value of JSON, and the relative ones of STAC."""
    if isinstance(value, dict):
        for name, part in value.items():
            relative = name == "href" and isinstance(part, str)
            yield from [str(part)] if relative else json_links(part)
    elif isinstance(value, list):
        for part in value:
            yield from json_links(part)
    elif isinstance(value, str) and is_link(value):
        yield value


def is_link(text: str) -> bool:
    """Tell whether a text is an address."""
    return text.startswith(("http://", "https://"))
