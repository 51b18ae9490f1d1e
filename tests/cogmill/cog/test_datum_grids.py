"""Datum shifts: a grid that is installed moves a frame, and without it what is left is allowed or not, and recorded."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES, DatumAccuracy
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands, BuiltCog
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import photograph, read_cog, upload
from tests.datum_grid import EPSG, GRID, ORIGIN, place_by_grid, place_without_grid, write_grid


@pytest.fixture
def grids() -> Iterator[Path]:
    """A folder for grids that the confined worker can reach."""
    with tempfile.TemporaryDirectory(prefix="cogmill-grids-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def engine_with(grids: Path) -> Iterator[Engine]:
    """Start a worker whose PROJ looks for grids in a folder before it looks in the system's.

    Only the worker: PROJ in this process would remember the folder after it is gone.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROJ_DATA", f"{grids}:/usr/share/proj")
        with Engine(Limits()) as engine:
            yield engine


def build(engine: Engine, source: Path, **asked: float) -> BuiltCog:
    profile = dataclasses.replace(PROFILES["bw"], collar=False, accuracy=DatumAccuracy(**asked))
    return engine.build(source, source.with_suffix(".out"), bands=Bands.BW, profile=profile, provenance={}, area=None)


def nad27(path: Path, gsd: float = 1) -> Path:
    return upload(path, photograph(400, 400), epsg=EPSG, gsd=gsd, origin=ORIGIN)


def middle(cog: BuiltCog) -> tuple[float, float]:
    """Return the middle of a COG's valid pixels, EPSG:3857 meters."""
    west, width, _, north, _, height = gdal.Open(str(cog.path)).GetGeoTransform()
    rows, columns = np.nonzero(read_cog(cog.path)[1])
    return west + width * (columns.mean() + 0.5), north + height * (rows.mean() + 0.5)


def test_a_grid_that_is_installed_moves_a_frame_to_its_place(grids: Path, tmp_path: Path) -> None:
    write_grid(grids)
    source = nad27(tmp_path / "a.tif")

    with engine_with(grids) as engine:
        cog = build(engine, source)

    assert np.abs(np.subtract(middle(cog), place_by_grid(ORIGIN[0] + 200, ORIGIN[1] - 200))).max() < 1
    assert (cog.adjustments, cog.missing_grids) == ("", ())
    assert 0 < cog.shift_accuracy_m <= 5


def test_without_the_grid_a_frame_is_rejected_where_more_is_asked_than_is_left(grids: Path, tmp_path: Path) -> None:
    source = nad27(tmp_path / "a.tif")

    with (
        engine_with(grids) as engine,
        pytest.raises(InvalidFrameError, match=rf"no_transformation: .*{GRID} would do, but is not installed"),
    ):
        build(engine, source, meters=6.9)


@pytest.mark.parametrize(("gsd", "asked"), [(1, {"meters": 7}), (1, {"meters": 12}), (4, {"pixels": 2})])
def test_without_the_grid_a_frame_is_taken_where_what_is_left_is_allowed(grids, tmp_path, gsd, asked) -> None:
    source = nad27(tmp_path / "a.tif", gsd)

    with engine_with(grids) as engine:
        cog = build(engine, source, **asked)

    assert (cog.adjustments, cog.shift_accuracy_m, cog.missing_grids) == ("shift_within_7_m", 7, (GRID,))
    wanted = place_without_grid(ORIGIN[0] + 200 * gsd, ORIGIN[1] - 200 * gsd)
    assert np.abs(np.subtract(middle(cog), wanted)).max() < gsd


def test_what_is_allowed_decides_which_frames_are_taken_and_no_byte(grids: Path, tmp_path: Path) -> None:
    with engine_with(grids) as engine:
        for name, epsg in (("nad27", EPSG), ("nad83", 26914)):
            source = upload(tmp_path / f"{name}.tif", photograph(100, 100), epsg=epsg, gsd=1, origin=ORIGIN)
            hashes = {build(engine, source, meters=meters).sha256 for meters in (7, 12, 50)}
            assert len(hashes) == 1


def test_a_site_that_asks_for_more_than_the_standard_gets_it_or_a_rejection(grids: Path, tmp_path: Path) -> None:
    source = upload(tmp_path / "a.tif", photograph(100, 100), epsg=26914, gsd=1, origin=ORIGIN)

    with engine_with(grids) as engine:
        assert build(engine, source, meters=4).shift_accuracy_m == 4
        with pytest.raises(InvalidFrameError, match=r"accurate to 4 m \(1 m asked\)"):
            build(engine, source, meters=0.5, pixels=1)


def test_a_shift_of_less_than_a_pixel_is_not_worth_a_word(grids: Path, tmp_path: Path) -> None:
    with engine_with(grids) as engine:
        cog = build(engine, nad27(tmp_path / "a.tif", gsd=8))

    assert (cog.adjustments, cog.shift_accuracy_m, cog.missing_grids) == ("", 7, ())
