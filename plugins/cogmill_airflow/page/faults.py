"""What a person reads instead of a page: not signed in, not allowed, nothing there, or the ledger is away."""

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


def explain(app: FastAPI) -> None:
    """Let an app answer faults with a page, or with JSON to those who ask for that; and tell browsers what a page may load."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, fault: HTTPException) -> Response:
        return _answer(request, fault.status_code, str(fault.detail), HELP.get(fault.status_code, ""))

    @app.exception_handler(ServiceUnavailableError)
    async def away(request: Request, fault: ServiceUnavailableError) -> Response:
        log.warning("ledger_unavailable %s", fault)
        text = f"PostgreSQL does not answer, or refuses the role of the connection {POSTGRES_CONN_ID}. The API server's log says which."
        return _answer(request, 503, "The ledger cannot be reached", text)

    @app.exception_handler(AirflowNotFoundException)
    async def unknown(request: Request, fault: AirflowNotFoundException) -> Response:
        log.warning("connection_missing %s", fault)
        text = f"Add the connection {POSTGRES_CONN_ID} where the API server finds it: in Airflow's database or its secrets backend."
        return _answer(request, 503, f"There is no connection {POSTGRES_CONN_ID}", text)

    @app.exception_handler(ConfigurationError)
    async def wrong(request: Request, fault: ConfigurationError) -> Response:
        log.error("wrong_setting %s", fault)
        return _answer(request, 503, "A setting is wrong", str(fault))

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.update(_headers())
        return response


def _answer(request: Request, status: int, title: str, text: str) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(render("fault.html.j2", root=request.scope["root_path"], title=title, text=text), status)
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
