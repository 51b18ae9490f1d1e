r"""Compare what is installed with a list of known CVEs: `python -m tools.cve`, or `make cve`.

    python -m tools.cve                            the packages of this machine
    python -m tools.cve --release trixie FILE      lines `source-package version`, such as those of an image:
        docker run --rm --entrypoint dpkg-query IMAGE -W -f '${source:Package} ${source:Version}\\n'
    python -m tools.cve collect trixie mapserver=CHANGELOG ...
        takes the fixes that Debian's changelogs name into the list

Exit code 0: every known CVE is fixed or cannot be reached here. 1: one is open. 2: the list is older than `OLD_DAYS`, whatever it says.

The list has two parts. `cve_fixed.yaml` says which version of a Debian release fixes what, as its changelog names it, and is
collected. `cve_reasons.yaml` is written by people: CVEs that no package fixes, with their source, and why one that is open cannot
be reached. A CVE without a fix in a release and without a reason counts as open.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FIXED, REASONS = (Path(__file__).with_name(f"cve_{name}.yaml") for name in ("fixed", "reasons"))

OLD_DAYS = 60
"""After so many days the list says too little."""

FIRST_YEAR = 2024
"""Older CVEs are older than the packages of both releases."""

VERSION = re.compile(r"^[a-z0-9.+-]+ \(([^)]+)\)", re.MULTILINE)
CVE = re.compile(r"CVE-(\d{4})-\d{4,}")


@dataclass(frozen=True, slots=True)
class Finding:
    """A known CVE that an installed package does not fix."""

    package: str
    version: str
    cve: str
    fixed_in: str
    """Version that fixes it in this release; empty when none is known."""
    reason: str
    """Why it cannot be reached; empty when it can, as far as anybody has looked."""

    def __str__(self) -> str:
        remedy = f"fixed in {self.fixed_in}" if self.fixed_in else "no fixed package is known"
        state = f"not fixed, and cannot be reached: {self.reason}" if self.reason else f"OPEN, {remedy}"
        return f"{self.package} {self.version}: {state}"


def name_of(source_package: str) -> str:
    """Return the name under which a source package is listed: without the version that some have in it."""
    return re.sub(r"-\d+$", "", source_package)


def is_older(version: str, fixed: str) -> bool:
    """Compare two versions by Debian's rules."""
    return subprocess.run(["dpkg", "--compare-versions", version, "lt", fixed], check=False).returncode == 0


def findings(
    installed: Mapping[str, str], release: str, fixed: Mapping[str, Any], reasons: Mapping[str, Any]
) -> list[Finding]:
    """Return the CVEs that installed packages do not fix, by package and number.

    Args:
        installed: Version by source package.
        release: Code name of the Debian release.
        fixed: By package and CVE, the version that fixes it in each release.
        reasons: By package: `all`, a reason that holds for every CVE, and reasons by CVE; a reason may be one for each release.
    """
    found = []
    for source, version in sorted(installed.items()):
        package = name_of(source)
        why = reasons.get(package, {})
        for cve, versions in sorted(fixed.get(package, {}).items()):
            remedy = versions.get(release, "")
            if remedy and not is_older(version, remedy):
                continue
            reason = why.get(cve, "")
            reason = reason.get(release, "") if isinstance(reason, dict) else reason
            found.append(Finding(source, version, cve, remedy, reason or why.get("all", "")))
    return found


def fixes(changelog: str) -> dict[str, str]:
    """Return the first version of a package whose entry in its changelog names a CVE, by CVE."""
    named: dict[str, str] = {}
    heads = list(VERSION.finditer(changelog))
    for head, end in zip(heads, [*(one.start() for one in heads[1:]), len(changelog)], strict=True):
        for cve in CVE.finditer(changelog, head.end(), end):
            if int(cve[1]) >= FIRST_YEAR:
                named[cve[0]] = head[1]
    return named


def collect(release: str, changelogs: Iterable[str]) -> None:
    """Take the fixes of a release into the list, and date it today."""
    known = yaml.safe_load(FIXED.read_text(encoding="utf-8")) if FIXED.exists() else {"packages": {}}
    for word in changelogs:
        package, _, path = word.partition("=")
        for cve, version in fixes(gzip.decompress(Path(path).read_bytes()).decode("utf-8", "replace")).items():
            known["packages"].setdefault(package, {}).setdefault(cve, {})[release] = version
    lines = [f"date: {dt.datetime.now(dt.UTC).date()}", "packages:"]
    for package, by_cve in sorted(known["packages"].items()):
        lines.append(f"  {package}:")
        for cve, versions in sorted(by_cve.items(), key=lambda item: [int(part) for part in item[0][4:].split("-")]):
            words = ", ".join(f"{one}: {version!r}" for one, version in sorted(versions.items()))
            lines.append(f"    {cve}: {{{words}}}")
    FIXED.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_versions(text: str) -> dict[str, str]:
    """Return version by source package from lines of both."""
    return dict(line.split()[:2] for line in text.splitlines() if len(line.split()) > 1)


def known_cves() -> tuple[dt.date, dict[str, Any], dict[str, Any]]:
    """Return the date of the list, fixes and reasons; CVEs that only have a reason have no fix."""
    listed, reasons = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (FIXED, REASONS))
    fixed = {package: dict(by_cve) for package, by_cve in listed["packages"].items()}
    for package, by_cve in reasons.items():
        for cve in set(by_cve) - {"all"}:
            fixed.setdefault(package, {}).setdefault(cve, {})
    return listed["date"], fixed, reasons


def report(installed: Mapping[str, str], release: str, today: dt.date) -> int:
    """Print what is open, and return the exit code."""
    date, fixed, reasons = known_cves()
    found = findings(installed, release, fixed, reasons)
    looked_at = sorted(f"{name} {version}" for name, version in installed.items() if name_of(name) in fixed)
    sys.stdout.write(
        f"List of {date}, Debian {release}: {', '.join(looked_at) or 'none of the packages is installed'}\n"
    )
    together: dict[str, list[str]] = {}
    for finding in sorted(found, key=lambda one: (bool(one.reason), one.package)):
        together.setdefault(str(finding), []).append(finding.cve)
    for words, cves in together.items():
        sys.stdout.write(f"{words}\n    {' '.join(cves)}\n")
    is_open = [one for one in found if not one.reason]
    sys.stdout.write(f"{len(is_open)} open, {len(found) - len(is_open)} not fixed that cannot be reached.\n")
    if (today - date).days > OLD_DAYS:
        sys.stdout.write(f"The list is older than {OLD_DAYS} days: collect it again (docs/hosts.md).\n")
        return 2
    return 1 if is_open else 0


def main(arguments: list[str]) -> int:
    """Run the command."""
    if arguments[:1] == ["collect"]:
        collect(arguments[1], arguments[2:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m tools.cve")
    parser.add_argument("--release", default=platform.freedesktop_os_release().get("VERSION_CODENAME", ""))
    parser.add_argument("file", nargs="?", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.file:
        text = chosen.file.read_text(encoding="utf-8")
    else:
        ask = ["dpkg-query", "-W", "-f", "${source:Package} ${source:Version}\n"]
        text = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    return report(read_versions(text), chosen.release, dt.datetime.now(dt.UTC).date())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
