"""The page "Collections" in the Airflow UI: collections and frames by state, rejected uploads with their reasons, and a map."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

PREFIX = "/cogmill"
"""Path at which Airflow's API server mounts the page."""


async def page(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer one request, as an ASGI application.

    Every component of Airflow imports the plugin, but only the API server serves the page, so its parts are loaded with the first
    request.
    """
    from cogmill_airflow.page.app import app

    await app(scope, receive, send)
