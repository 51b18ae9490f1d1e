"""A few plain frames for system tests that are about something else than pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from affine import Affine
from psycopg.rows import dict_row
from rasterio.crs import CRS

from demo.stack import Stack
from demo.survey.export import TILES, save
from demo.survey.landscape import AUSTIN
from tests.system.probes import wait_until

GSD = 2.0
"""EPSG:3857 units per pixel."""


def write_frame(path: Path, side: int, seed: int = 0, crs: str | None = "EPSG:26914") -> bytes:
    """Write a frame of soft noise without collar and return its bytes.

    Args:
        path: File to make.
        side: Pixels along one side.
        seed: Chooses picture and place; neighbours touch.
        crs: Of the file; None makes a frame that is rejected.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 190, (side // 16 + 1, side // 16 + 1)).astype(np.float32)
    pixels = np.kron(coarse, np.ones((16, 16), np.float32))[:side, :side] + rng.normal(0, 6, (side, side))
    x, y = (620_000.0, 3_350_000.0) if crs == "EPSG:26914" else AUSTIN.origin
    place = Affine.translation(x + seed * side * GSD, y) @ Affine.scale(GSD, -GSD)
    options = {"crs": CRS.from_string(crs)} if crs else {}
    save(path, np.clip(pixels, 30, 225).astype(np.uint8)[None], transform=place, **options, **TILES)
    return path.read_bytes()


def put(stack: Stack, key: str, body: bytes) -> None:
    """Upload as staff do."""
    stack.s3_client().put_object(Bucket=stack.settings.bucket, Key=key, Body=body)


def objects(stack: Stack, prefix: str = "") -> dict[str, tuple[str, object]]:
    """Return key -> ETag and time of last change of everything below a prefix."""
    pages = stack.s3_client().get_paginator("list_objects_v2").paginate(Bucket=stack.settings.bucket, Prefix=prefix)
    return {
        entry["Key"]: (entry["ETag"], entry["LastModified"]) for page in pages for entry in page.get("Contents", [])
    }


def frame_rows(stack: Stack, collection_id: str) -> list[dict[str, Any]]:
    """Return the frames of a collection as the ledger knows them, by key."""
    with psycopg.connect(stack.dsn(), row_factory=dict_row) as connection:
        query = "SELECT * FROM cogmill.frame WHERE collection_id = %s ORDER BY source_key"
        return connection.execute(query, [collection_id]).fetchall()


def frame_states(stack: Stack, collection_id: str) -> list[str]:
    """Return the states of a collection's frames, by key."""
    return [row["state"] for row in frame_rows(stack, collection_id)]


def wait_for_states(stack: Stack, collection_id: str, states: list[str], limit_s: float) -> float:
    """Wait until the frames of a collection, by key, have these states; returns the seconds it took."""
    return wait_until(lambda: frame_states(stack, collection_id) == states, limit_s)
