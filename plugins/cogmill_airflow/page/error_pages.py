"""Error pages: not signed in, not allowed, not found, or the ledger does not answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from airflow.sdk.exceptions import AirflowNotFoundException
from cogmill.config.settings import load_settings
from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from cogmill_airflow.names import POSTGRES_CONN_ID
from cogmill_airflow.page.view import content_policy, render

log = logging.getLogger(__name__)

HELP = {
    401: "Sign in to Airflow first, then open this page again.",
    403: "Your Airflow account may not read these DAGs.",
    404: "It may never have been uploaded, or the address is wrong.",
}


def add_error_pages(app: FastAPI) -> None:
    """Answer errors with a page, or with JSON where the client asks for it, and tell browsers what a page may load."""

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return _answer(request, error.status_code, str(error.detail), HELP.get(error.status_code, ""))

    @app.exception_handler(ServiceUnavailableError)
    async def ledger_unavailable(request: Request, error: ServiceUnavailableError) -> Response:
        log.warning("ledger_unavailable %s", error)
        text = f"PostgreSQL does not answer, or rejects the role of the connection {POSTGRES_CONN_ID}. The log of the API server says which."
        return _answer(request, 503, "The ledger cannot be reached", text)

    @app.exception_handler(AirflowNotFoundException)
    async def connection_missing(request: Request, error: AirflowNotFoundException) -> Response:
        log.warning("connection_missing %s", error)
        text = f"Add the connection {POSTGRES_CONN_ID} where the API server finds it: in Airflow's database or its secrets backend."
        return _answer(request, 503, f"There is no connection {POSTGRES_CONN_ID}", text)

    @app.exception_handler(ConfigurationError)
    async def setting_invalid(request: Request, error: ConfigurationError) -> Response:
        log.error("setting_invalid %s", error)
        return _answer(request, 503, "A setting is invalid", str(error))

    @app.middleware("http")
    async def add_headers(request: Request, respond: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await respond(request)
        response.headers.update(_headers())
        return response


def _answer(request: Request, status: int, title: str, text: str) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(render("error.html.j2", root=request.scope["root_path"], title=title, text=text), status)
    return JSONResponse({"detail": title, "help": text}, status)


def _headers() -> dict[str, str]:
    try:
        policy = content_policy(load_settings())
    except ConfigurationError:
        policy = "default-src 'none'"
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
    }
