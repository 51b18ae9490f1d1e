"""The roles s3fs and mapserver on the release before."""

from __future__ import annotations

from tests.ansible.hosts import Host


def test_serves_on_debian_12_too(host12: Host) -> None:
    assert host12.play("--check").changes
    host12.play()

    assert host12.ask("judge") == {}
    errors = host12.ask("error_headers")
    assert {kept for _, _, kept in errors.values()} == {"no-store"}, errors
    assert host12.play().changes == []
