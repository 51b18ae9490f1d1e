"""Somebody without keys, who follows the links that Cogmill publishes."""

from __future__ import annotations

import urllib.error
import urllib.request


def ask(address: str, method: str = "GET") -> int:
    """Return the status of a plain request: no signature, no proxy, nothing of boto3."""
    request = urllib.request.Request(address, method=method)  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as err:
        return err.code
