"""Drop a small synthetic survey into the bucket, as staff would: `docker compose run --rm samples`."""  # noqa: INP001  # a script

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import boto3  # noqa: TID253
from cogmill.aws.place import ArchivePlace
from cogmill.config.settings import load_settings

from demo.survey.generate import generate


def main() -> int:
    """Make the survey, in the folder that was named or one of its own, and upload every file under its key."""
    place = ArchivePlace(load_settings().bucket, load_settings().prefix)
    client = boto3.client("s3", endpoint_url=os.environ["S3_URL"], region_name="us-east-1")
    with tempfile.TemporaryDirectory() as own:
        survey = generate(Path(sys.argv[1] if len(sys.argv) > 1 else own) / "survey")
        for item in survey.items:
            client.upload_file(str(survey.path(item)), **place.at(item.key))
    sys.stdout.write(f"{len(survey.items)} files are in the bucket\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
