"""The keys that anonymous clients may download: every published address leads to one of them, and no other key is open.

The demo and the containers put this policy on the bucket they make; the template for Amazon, `ansible/templates/aws/bucket.json.j2`,
holds the same list.
"""

from __future__ import annotations

import json

from cogmill.domain.layout import TEXAS
from cogmill.domain.layout.kinds import Stage

# below the folders of bands, not `*/cog/*`: what maintenance put into quarantine/ has a cog/ in its key too
PUBLIC_PATTERNS = (
    *(f"{bands}/*/{folder}/*" for folder in (Stage.SCANNED, "cog") for bands in TEXAS.bands.values()),
    "geojson/*",
    "catalog/*",
    "thumbnails/*",
    "stac/*",
    "viewer/*",
)
"""Keys that anybody may read, `*` standing for any text, slashes too: scans, COGs with the index files below them, the compiled
index, pages, lists and catalogs, the pictures of collections, the viewer. Not `georef/`: such an upload may have been rejected, and no published address leads to it."""

COMPILED = "geojson/compiled_historical_indexes"
"""Key of the compiled index, before its extension."""

FORMATS = {
    ".geojson": "application/geo+json",
    ".fgb": "application/vnd.flatgeobuf",
    ".parquet": "application/vnd.apache.parquet",
}
"""Extensions and content types of the compiled index."""

READ = "s3:GetObject"

SIMULATED_READ = (READ, "s3:HeadObject")
"""The S3 server of demo and containers asks for a permission of its own for HEAD, with which GDAL and QGIS open a COG.
Amazon, where one permission covers both, knows no such action and rejects the policy."""


def bucket_policy(bucket: str, *, simulated: bool = False) -> str:
    """Return the policy, as JSON, with which a bucket hands out what is published, and lists nothing.

    Args:
        bucket: Its name.
        simulated: Whether the S3 server is the one of demo and containers.

    >>> "arn:aws:s3:::cogmill/bw/*/cog/*" in json.loads(bucket_policy("cogmill"))["Statement"][0]["Resource"]
    True
    """
    statement = {
        "Sid": "PublicDownloads",
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(SIMULATED_READ) if simulated else READ,
        "Resource": [f"arn:aws:s3:::{bucket}/{pattern}" for pattern in PUBLIC_PATTERNS],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
