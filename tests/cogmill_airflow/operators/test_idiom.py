from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.model import RejectedFrame
from cogmill_airflow.operators.collection import PublishMapfileOperator
from cogmill_airflow.operators.links import MapPreviewLink, WmsCapabilitiesLink, service_addresses
from cogmill_airflow.operators.rejections import MAX_ENTRIES, MAX_LABEL_CHARS, ShowRejectedOperator, rejection_entries

SERVICE = "http://127.0.0.1:8081/wms/?map=/mapfiles/travis_usda_1951_frames.map&"


def rejected(name: str) -> RejectedFrame:
    return RejectedFrame(f"bw/Travis/USDA_1951/frames/georef/{name}", Reason.NO_CRS, "no CRS", ADVICE[Reason.NO_CRS])


def test_entry_names_file_and_reason_when_a_frame_was_rejected() -> None:
    (entry,) = rejection_entries([rejected("03-22-51_4-173.tif")])

    assert entry["label"] == "03-22-51_4-173.tif: no_crs"
    assert ADVICE[Reason.NO_CRS] in entry["advice"]


def test_one_entry_says_so_when_nothing_was_rejected() -> None:
    assert [entry["label"] for entry in rejection_entries([])] == ["none rejected"]


def test_entries_stay_few_when_thousands_were_rejected() -> None:
    entries = rejection_entries([rejected(f"03-22-51_4-{number}.tif") for number in range(5000)])

    assert len(entries) == MAX_ENTRIES
    assert entries[-1]["label"] == "and 4801 more: see the report"


def test_label_keeps_its_ends_when_it_is_too_long_for_airflow() -> None:
    (entry,) = rejection_entries([rejected("ä" * 180 + "b" * 180 + ".tif")])

    assert len(entry["label"]) <= MAX_LABEL_CHARS
    assert entry["label"].startswith("ä")
    assert entry["label"].endswith(".tif: no_crs")


def test_task_is_pink_with_advice_in_its_log_when_the_frame_is_at_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (entry,) = rejection_entries([rejected("03-22-51_4-173.tif")])

    with pytest.raises(AirflowSkipException, match=r"03-22-51_4-173\.tif: no_crs"):
        ShowRejectedOperator(task_id="rejected", frame=entry).execute({})

    log = capsys.readouterr().out
    assert log.count("Export the raster again with its coordinate system") == 1
    assert "bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif" in log


def test_task_is_green_when_nothing_was_rejected() -> None:
    (entry,) = rejection_entries([])

    assert ShowRejectedOperator(task_id="rejected", frame=entry).execute({}) is None


def test_links_open_the_service_when_it_is_published() -> None:
    picture = "https://s3.example.org/cogmill/thumbnails/travis_usda_1951_frames_1024.webp"
    links = service_addresses(SERVICE, picture)
    operator = SimpleNamespace(published=links)

    capabilities, preview = (link().get_link(operator, ti_key=None) for link in (WmsCapabilitiesLink, MapPreviewLink))

    assert capabilities == SERVICE + "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities"
    assert preview == picture


def test_links_are_empty_when_nothing_is_published() -> None:
    operator = PublishMapfileOperator(task_id="publish", collection_id="x")

    assert WmsCapabilitiesLink().get_link(operator, ti_key=None) == ""
    assert service_addresses("", "https://s3.example.org/x.webp") == {}
