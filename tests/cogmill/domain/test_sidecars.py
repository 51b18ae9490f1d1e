from __future__ import annotations

import pytest
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.sidecars import sidecar_prefix, with_sidecars

KEY = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif"
FAULT = InvalidFrameError(Reason.NOT_GEOREFERENCED, "no geotransform in the file")


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (".tfw", ["is a world file", "gdal_translate -a_srs"]),
        (".TFW", ["is a world file"]),
        (".j2w", ["is a world file"]),
        (".tif.aux.xml", ["georeferencing of ArcGIS", "not Update Georeferencing"]),
        (".tif.points", ["control points of QGIS", "Start Georeferencing"]),
        (".prj", ["a coordinate system"]),
        ("_RPC.TXT", ["a camera model", "gdalwarp -rpc"]),
    ],
)
def test_names_the_file_beside_an_upload_and_what_to_do(ending, words):
    beside = sidecar_prefix(KEY) + ending

    fault = with_sidecars(FAULT, KEY, [KEY, beside])

    assert fault.reason == FAULT.reason
    assert all(word in fault.detail for word in [FAULT.detail, beside.rpartition("/")[2], *words])


@pytest.mark.parametrize("ending", ["0.tfw", ".tif", ".txt", "1.tif.aux.xml", ".tif.ovr"])
def test_leaves_out_files_of_other_frames_and_of_other_meaning(ending):
    assert with_sidecars(FAULT, KEY, [sidecar_prefix(KEY) + ending]) is FAULT
