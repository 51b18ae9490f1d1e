"""Several tasks at the same time on one worker: they share the temporary folder of the host with each other and with strangers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.domain.model import Bands, Collection, Product
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive, build_cogs, ingest
from cogmill.pipeline.batches import plan_batches
from osgeo import gdal

from tests.small_archive import TRAVIS

HAYS = Collection("Hays", "USDA", "1951", Product.FRAMES)
STRANGERS = {
    "03-22-51_4-1.tif": b"mine",
    "cogmill-notes.txt": b"not yours",
    "cogmill-abcd1234/03-22-51_4-1.tif": b"another task",
}


@pytest.fixture
def crowded(tmp_path, monkeypatch):
    """The temporary folder of this host, with files of others that have the names of ours."""
    folder = tmp_path / "tmp"
    for name, content in STRANGERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


class Watched(S3Store):
    """A store that remembers where uploads were put on disk."""

    def __init__(self, *args):
        super().__init__(*args)
        self.paths = []

    def download(self, key, etag, target):
        self.paths.append(target)
        return super().download(key, etag, target)


def test_frames_of_one_name_in_two_collections_never_meet_and_files_of_others_stay(sample, database, crowded):
    collections = [TRAVIS, HAYS]
    for number, collection in enumerate(collections):
        sample.upload_real(1, collection, seed=number)
    ingest.ingest_uploads(sample.archive)
    store = Watched(sample.client, sample.archive.store.bucket)

    def task(collection):
        ledger = Ledger.connect(**database)
        archive = Archive(store, ledger, sample.archive.settings)
        (batch,) = plan_batches(archive, collection.id)
        built = build_cogs.build_batch(archive, batch["frame_ids"], collection.id).built
        ledger.close()
        return built

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(task, collections)) == [1, 1]

    assert len({path.parent for path in store.paths}) == len(store.paths) == 2
    assert all(path.is_relative_to(crowded) for path in store.paths)
    for collection in collections:
        prefix = collection.prefix(Bands.BW)
        (cog,) = sample.listed(f"{prefix}cog/03")
        assert pixels(sample, cog) == pixels(sample, f"{prefix}georef/03-22-51_4-1.tif")
    left = {str(path.relative_to(crowded)): path.read_bytes() for path in crowded.rglob("*") if path.is_file()}
    assert left == STRANGERS
    assert {path.name for path in crowded.iterdir()} == {name.split("/")[0] for name in STRANGERS}


def pixels(sample, key):
    """Return the hash of the pixels of an object."""
    gdal.FileFromMemBuffer("/vsimem/one.tif", sample.archive.store.read(key))
    dataset = gdal.Open("/vsimem/one.tif")
    checksum = dataset.GetRasterBand(1).Checksum()
    del dataset
    gdal.Unlink("/vsimem/one.tif")
    return checksum
