from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.model import RejectedFrame
from cogmill_airflow.operators.collection import PublishMapfileOperator
from cogmill_airflow.operators.links import MapPreviewLink, WmsCapabilitiesLink, addresses
from cogmill_airflow.operators.rejections import LONGEST_LABEL, MOST, ShowRejectedOperator, shown

SERVICE = "http://127.0.0.1:8081/wms/?map=/mapfiles/travis_usda_1951_frames.map&"


def refused(name: str) -> RejectedFrame:
    return RejectedFrame(f"bw/Travis/USDA_1951/frames/georef/{name}", Reason.NO_CRS, "no CRS", ADVICE[Reason.NO_CRS])


def test_box_names_file_and_reason_when_a_frame_was_refused() -> None:
    (box,) = shown([refused("03-22-51_4-173.tif")])

    assert box["label"] == "03-22-51_4-173.tif: no_crs"
    assert ADVICE[Reason.NO_CRS] in box["advice"]


def test_one_box_says_so_when_nothing_was_refused() -> None:
    assert [box["label"] for box in shown([])] == ["none rejected"]


def test_boxes_stay_few_when_thousands_were_refused() -> None:
    boxes = shown([refused(f"03-22-51_4-{number}.tif") for number in range(5000)])

    assert len(boxes) == MOST
    assert boxes[-1]["label"] == "and 4801 more: see the report"


def test_label_keeps_its_ends_when_it_is_too_long_for_airflow() -> None:
    (box,) = shown([refused("ä" * 180 + "b" * 180 + ".tif")])

    assert len(box["label"]) <= LONGEST_LABEL
    assert box["label"].startswith("ä")
    assert box["label"].endswith(".tif: no_crs")


def test_box_is_pink_with_advice_when_the_frame_is_at_fault() -> None:
    (box,) = shown([refused("03-22-51_4-173.tif")])

    with pytest.raises(AirflowSkipException, match="Export the raster again with its coordinate system"):
        ShowRejectedOperator(task_id="rejected", frame=box).execute({})


def test_box_is_green_when_nothing_was_refused() -> None:
    (box,) = shown([])

    assert ShowRejectedOperator(task_id="rejected", frame=box).execute({}) is None


def test_links_open_the_service_when_it_is_published() -> None:
    links = addresses(SERVICE, "Travis_USDA_1951_frames", (-10880000.0, 3530000.0, -10870000.0, 3535000.0))
    operator = SimpleNamespace(published=links)

    capabilities, preview = (link().get_link(operator, ti_key=None) for link in (WmsCapabilitiesLink, MapPreviewLink))

    assert capabilities == SERVICE + "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities"
    query = parse_qs(urlsplit(preview).query)
    assert query["map"] == ["/mapfiles/travis_usda_1951_frames.map"]
    assert (query["WIDTH"], query["HEIGHT"]) == (["1000"], ["500"])
    assert query["BBOX"] == ["-10880000.00,3530000.00,-10870000.00,3535000.00"]


def test_links_are_empty_when_nothing_is_published() -> None:
    operator = PublishMapfileOperator(task_id="publish", collection_id="x", service_name="X")

    assert WmsCapabilitiesLink().get_link(operator, ti_key=None) == ""
    assert addresses("", "X", None) == {}
