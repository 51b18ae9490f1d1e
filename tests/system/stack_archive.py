"""The archive of a running stack, for tests that do by hand what its DAGs do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive
from PIL import Image

from demo.stack import Stack
from demo.stack.settings import LOOPBACK
from tests.small_archive import TRAVIS, SmallArchive
from tests.system.probes import ask, wait_until


@contextmanager
def archive_of(stack: Stack) -> Iterator[SmallArchive]:
    """Open the bucket and the ledger of a stack with the settings of its tasks; statements of a test run as the owner."""
    program = {
        name.removeprefix("COGMILL_").lower(): value
        for name, value in stack.environment().items()
        if name.startswith("COGMILL_")
    }
    libpq = {"host": LOOPBACK, "port": stack.settings.postgis_port, "dbname": "cogmill"}
    writer = {"user": "cogmill_writer", "password": stack.settings.writer_password.get_secret_value()}
    owner = {"user": "cogmill_owner", "password": stack.settings.owner_password.get_secret_value()}
    store = S3Store(stack.s3_client(), stack.settings.bucket, stack.settings.prefix, stack.settings.public_bucket)
    with closing(Ledger.connect(**libpq, **writer)) as ledger:
        archive = Archive(store, ledger, Settings(_env_file=None, **program))
        yield SmallArchive(archive, stack.s3_client(), {**libpq, **owner})


def first_frame_on_the_map(stack: Stack) -> np.ndarray:
    """Wait until MapServer draws the middle of the first frame of `TRAVIS`; return its pixels, `(64, 64, 4)`."""
    west = -10_899_800
    query = (
        f"map=/mapfiles/{TRAVIS.id}.map&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=Travis_USDA_1951_frames&STYLES="
        f"&SRS=EPSG:3857&BBOX={west},3499744,{west + 256},3500000&WIDTH=64&HEIGHT=64&FORMAT=image/png"
    )
    wait_until(lambda: ask(stack, query).headers["content-type"] == "image/png", 30)
    return np.asarray(Image.open(io.BytesIO(ask(stack, query).content)).convert("RGBA"))
