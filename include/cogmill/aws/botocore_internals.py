"""Use botocore's private parts, here alone; tests/cogmill/aws/test_botocore_internals.py fails when they move."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def set_timestamp_parser(client: Any, parser: Callable[[Any], dt.datetime]) -> None:
    """Make a ready client parse the times in its answers with another function.

    botocore's public way, the component `response_parser_factory` of a session, serves only clients made afterwards, and ours come
    ready from Airflow's hook. Nothing but speed depends on it, so a botocore without these attributes costs a warning.
    """
    try:
        client._endpoint._response_parser_factory.set_parser_defaults(timestamp_parser=parser)  # noqa: SLF001
    except AttributeError as err:
        log.warning("timestamp_parser_not_set fault=%s", err)
