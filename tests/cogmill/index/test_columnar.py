"""The compiled index in three formats: written feature by feature, read back, compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely
from cogmill.domain.errors import VerificationError
from cogmill.index import columnar
from cogmill.index.columnar import FORMATS, write_columnar
from cogmill.index.geojson import (
    BATCH_FEATURES,
    FeatureBatch,
    FeatureDigest,
    GeoJsonWriter,
    feature_batches,
    property_names,
)

NAMES = property_names(extra=False)


def rows(count: int) -> Iterator[dict[str, object]]:
    """Tile index rows of squares, some without a scan."""
    for at in range(count):
        square = shapely.box(-98 + at / 10_000, 30, -98 + (at + 1) / 10_000, 30.1)
        yield {
            "dl_orig": f"https://example.org/{at} ä.tif" if at % 3 else None,
            "dl_georef": f"https://example.org/cog/{at}.tif",
            "dl_index": "https://example.org/idx.zip",
            "geom_wkb": shapely.to_wkb(square),
        }


def write_geojson(path: Path, count: int) -> Path:
    """Write the compiled index of one collection."""
    with path.open("w", encoding="utf-8") as target:
        writer = GeoJsonWriter(target, NAMES)
        writer.write_collection(feature_batches("travis_usda_1951_frames", rows(count), extra=False))
        writer.finish()
    return path


@pytest.mark.parametrize("count", [0, 1, BATCH_FEATURES, 2 * BATCH_FEATURES + 1])
def test_every_format_holds_the_same_features(tmp_path: Path, count: int) -> None:
    written = write_columnar(write_geojson(tmp_path / "a.geojson", count), NAMES)

    assert written.count == count
    for suffix, (_, read) in FORMATS.items():
        found = FeatureDigest()
        for batch in read(tmp_path / f"a{suffix}", NAMES):
            found.add(batch)
        assert found == written


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_format_that_lost_a_value_is_found(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, read = FORMATS[suffix]

    def forgetful(path: Path, names: object) -> Iterator[FeatureBatch]:
        for batch in read(path, NAMES):
            yield FeatureBatch([(None, *values[1:]) for values in batch.values], batch.polygons)

    monkeypatch.setitem(columnar.FORMATS, suffix, (writer, forgetful))

    with pytest.raises(VerificationError, match=rf"\{suffix} holds 5 features"):
        write_columnar(write_geojson(tmp_path / "a.geojson", 5), NAMES)


def test_the_digest_does_not_depend_on_the_order() -> None:
    (batch,) = feature_batches("travis_usda_1951_frames", rows(7), extra=False)
    turned = FeatureBatch(batch.values[::-1], batch.polygons[::-1])
    first, second = FeatureDigest(), FeatureDigest()
    first.add(batch)
    second.add(turned)

    assert first == second
    assert len(first.hash) == 64


def test_features_have_as_many_polygons_as_values() -> None:
    with pytest.raises(ValueError, match="2 features with 1 polygons"):
        FeatureBatch([("a",), ("b",)], np.array([shapely.box(0, 0, 1, 1)]))
