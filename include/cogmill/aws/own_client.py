"""A client of S3 for commands that people run, where no connection of Airflow is at hand."""

from __future__ import annotations

from typing import Any

import boto3

from cogmill.aws.client_limits import client_config


def client_of_environment(silence_s: float) -> Any:
    """Return a boto3 client for S3 with the credentials, region and endpoint that `AWS_*` variables and profiles give."""
    return boto3.client("s3", config=client_config(silence_s))
