from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pytest
import yaml

from tools import cve
from tools.cve import Finding, findings, fixes, known_cves, main, name_of, report

FIXED = {
    "mapserver": {
        "CVE-2026-1001": {"bookworm": "8.0.0-3+deb12u1", "trixie": "8.4.0-4+deb13u1"},
        "CVE-2026-1002": {"bookworm": "8.0.0-3+deb12u2"},
    },
    "postgresql": {"CVE-2026-2001": {"bookworm": "15.20-0+deb12u1", "trixie": "17.12-0+deb13u1"}},
}
REASONS = {"mapserver": {"CVE-2026-1002": {"trixie": "the door refuses it"}}}

TRIXIE = {
    "mapserver": "8.4.0-4+deb13u2",
    "nginx": "1.26.3-3+deb13u11",
    "gdal": "3.10.3+dfsg-1",
    "tiff": "4.7.0-3+deb13u3",
    "curl": "8.14.1-2+deb13u7",
    "postgresql-17": "17.12-0+deb13u1",
}
"""What the images held on the day of the list."""


@pytest.mark.parametrize(
    ("installed", "release", "expected"),
    [
        ({"mapserver": "8.0.0-3+deb12u2"}, "bookworm", []),
        ({"mapserver": "8.0.0-3"}, "bookworm", [("CVE-2026-1001", ""), ("CVE-2026-1002", "")]),
        ({"mapserver": "8.4.0-4+deb13u2"}, "trixie", [("CVE-2026-1002", "the door refuses it")]),
        ({"postgresql-15": "15.18-0+deb12u1"}, "bookworm", [("CVE-2026-2001", "")]),
        ({"postgresql-15": "15.20-0+deb12u1", "bash": "5"}, "bookworm", []),
        ({"postgresql-17": "17.12-0+deb13u1+local1"}, "trixie", []),
    ],
)
def test_says_what_the_installed_packages_do_not_fix(installed, release, expected) -> None:
    found = findings(installed, release, FIXED, REASONS)

    assert [(one.cve, one.reason) for one in found] == expected


def test_a_reason_for_a_whole_package_holds_for_cves_without_one_of_their_own() -> None:
    reasons = {"mapserver": {"all": "it is switched off", "CVE-2026-1001": "own"}}

    found = findings({"mapserver": "1"}, "trixie", FIXED, reasons)

    assert {one.cve: one.reason for one in found} == {"CVE-2026-1001": "own", "CVE-2026-1002": "it is switched off"}


def test_a_finding_says_what_helps() -> None:
    assert "OPEN, fixed in 2" in str(Finding("nginx", "1", "CVE-2026-1", "2", ""))
    assert "OPEN, no fixed package is known" in str(Finding("nginx", "1", "CVE-2026-1", "", ""))
    assert "cannot be reached: not configured" in str(Finding("nginx", "1", "CVE-2026-1", "", "not configured"))


def test_source_packages_with_a_version_in_their_name_are_one() -> None:
    assert [name_of(one) for one in ("postgresql-15", "postgresql-17", "mapserver", "libjpeg-turbo")] == [
        "postgresql",
        "postgresql",
        "mapserver",
        "libjpeg-turbo",
    ]


CHANGELOG = """\
tiff (4.7.0-3+deb13u2) trixie-security; urgency=high

  * CVE-2026-3001, again (CVE-2026-3002)

 -- A <a@debian.org>  Fri, 17 Apr 2026 16:43:37 +0200

tiff (4.7.0-3+deb13u1) trixie-security; urgency=high

  * Fix CVE-2026-3001 and CVE-2019-7663

 -- A <a@debian.org>  Fri, 10 Apr 2026 16:43:37 +0200
"""


def test_the_first_entry_of_a_changelog_that_names_a_cve_fixed_it() -> None:
    assert fixes(CHANGELOG) == {"CVE-2026-3001": "4.7.0-3+deb13u1", "CVE-2026-3002": "4.7.0-3+deb13u2"}


def test_collecting_keeps_other_releases_and_dates_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, changelog = tmp_path / "fixed.yaml", tmp_path / "changelog.gz"
    listed.write_text("date: 2020-01-01\npackages:\n  tiff:\n    CVE-2026-3001: {bookworm: '4.5'}\n")
    changelog.write_bytes(gzip.compress(CHANGELOG.encode()))
    monkeypatch.setattr(cve, "FIXED", listed)

    assert main(["collect", "trixie", f"tiff={changelog}"]) == 0

    known = yaml.safe_load(listed.read_text())
    assert known["packages"]["tiff"]["CVE-2026-3001"] == {"bookworm": "4.5", "trixie": "4.7.0-3+deb13u1"}
    assert known["date"] == dt.datetime.now(dt.UTC).date()


def test_nothing_is_open_in_the_images_that_the_list_knows(capsys: pytest.CaptureFixture[str]) -> None:
    date, _, _ = known_cves()

    assert report(TRIXIE, "trixie", date) == 0
    assert "\n0 open, " in capsys.readouterr().out
    assert report(TRIXIE, "trixie", date + dt.timedelta(days=61)) == 2
    assert report({**TRIXIE, "nginx": "1.26.3-3"}, "trixie", date) == 1


def test_every_reason_is_a_sentence_about_a_cve_of_a_package_that_is_listed() -> None:
    _, fixed, reasons = known_cves()

    for package, by_cve in reasons.items():
        for name, reason in by_cve.items():
            assert name == "all" or name in fixed[package]
            words = reason.values() if isinstance(reason, dict) else [reason]
            assert all(len(word.split()) > 3 for word in words)
