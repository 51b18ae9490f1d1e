"""Use botocore's private parts, here alone; tests/cogmill/aws/test_botocore_internals.py fails when they move."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

_NOT_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
"""UTF-8 of the characters that XML 1.0 cannot hold, not even escaped."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


def set_timestamp_parser(client: Any, parser: Callable[[Any], dt.datetime]) -> None:
    """Make a ready client parse the times in its answers with another function.

    botocore's public way, the component `response_parser_factory` of a session, serves only clients made afterwards, and ours come
    ready from Airflow's hook. Nothing but speed depends on it, so a botocore without these attributes costs a warning.
    """
    try:
        client._endpoint._response_parser_factory.set_parser_defaults(timestamp_parser=parser)  # noqa: SLF001
    except AttributeError as err:
        log.warning("timestamp_parser_not_set fault=%s", err)


def clean_answers(client: Any, operation: str) -> None:
    """Make a client replace, in the answers to one operation of S3, the characters that XML cannot hold, before it parses them.

    One such character in one key makes the whole answer unreadable. The event `before-parse` is not among those that botocore
    documents; should it go, the answer is as unreadable as before.
    """
    # the star puts it before botocore's own look at the body, which takes what it cannot parse for an error of the server
    client.meta.events.register_first(f"before-parse.*.{operation}", _clean, unique_id=f"cogmill-{operation}")


def _clean(response_dict: dict[str, Any], **_: Any) -> None:
    response_dict["body"] = _NOT_XML.sub(_REPLACEMENT, response_dict["body"])
