from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import Level, build_levels
from cogmill.cog.output.tiff import read_directories
from cogmill.cog.output.verify_cog import ReferenceSamples, verify_layout, verify_pixels, verify_samples
from cogmill.cog.output.writer import write_cog
from cogmill.cog.profiles import PROFILES, Profile
from cogmill.domain.errors import VerificationError
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import colour, photograph

GRID = Affine.from_gdal(-10_881_745.0, 1.0, 0.0, 3_539_044.0, 0.0, -1.0)

pytestmark = pytest.mark.usefixtures("as_in_the_worker")


def frame(bands: int) -> list[Level]:
    data = colour(1100, 1300) if bands == 3 else photograph(1100, 1300)[None]
    valid = np.full((1100, 1300), 255, np.uint8)
    valid[:, :200] = 0
    return build_levels(np.ascontiguousarray(data), valid, ScratchArrays(None))


@pytest.fixture(scope="module", params=["bw", "nc", "archive_zstd"])
def good(request, tmp_path_factory) -> tuple[Path, list[Level], Profile]:
    profile = PROFILES[request.param]
    levels = frame(3 if request.param == "nc" else 1)
    path = tmp_path_factory.mktemp("good") / "a.tif"
    write_cog(levels, GRID, path, profile, {}, threads=1)
    return path, levels, profile


def verify(path: Path, levels: list[Level], profile: Profile) -> None:
    verify_layout(path, levels[0].width, levels[0].height)
    verify_pixels(path, levels, lossless=profile.lossless, threads=1)


def test_accepts_what_was_written(good):
    verify(*good)


@pytest.mark.parametrize("share", [0.99, 0.9, 0.5, 0.1, 0.01])
def test_refuses_a_cog_that_was_cut(good, tmp_path, share):
    path, levels, profile = good
    cut = shutil.copy(path, tmp_path / "cut.tif")
    os.truncate(cut, int(path.stat().st_size * share))

    with pytest.raises(VerificationError):
        verify(cut, levels, profile)


def test_refuses_a_cog_that_lost_its_last_byte(good, tmp_path):
    path, levels, profile = good
    cut = shutil.copy(path, tmp_path / "cut.tif")
    os.truncate(cut, path.stat().st_size - 1)

    with pytest.raises(VerificationError, match="the last block ends"):
        verify(cut, levels, profile)


@pytest.mark.parametrize("seed", range(12))
def test_refuses_a_flipped_bit_in_a_lossless_block(good, tmp_path, seed):
    path, levels, profile = good
    if not profile.lossless:
        pytest.skip("a flipped bit of JPEG may change a few pixels by little; see the spoiled block")
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    directory = read_directories(path)[0]
    block = rng.choice([0, 1, 3, 4])  # those without padding, which nobody sees
    at = int(directory.offsets[block]) + rng.randrange(20, int(directory.lengths[block]) - 20)
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << rng.randrange(8)
    spoiled = tmp_path / "flipped.tif"
    spoiled.write_bytes(content)

    with pytest.raises(VerificationError):
        verify(spoiled, levels, profile)


@pytest.mark.parametrize("seed", range(12))
def test_refuses_a_spoiled_block_at_any_level(good, tmp_path, seed):
    path, levels, profile = good
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    directory = rng.choice([each for each in read_directories(path) if not each.is_mask])
    start, size = int(directory.offsets[0]), int(directory.lengths[0])
    content = bytearray(path.read_bytes())
    content[start + size // 3 : start + size] = rng.randbytes(size - size // 3)
    spoiled = tmp_path / "spoiled.tif"
    spoiled.write_bytes(content)

    with pytest.raises(VerificationError):
        verify(spoiled, levels, profile)


def test_refuses_two_exchanged_blocks(good, tmp_path):
    path, levels, profile = good
    directory = read_directories(path)[0]
    order = np.argsort(directory.lengths)
    small, large = int(order[-2]), int(order[-1])
    content = bytearray(path.read_bytes())
    start, end = int(directory.offsets[large]), int(directory.offsets[small])
    size = int(directory.lengths[small])
    content[start : start + size] = content[end : end + size]
    spoiled = tmp_path / "exchanged.tif"
    spoiled.write_bytes(content)

    with pytest.raises(VerificationError):
        verify(spoiled, levels, profile)


def test_refuses_a_cog_without_overviews(tmp_path):
    levels = frame(1)
    path = tmp_path / "a.tif"
    write_cog(levels[:1], GRID, path, PROFILES["bw"], {}, threads=1)
    plain = tmp_path / "plain.tif"
    gdal.Translate(str(plain), str(path), creationOptions=["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512"])

    with pytest.raises(VerificationError, match="levels"):
        verify_layout(plain, levels[0].width, levels[0].height)


def test_refuses_overviews_behind_the_picture(tmp_path):
    levels = frame(1)
    path = tmp_path / "a.tif"
    write_cog(levels, GRID, path, PROFILES["bw"], {}, threads=1)
    other = tmp_path / "other.tif"
    gdal.Translate(
        str(other), str(path), creationOptions=["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=DEFLATE"]
    )
    dataset = gdal.Open(str(other), gdal.GA_Update)
    gdal.SetConfigOption("GDAL_TIFF_OVR_BLOCKSIZE", "512")
    dataset.BuildOverviews("AVERAGE", [2, 4])
    gdal.SetConfigOption("GDAL_TIFF_OVR_BLOCKSIZE", None)
    del dataset

    with pytest.raises(VerificationError):
        verify_layout(other, levels[0].width, levels[0].height)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"GIF89a" + bytes(50), b"II*\0\x10\0\0\0" + bytes(20)])
def test_refuses_what_is_no_tiff(tmp_path, content):
    path = tmp_path / "a.tif"
    path.write_bytes(content)

    with pytest.raises(VerificationError):
        verify_layout(path, 100, 100)


def test_tells_another_picture_by_its_overview(good):
    path, levels, _ = good
    low = levels[-1]
    scale = 2 ** (len(levels) - 1)
    rows, columns = np.mgrid[10 : low.height : 20, 80 : low.width : 20].reshape(2, -1)
    points = np.stack([columns, rows], axis=1) * float(scale) + scale / 2
    same = ReferenceSamples(points, low.data[:, rows, columns].astype(float))
    mirrored = ReferenceSamples(points, low.data[:, ::-1][:, rows, columns].astype(float))

    verify_samples(path, len(levels) - 1, same)
    with pytest.raises(VerificationError, match="differs from the source"):
        verify_samples(path, len(levels) - 1, mirrored)
