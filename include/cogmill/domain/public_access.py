"""The keys that anonymous clients may download: every published address leads to one of them, and no other key is open.

Where the archive has a bucket of its own for what is public, `lies_open` says what lies there.

The demo and the containers put this policy on the bucket they make; the template for Amazon, `ansible/templates/aws/bucket.json.j2`,
holds the same list.
"""

from __future__ import annotations

import json
import re

from cogmill.domain.layout import TEXAS, KeyLayout, layout_in_use
from cogmill.domain.layout.kinds import Stage
from cogmill.domain.layout.rules import COG_FOLDER
from cogmill.domain.screening import is_below_cog, is_upload

OPEN_FOLDERS = ("geojson/*", "catalog/*", "thumbnails/*", "stac/*", "viewer/*")
"""The compiled index, pages, lists and catalogs, the pictures of collections, the viewer."""


def public_patterns(layout: KeyLayout | None = None) -> tuple[str, ...]:
    """Return the keys that anybody may read, `*` standing for any text, slashes too: scans, COGs with the index files below them, and `OPEN_FOLDERS`.

    Not `georef/`: such an upload may have been rejected, and no published address leads to it.

    Args:
        layout: Of the keys; None: the one in use.
    """
    layout = layout or layout_in_use()
    # below the folders of bands, not `*/cog/*`: what maintenance put into quarantine/ has a cog/ in its key too
    stages = (layout.stages[Stage.SCANNED], COG_FOLDER)
    archive = [_below(layout, bands, folder) for folder in stages for bands in layout.bands.values()]
    return (*dict.fromkeys(archive), *OPEN_FOLDERS)


def _below(layout: KeyLayout, bands: str, folder: str) -> str:
    any_text = dict.fromkeys(("place", "agency", "year", "product"), "*")
    folders = layout.keys[0].write({**any_text, "bands": bands, "stage": folder}).split("/")[:-1]
    known = [name if bands in name or folder in name else "*" for name in folders]
    return re.sub(r"(\*/)+", "*/", "/".join([*known, "*"]))


_OPEN = tuple(folder.removesuffix("*") for folder in OPEN_FOLDERS)


def lies_open(key: str) -> bool:
    """Tell whether a key is one that Cogmill writes for the public: it lies in the public bucket, where there is one.

    Of what `public_patterns` opens these are all but scans, which people upload: copies of those lie there.

    >>> lies_open("bw/Travis/USDA_1951/frames/cog/x.0123456789ab.tif"), lies_open("catalog/index.html")
    (True, True)
    >>> lies_open("bw/Travis/USDA_1951/frames/scanned/x.tif"), lies_open("catalog/upload.tif")
    (False, False)
    """
    return is_below_cog(key) or (key.startswith(_OPEN) and not is_upload(key))


PUBLIC_PATTERNS = public_patterns(TEXAS)
"""The same of the default layout, which the template for Amazon opens."""

COMPILED = "geojson/compiled_historical_indexes"
"""Key of the compiled index, before its extension."""

FORMATS = {
    ".geojson": "application/geo+json",
    ".fgb": "application/vnd.flatgeobuf",
    ".parquet": "application/vnd.apache.parquet",
}
"""Extensions and content types of the compiled index."""

COMPILED_FILES = {f"all footprints ({suffix[1:]})": COMPILED + suffix for suffix in FORMATS}
"""Its keys by what people call its files."""

READ = "s3:GetObject"

SIMULATED_READ = (READ, "s3:HeadObject")
"""The S3 server of demo and containers asks for a permission of its own for HEAD, with which GDAL and QGIS open a COG.
Amazon, where one permission covers both, knows no such action and rejects the policy."""


CORS: dict[str, list[dict[str, object]]] = {
    "CORSRules": [
        {
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["GET", "HEAD"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
            "MaxAgeSeconds": 86400,
        }
    ]
}
"""The bucket's rule for browsers, as boto3 and the AWS command line take it: pages of any site may read what is public, by ranges too."""


def bucket_policy(bucket: str, prefix: str = "", *, simulated: bool = False) -> str:
    """Return the policy, as JSON, with which a bucket hands out what is published, and lists nothing.

    Args:
        bucket: Its name.
        prefix: As in the settings: what the keys of the archive begin with in it.
        simulated: Whether the S3 server is the one of demo and containers.

    >>> "arn:aws:s3:::cogmill/bw/*/cog/*" in json.loads(bucket_policy("cogmill"))["Statement"][0]["Resource"]
    True
    """
    statement = {
        "Sid": "PublicDownloads",
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(SIMULATED_READ) if simulated else READ,
        "Resource": [f"arn:aws:s3:::{bucket}/{prefix}{pattern}" for pattern in public_patterns()],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
