"""How people bring files into the bucket: the AWS command line, an s3fs mount, a multipart upload."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from boto3.s3.transfer import TransferConfig

from demo.stack import Stack

PART = 5 << 20
"""Bytes of one part, the smallest S3 allows."""


def by_command_line(stack: Stack, file: Path, key: str) -> None:
    """`aws s3 cp`, as it stands."""
    aws = Path(sys.executable).with_name("aws")
    target = stack.settings.place.uri(key)
    secrets = {
        "AWS_ACCESS_KEY_ID": stack.settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": stack.settings.s3_secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, aws, "--endpoint-url", stack.settings.s3_url, "s3", "cp", "--quiet", file, target]
    subprocess.run(command, check=True, env=os.environ | secrets)


def by_mount(stack: Stack, file: Path, key: str) -> None:
    """`cp` into an s3fs mount of the whole bucket, as scanning staff have one; s3fs writes an empty object first."""
    with tempfile.TemporaryDirectory(prefix="cogmill-drop-") as folder:
        mount, passwords = Path(folder) / "bucket", Path(folder) / "passwords"
        mount.mkdir()
        passwords.touch(mode=0o600)
        secret = stack.settings.s3_secret_key.get_secret_value()
        passwords.write_text(f"{stack.settings.s3_access_key}:{secret}\n")
        options = f"url={stack.settings.s3_url},use_path_request_style,passwd_file={passwords}"
        place = stack.settings.place
        target = mount / place.at(key)["Key"]
        subprocess.run(["s3fs", place.bucket, mount, "-o", options], check=True)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        finally:
            subprocess.run(["fusermount", "-u", mount], check=True)


def by_parts(stack: Stack, file: Path, key: str) -> None:
    """A multipart upload, as every tool makes it of a large file."""
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    stack.s3_client().upload_file(str(file), **stack.settings.place.at(key), Config=config)


WAYS: dict[str, Callable[[Stack, Path, str], None]] = {
    "aws s3 cp": by_command_line,
    "s3fs": by_mount,
    "multipart": by_parts,
}
"""Every way by its name."""
