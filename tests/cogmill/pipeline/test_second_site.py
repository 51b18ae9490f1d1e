"""The second site of examples/, from uploads to maps: other folders, names, dates, bands, depth and coordinate systems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cogmill.maintenance.compare import compare
from cogmill.pipeline import Archive, build_cogs, ingest, publish, update_overviews
from cogmill.pipeline.batches import plan_batches
from osgeo import gdal, osr

SIDE, PIXEL_M = 320, 2.0
GOETTINGEN = (9.93, 51.53)
PLACE = "Göttingen-Süd/1951 LV/"


def scene(bands: int, scale: int = 1) -> np.ndarray:
    """Return a smooth picture, shape (bands, rows, columns), gray from 60 to 200."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    layers = [130 + 70 * np.sin(6 * rows + number) * np.cos(5 * columns - number) for number in range(bands)]
    return np.round(np.stack(layers) * scale)


def geotiff(path: Path, pixels: np.ndarray, epsg: int, east_m: float = 0, kind: int = gdal.GDT_Byte) -> bytes:
    """Return a frame around Göttingen in some CRS."""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    degrees = osr.SpatialReference()
    degrees.ImportFromEPSG(4326)
    degrees.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    east, north, _ = osr.CoordinateTransformation(degrees, reference).TransformPoint(*GOETTINGEN)
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, len(pixels), kind, ["PHOTOMETRIC=MINISBLACK"])
    dataset.SetGeoTransform((round(east + east_m), PIXEL_M, 0, round(north), 0, -PIXEL_M))
    dataset.SetProjection(reference.ExportToWkt())
    dataset.WriteArray(pixels.astype(np.uint16 if kind == gdal.GDT_UInt16 else np.uint8))
    dataset = None
    return path.read_bytes()


def run(archive: Archive, collection_id: str) -> None:
    for batch in plan_batches(archive, collection_id):
        build_cogs.build_batch(archive, batch["frame_ids"], "tests")
    publish.update_tile_index(archive, collection_id)
    publish.export_index(archive, collection_id)
    assert publish.publish_mapfile(archive, collection_id)  # which MapServer has drawn
    update_overviews.update_overviews(archive, collection_id)


def truth(source: bytes, cog: gdal.Dataset, scaling: tuple[float, float] | None) -> np.ndarray:
    """Return what gdalwarp makes of a source on the grid of its COG."""
    gdal.FileFromMemBuffer("/vsimem/second_site.tif", source)
    west, size, _, north, _, _ = cog.GetGeoTransform()
    bounds = (west, north - cog.RasterYSize * size, west + cog.RasterXSize * size, north)
    warped = gdal.Warp(
        "", "/vsimem/second_site.tif", format="MEM", dstSRS="EPSG:3857", outputBounds=bounds, width=cog.RasterXSize,
        height=cog.RasterYSize, resampleAlg="bilinear", errorThreshold=0, outputType=gdal.GDT_Float32,
    ).ReadAsArray().reshape(-1, cog.RasterYSize, cog.RasterXSize)  # fmt: skip
    gdal.Unlink("/vsimem/second_site.tif")
    low, high = scaling or (0, 255)
    return (warped - low) / (high - low) * 255


def test_takes_every_upload_of_another_archive_to_its_map(second_site, bucket, sample, tmp_path):
    client, name = bucket
    gray, color, deep = scene(1), scene(3), scene(1, scale=15)
    uploads = {
        f"{PLACE}Luftbilder/sw/georeferenziert/1951-03-22 Film 4 Bild 173.tif": geotiff(tmp_path / "a", gray, 25832),
        f"{PLACE}Luftbilder/sw/georeferenziert/1951~_4_174.TIF": geotiff(tmp_path / "b", gray, 31467, 200),
        f"{PLACE}Luftbilder/farbe/georeferenziert/22.3.1951 Film 5 Bild 1.tif": geotiff(
            tmp_path / "c", color, 25832, 400
        ),
        f"{PLACE}Luftbilder/infrarot/georeferenziert/1951-03_6_1.tif": geotiff(tmp_path / "d", color, 25832, 600),
        "Harz/Bad Sachsa/1938 LV/Luftbilder/sw/georeferenziert/1938_1_1.tif": geotiff(
            tmp_path / "e", deep, 31467, kind=gdal.GDT_UInt16
        ),
        "Bad Sachsa/1938 LV/Luftbilder/sw/georeferenziert/1938_1_1.tif": geotiff(
            tmp_path / "f", deep, 31467, kind=gdal.GDT_UInt16
        ),
        f"{PLACE}Bildübersichten/sw/georeferenziert/Übersicht Blatt 2.tif": geotiff(tmp_path / "g", gray, 25832),
        f"{PLACE}Bildpläne/farbe/georeferenziert/Bildplan Mitte.tif": geotiff(tmp_path / "h", color, 25832),
    }
    scan = f"{PLACE}Luftbilder/sw/Rohscans/1951-03-22 Film 4 Bild 173.tif"
    wrong = f"{PLACE}Luftbilder/SW/1951-03-22 Film 4 Bild 175.tif"
    undated = f"{PLACE}Luftbilder/sw/georeferenziert/22-03-51 Film 4 Bild 176.tif"
    for key, body in {**uploads, scan: b"scan", wrong: b"x", undated: b"x"}.items():
        client.put_object(Bucket=name, Key=key, Body=body)

    taken = ingest.ingest_uploads(second_site)
    for collection_id in taken.collection_ids:
        if not collection_id.startswith("harz"):
            run(second_site, collection_id)

    assert sorted(taken.collection_ids) == [
        "badsachsa_lv_1938_frames",
        "goettingensued_lv_1951_frames",
        "goettingensued_lv_1951_index",
        "goettingensued_lv_1951_mosaic",
        "harz_badsachsa_lv_1938_frames",
    ]
    assert {one.key: one.reason for one in taken.rejected} == {wrong: "wrong_folder", undated: "bad_name"}
    advice = {one.key: one.advice for one in taken.rejected}
    assert (
        advice[wrong]
        == f"Verschieben Sie sie nach {PLACE}Luftbilder/sw/georeferenziert/1951-03-22 Film 4 Bild 175.tif."
    )
    mapfile = client.get_object(Bucket=name, Key="mapfiles/goettingensued_lv_1951_frames.map")["Body"].read().decode()
    assert '"wms_title" "Göttingen-Süd LV 1951 Luftbilder"' in mapfile
    assert '"wms_title" "Umriss der Luftbilder"' in mapfile
    assert "EPSG:900913 EPSG:102100 EPSG:4326 CRS:84 EPSG:25832" in mapfile
    rows = sample.sql(
        "SELECT source_key, state, cog_key, acquired_from::text, acquired_to::text FROM cogmill.frame WHERE state <> 'rejected'"
    )
    found = {key: rest for key, *rest in rows}
    assert {key: state for key, (state, *_) in found.items()} == {
        key: "arrived" if key.startswith("Harz") else "published" for key in uploads
    }
    assert [found[key][2:] for key in list(uploads)[:4]] == [
        ["1951-03-22", "1951-03-22"],
        ["1950-01-01", "1952-12-31"],
        ["1951-03-22", "1951-03-22"],
        ["1951-03-01", "1951-03-31"],
    ]
    missing = [finding.detail for finding in compare(second_site).examples if finding.kind == "scan_missing"]
    assert "expected Rohscans/1951~_4_174.tif" in missing
    for key, source in uploads.items():
        if not key.startswith("Harz"):
            assert_same_picture(client, name, found[key][1], source, (200, 3900) if "Sachsa" in key else None)
    (link,) = sample.sql("SELECT dl_orig FROM cogmill.tile_index WHERE frame_num = '173'")[0]
    assert link.endswith("Luftbilder/sw/Rohscans/1951-03-22%20Film%204%20Bild%20173.tif")


def assert_same_picture(client, bucket, cog_key, source, scaling):
    """Compare a COG with gdalwarp, away from its edge; JPEG may differ by its quality."""
    gdal.FileFromMemBuffer("/vsimem/second_cog.tif", client.get_object(Bucket=bucket, Key=cog_key)["Body"].read())
    cog = gdal.Open("/vsimem/second_cog.tif")
    inside = (slice(None), slice(20, -20), slice(20, -20))
    wanted, got = (
        truth(source, cog, scaling)[inside],
        cog.ReadAsArray().reshape(-1, cog.RasterYSize, cog.RasterXSize)[inside],
    )
    valid = cog.GetRasterBand(1).GetMaskBand().ReadAsArray()[20:-20, 20:-20] > 0
    cog = None
    gdal.Unlink("/vsimem/second_cog.tif")
    assert valid.mean() > 0.8
    assert np.abs(wanted - got)[:, valid].mean() < 1, cog_key
