"""The page's own scripts and styles, and the map library of the host; only for those who may see the page."""

from __future__ import annotations

from cogmill.config.settings import load_settings
from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from cogmill_airflow.page.view import HERE


def serve(app: FastAPI) -> None:
    """Add the routes. Routes and not mounts, so that the app's own checks stand before them."""
    own = StaticFiles(directory=HERE / "static")

    @app.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return await own.get_response(name, request.scope)

    @app.get("/leaflet/{name:path}")
    async def map_library(request: Request, name: str) -> Response:
        leaflet = StaticFiles(directory=load_settings().leaflet_dir, check_dir=False)
        return await leaflet.get_response(name, request.scope)
