"""Where the benchmark plays: a stack with its ledger and nginx, COGs behind the byte-range server, and surveys of any size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from cogmill.aws.s3 import PutOptions, S3Store
from cogmill.config.settings import Settings
from cogmill.domain.model import Bands
from cogmill.ledger.ledger import Ledger
from cogmill.mapserver.mapfile import Service, render
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.publish import draft_mapfile, publish_mapfile, update_tile_index
from cogmill.pipeline.update_overviews import update_overviews

from bench.getmap.frames import Original, Survey, build_original
from bench.getmap.pictures import Window
from bench.getmap.range_server import S3_LATENCY_S
from bench.getmap.served import Store, range_server
from demo.stack import Stack
from demo.stack.settings import Mount
from demo.stack.temporary_stack import temporary_stack

STATEMENTS = Path(__file__).with_name("frames.sql")


SHOWN = """
SELECT jsonb_build_object(
    'level', level, 'x', x, 'y', y, 'acquired', acquired, 'all_days', all_days, 'key', key, 'size', size, 'sha256', sha256,
    'west', ST_XMin(geom), 'south', ST_YMin(geom), 'east', ST_XMax(geom), 'north', ST_YMax(geom)
) FROM cogmill.overview WHERE collection_id = %(id)s
"""
"""The cells of a collection, as the ledger keeps those that it does not show any more."""


class LocalStore(S3Store):
    """The bucket as the program sees it: COGs are read and stored without latency and moto, all other keys are in moto."""

    def __init__(self, stack: Stack, original: Original, folder: Path, address: str) -> None:
        super().__init__(stack.s3_client(), stack.settings.bucket)
        self.cogs = Store(original, folder)
        self.folder = folder
        self.endpoint = address.partition("://")[2]

    def read(self, key: str, first: int = 0, size: int | None = None) -> bytes | None:
        """Return some bytes of a COG, or a small object."""
        body = self.cogs(key)
        if body is None:
            return super().read(key, *(() if size is None else (first, size)))
        return body.read(first, body.size if size is None else min(first + size, body.size))

    def create(self, key: str, source: Path, sha256: str, options: PutOptions) -> bool:
        """Keep a cell in the folder."""
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        return bool(sha256 and options)

    def gdal_environment(self) -> dict[str, str]:
        """Return how MapServer reads the COGs when a mapfile is verified."""
        return {**super().gdal_environment(), "AWS_S3_ENDPOINT": self.endpoint}


@dataclass(frozen=True)
class Stage:
    """A running stack and what the surveys need."""

    stack: Stack
    archive: Archive
    original: Original
    address: str
    """Of the byte-range server."""
    cells: Path
    """Where the cells of overviews are."""

    @property
    def endpoint(self) -> dict[str, str]:
        """MapServer's configuration that sends it to the byte-range server."""
        return {"AWS_S3_ENDPOINT": self.address.partition("://")[2]}

    def publish(self, survey: Survey) -> None:
        """Put the frames of a survey into the ledger as built and publish them, as a run of their DAG does."""
        self.register(survey)
        collection_id = survey.collection.id
        update_tile_index(self.archive, collection_id)
        publish_mapfile(self.archive, collection_id)
        self._offer_cells(collection_id)
        update_overviews(self.archive, collection_id)
        self._keep_cells(collection_id)
        self.analyze()

    def analyze(self) -> None:
        """Tell the planner of the ledger how large its tables have become."""
        with psycopg.connect(self.stack.dsn("owner"), autocommit=True) as ledger:
            ledger.execute("ANALYZE cogmill.tile_index; ANALYZE cogmill.overview")

    def register(self, survey: Survey) -> None:
        """Put the frames of a survey into the ledger as built."""
        collection, one = survey.collection, survey.original
        east, south = survey.step
        values = {
            "id": collection.id,
            "name": collection.service_name,
            "folder": collection.folder,
            "agency": collection.agency,
            "year": collection.year,
            "product": collection.product,
            "prefix": collection.prefix(Bands.BW),
            "frames": survey.frames,
            "columns": survey.columns,
            "digest": one.digest,
            "footprint": one.footprint,
            "size": one.path.stat().st_size,
            "width": one.width,
            "height": one.height,
            "gsd_m": one.gsd_m,
            "margin_m": one.outline_margin_m,
            "east": east,
            "south": south,
        }
        with psycopg.connect(self.stack.dsn("owner"), cursor_factory=psycopg.ClientCursor) as ledger:
            ledger.execute(STATEMENTS.read_bytes(), values)

    def _offer_cells(self, collection_id: str) -> None:
        """Tell a new ledger of cells that an earlier run has left in the folder: the program takes back those that it needs."""
        notes = self.cells / f"{collection_id}.json"
        known = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else []
        rows = [(row["key"], json.dumps(row)) for row in known if (self.cells / row["key"]).exists()]
        with psycopg.connect(self.stack.dsn("owner")) as ledger:
            ledger.cursor().executemany(
                "INSERT INTO cogmill.retired_overview (key, shown) VALUES (%s, %s) ON CONFLICT DO NOTHING", rows
            )

    def _keep_cells(self, collection_id: str) -> None:
        """Note the cells for the next run."""
        self.cells.mkdir(parents=True, exist_ok=True)
        with psycopg.connect(self.stack.dsn("owner")) as ledger:
            rows = [row for (row,) in ledger.execute(SHOWN, {"id": collection_id})]
        (self.cells / f"{collection_id}.json").write_text(json.dumps(rows), encoding="utf-8")

    def service(self, survey: Survey) -> Service:
        """Return what the mapfile of a survey says.

        Raises:
            ValueError: The survey is not published.
        """
        drafted = draft_mapfile(self.archive, survey.collection.id)
        if drafted is None:
            raise ValueError(f"{survey.collection.id} has no frames")
        return drafted.service

    def url(self, mapfile: str, layer: str, window: Window) -> str:
        """Return the address of a picture."""
        asked = {
            "map": f"/mapfiles/{mapfile}.map",
            "service": "WMS",
            "version": "1.3.0",
            "request": "GetMap",
            "layers": layer,
            "styles": "",
            "crs": "EPSG:3857",
            "bbox": ",".join(map(str, window.bounds)),
            "width": window.size,
            "height": window.size,
            "format": "image/png",
        }
        return f"{self.stack.settings.front_url}/wms/?{urlencode(asked)}"

    def put_mapfile(self, name: str, text: str) -> None:
        """Publish another mapfile of some frames beside the product's own."""
        client = self.stack.s3_client()
        client.put_object(Bucket=self.stack.settings.bucket, Key=f"mapfiles/{name}.map", Body=text.encode())

    def publish_plain(self, survey: Survey, processing: Sequence[str] = ()) -> str:
        """Publish the same frames by their tile index alone, without overviews; return the name of the mapfile.

        Args:
            survey: Whose frames.
            processing: Lines PROCESSING of the raster layer that take the place of those of the same name.
        """
        name, text = f"{survey.collection.id}_plain", render(replace(self.service(survey), overview_levels=()))
        for line in processing:
            text = re.sub(
                rf'(TYPE RASTER.*?PROCESSING "){line.partition("=")[0]}=[^"]*"', rf'\g<1>{line}"', text, flags=re.DOTALL
            )
        self.put_mapfile(name, text)
        return name


@contextmanager
def open_stage(folder: Path, latency_s: float = S3_LATENCY_S, scale: float = 1.0, **chosen: object) -> Iterator[Stage]:
    """Start a stack and the byte-range server, and remove what the stack wrote at the end.

    Args:
        folder: Where the original and the cells stay for the next time.
        latency_s: Of the byte-range server.
        scale: Size of the original; 1 is 7,200 px.
        chosen: Settings of the stack.
    """
    folder.mkdir(parents=True, exist_ok=True)
    original = build_original(folder, scale)
    cells = folder / "cells"
    with range_server(original, cells, latency_s) as address, temporary_stack(mount=Mount.S3FS, **chosen) as stack:
        port = stack.settings.postgis_port
        password = stack.settings.writer_password.get_secret_value()
        ledger = Ledger.connect(host="127.0.0.1", port=port, dbname="cogmill", user="cogmill_writer", password=password)
        store = LocalStore(stack, original, cells, address)
        program = {
            name.removeprefix("COGMILL_").lower(): value
            for name, value in stack.environment().items()
            if name.startswith("COGMILL_")
        }
        settings = Settings(_env_file=None, **program)  # type: ignore[call-arg]
        try:
            yield Stage(stack, Archive(store, ledger, settings), original, address, cells)
        finally:
            ledger.close()
