"""The page's own scripts and styles, and the host's map library, for users who may see the page."""

from __future__ import annotations

from cogmill.config.settings import load_settings
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from cogmill_airflow.page.view import HERE


def add_static_files(app: FastAPI) -> None:
    """Add the routes. They are routes and not mounts, so that the app's access check applies to them."""
    own = StaticFiles(directory=HERE / "static")

    @app.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return await own.get_response(name, request.scope)

    @app.get("/leaflet/{name:path}")
    async def map_library(request: Request, name: str) -> Response:
        leaflet = StaticFiles(directory=load_settings().leaflet_dir, check_dir=False)
        return await leaflet.get_response(name, request.scope)

    @app.get("/places")
    def places() -> Response:
        file = load_settings().places_file
        if file is None or not file.is_file():
            raise HTTPException(404, "No place names: COGMILL_PLACES_FILE names no file on the API server's host.")
        return FileResponse(file, media_type="application/geo+json")
