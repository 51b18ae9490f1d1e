from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from cogmill.cog.arrays.masks import all_valid
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output import blocks
from cogmill.cog.output.blocks import GRAY, MASK, readable, verify_mask
from cogmill.cog.output.levels import Level, build_levels
from cogmill.cog.output.tiff import FRAME, PREDICTOR, Directory, read_directories
from cogmill.cog.output.verify_cog import verify_pixels
from cogmill.cog.output.writer import write_cog
from cogmill.cog.output.written_level import WrittenLevel
from cogmill.cog.profiles import PROFILES
from cogmill.domain.errors import VerificationError

from tests.cogmill.cog.engine_scenes import colour, photograph

GRID = Affine.from_gdal(-10_881_745.0, 1.0, 0.0, 3_539_044.0, 0.0, -1.0)

SHAPE = (1100, 1300)

pytestmark = pytest.mark.usefixtures("as_in_the_worker")


def partly_valid() -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.where((rows + 2 * columns > 700) & ((rows - 600) ** 2 + (columns - 900) ** 2 > 90**2), 255, 0).astype(
        np.uint8
    )


@pytest.fixture(scope="module", params=["partly valid", "all valid"])
def good(request, tmp_path_factory) -> tuple[Path, list[Level]]:
    mask = all_valid(*SHAPE) if request.param == "all valid" else partly_valid()
    data = photograph(*SHAPE)[None] * (mask != 0)
    levels = build_levels(np.ascontiguousarray(data), mask, ScratchArrays(None))
    path = tmp_path_factory.mktemp("good") / "a.tif"
    write_cog(levels, GRID, path, PROFILES["bw"], {}, threads=1)
    return path, levels


def image_and_mask(path: Path, level: int) -> tuple[Directory, Directory]:
    directories = read_directories(path)
    return tuple([each for each in directories if each.is_mask == is_mask][level] for is_mask in (False, True))


def verify(path: Path, levels: list[Level]) -> None:
    verify_pixels(path, levels, lossless=True, threads=2)


def spoil(path: Path, target: Path, at: int, content: bytes) -> Path:
    shutil.copy(path, target)
    with target.open("r+b") as file:
        file.seek(at)
        file.write(content)
    return target


@pytest.fixture
def without_libdeflate(monkeypatch):
    monkeypatch.setattr(blocks, "_library", lambda: None)


def test_knows_the_coding_of_each_profile(tmp_path):
    found = {}
    for name in ("bw", "nc", "archive_zstd"):
        data = colour(600, 700) if name == "nc" else photograph(600, 700)[None]
        levels = build_levels(np.ascontiguousarray(data), all_valid(600, 700), ScratchArrays(None))
        path = tmp_path / f"{name}.tif"
        write_cog(levels, GRID, path, PROFILES[name], {}, threads=1)
        image, mask = image_and_mask(path, 0)
        found[name] = (readable(image, GRAY), readable(mask, MASK))

    assert found == {"bw": (True, True), "nc": (False, True), "archive_zstd": (False, True)}


def test_accepts_what_was_written(good):
    verify(*good)


@pytest.mark.usefixtures("without_libdeflate")
def test_accepts_what_was_written_where_gdal_has_no_libdeflate(good):
    image, mask = image_and_mask(good[0], 0)

    assert not readable(image, GRAY)
    assert not readable(mask, MASK)
    verify(*good)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_finds_one_gray_level_in_one_pixel(good, level):
    path, levels = good
    pixels = np.argwhere(levels[level].mask == 255)
    for row, column in (pixels[0], pixels[len(pixels) // 2], pixels[-1]):
        data = levels[level].data.copy()
        data[0, row, column] ^= 1
        changed = [*levels[:level], Level(data, levels[level].mask), *levels[level + 1 :]]

        with pytest.raises(VerificationError, match=f"level {level}: block .* decodes to other pixels"):
            verify(path, changed)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("value", [0, 254])
def test_finds_one_pixel_of_a_mask(good, level, value):
    path, levels = good
    pixels = np.argwhere(levels[level].mask == 255)
    for row, column in (pixels[0], pixels[len(pixels) // 2], pixels[-1]):
        mask = np.array(levels[level].mask)
        mask[row, column] = value
        changed = [*levels[:level], Level(levels[level].data, mask), *levels[level + 1 :]]

        with pytest.raises(VerificationError, match=f"level {level}: the mask differs"):
            verify(path, changed)


def test_refuses_flipped_bits_of_a_mask_block_unless_they_mean_nothing(good, tmp_path):
    path, levels = good
    _, mask = image_and_mask(path, 0)
    offset, length = int(mask.offsets[0]), int(mask.lengths[0])
    content = path.read_bytes()[offset : offset + length]
    refused = 0
    for bit in range(0, 8 * length, 3):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        spoiled = spoil(path, tmp_path / "a.tif", offset, flipped)
        with spoiled.open("rb") as file:
            try:
                verify_mask(file, mask, 0, levels[0].mask[:512])
            except VerificationError:
                refused += 1
                continue
        assert zlib.decompress(flipped) == zlib.decompress(content)  # such as bits that describe codes never used

    assert refused > length


@pytest.mark.parametrize("number", [0, 4, 8])
@pytest.mark.parametrize("of", ["image", "mask"])
@pytest.mark.parametrize("end", ["before", "behind"])
def test_refuses_a_block_whose_frame_is_spoiled(good, tmp_path, number, of, end):
    path, levels = good
    directory = image_and_mask(path, 0)[of == "mask"]
    offset, length = int(directory.offsets[number]), int(directory.lengths[number])
    at = offset - FRAME if end == "before" else offset + length
    was = path.read_bytes()[at]
    spoiled = spoil(path, tmp_path / "a.tif", at, bytes([was ^ 1]))

    with pytest.raises(VerificationError, match="not framed"):
        verify(spoiled, levels)


def test_refuses_a_directory_whose_predictor_is_lost(good, tmp_path):
    path, levels = good
    image, _ = image_and_mask(path, 1)
    entry = path.read_bytes().index(struct.pack("<HH", PREDICTOR, 3), image.offset)
    spoiled = spoil(path, tmp_path / "a.tif", entry + 8, struct.pack("<H", 1))

    assert not readable(image_and_mask(spoiled, 1)[0], GRAY)
    with pytest.raises(VerificationError, match="level 1: it decodes to other pixels"):
        verify(spoiled, levels)


@pytest.mark.parametrize("of", ["image", "mask"])
def test_asks_gdal_for_the_middle_block_too(good, tmp_path, of):
    path, levels = good
    image, mask = image_and_mask(path, 0)
    middle = {"image": image, "mask": mask}[of].offsets[4]
    spoiled = spoil(path, tmp_path / "a.tif", int(middle), b"\0" * 8)

    with spoiled.open("rb") as file, pytest.raises(VerificationError, match="level 0, as GDAL reads it"):
        WrittenLevel(spoiled, file, 0, levels[0], image, mask, lossless=True).verify_middle()


def test_refuses_a_cut_block(good, tmp_path):
    path, levels = good
    cut = tmp_path / "a.tif"
    shutil.copy(path, cut)
    os.truncate(cut, path.stat().st_size - 10)
    _, mask = image_and_mask(path, 0)

    with cut.open("rb") as file, pytest.raises(VerificationError, match="not framed"):
        verify_mask(file, mask, 2, levels[0].mask[1024:])


def test_returns_the_hash_of_what_it_verified(good):
    path, levels = good

    assert verify_pixels(path, levels, lossless=True, threads=2) == hashlib.sha256(path.read_bytes()).hexdigest()
