"""The roles s3fs and mapserver on the release before."""

from __future__ import annotations

from tests.ansible.hosts import BY_ROLE, S3_SECRET, Host
from tests.ansible.metadata import ROLE, ROLES, clients


def test_serves_on_debian_12_too(host12: Host) -> None:
    assert host12.play("--check").changes
    host12.play()

    assert host12.ask("judge") == {}
    errors = host12.ask("error_headers")
    assert {kept for _, _, kept in errors.values()} == {"no-store"}, errors
    assert host12.play().changes == []


def test_role_of_the_instance_opens_the_bucket_on_debian_12_too(host12: Host) -> None:
    log = host12.start_metadata()

    host12.play(extra=BY_ROLE | {"s3fs_iam_role": ROLE})

    assert host12.ask("judge") == {}
    assert host12.run(f"grep -rl {S3_SECRET} /etc; true") == ""
    assert clients(log, ROLES + ROLE) == {"s3fs", ""}  # MapServer's GDAL 3.6 gives no name
