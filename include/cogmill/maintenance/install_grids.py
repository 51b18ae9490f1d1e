"""Install the grids of PROJ that a site asks for: `cogmill site grids`, which set-up, image and role run.

At run time PROJ has no network, because the result would depend on the day: grids are brought before, by name, from PROJ's network, from
a folder, or from the bucket where there is neither. Their checksums stay beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.aws.own_client import client_of_environment
from cogmill.aws.s3 import S3Store
from cogmill.cog.libraries import CHECKSUMS, proj_folders
from cogmill.config.settings import load_settings
from cogmill.config.site import load_site
from cogmill.domain import keys
from cogmill.domain.errors import CogmillError, ConfigurationError

MISSING = 1
"""Code with which the command ends when a grid is not there; frames can be built all the same."""

NETWORK, BUCKET = "network", "bucket"
"""Words for two of the sources; anything else is a folder."""

NETWORK_S = 300
"""Seconds for one grid from PROJ's network; the largest have 100 MB."""

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins."""

Source = Callable[[str, Path], None]
"""Brings the grid of a name into a folder; raises ConfigurationError with the reason when it cannot."""


def from_folder(folder: Path) -> Source:
    """Return a source of files that somebody put into a folder."""

    def bring(name: str, into: Path) -> None:
        if not (folder / name).is_file():
            raise ConfigurationError(f"{folder} has no {name}")
        shutil.copyfile(folder / name, into / name)

    return bring


def from_bucket(store: S3Store) -> Source:
    """Return a source of objects that somebody put below `proj/` of the bucket."""

    def bring(name: str, into: Path) -> None:
        key = keys.GRIDS + name
        if store.digest(key, into / name) is None:
            raise ConfigurationError(f"s3://{store.place} has no {key}")

    return bring


def from_network(name: str, into: Path) -> None:
    """Bring a grid from PROJ's network by PROJ's own program, whose address `PROJ_NETWORK_ENDPOINT` changes."""
    command = ["projsync", "--target-dir", str(into), "--file", name]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=NETWORK_S, check=False)
    except FileNotFoundError:
        raise ConfigurationError("projsync is not installed (Debian: proj-bin)") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"PROJ's network sent it not within {NETWORK_S} s") from None
    if asked.returncode or not (into / name).is_file():
        raise ConfigurationError(
            f"PROJ's network did not send it ({' '.join(asked.stderr.split()) or 'it has none of this name'})"
        )


def install(name: str, sources: Iterable[Source], folder: Path) -> str:
    """Put a grid into a folder, whole or not at all, readable for everybody, and return the sha256 of its bytes.

    Raises:
        ConfigurationError: No source has it, or what came is no grid; says of each why.
    """
    complaints = []
    with TemporaryDirectory(dir=folder, prefix=".grids-") as scratch:
        brought = Path(scratch) / name
        for bring in sources:
            try:
                bring(name, Path(scratch))
                with brought.open("rb") as content:
                    if content.read(4) not in TIFF:
                        raise ConfigurationError("what came is no GeoTIFF")
                    content.seek(0)
                    sha256 = hashlib.file_digest(content, "sha256").hexdigest()
                brought.chmod(0o644)
                os.replace(brought, folder / name)  # noqa: PTH105
            except (CogmillError, OSError) as err:
                complaints.append(str(err))
            else:
                _note_checksum(folder, name, sha256)
                return sha256
    raise ConfigurationError(f"PROJ's grid {name} is not installed: {'; '.join(complaints)}")


def _note_checksum(folder: Path, name: str, sha256: str) -> None:
    """Record a checksum as `sha256sum --check` reads it."""
    known = _checksums(folder) | {name: sha256}
    (folder / CHECKSUMS).write_text("".join(f"{value}  {each}\n" for each, value in sorted(known.items())), "utf-8")
    (folder / CHECKSUMS).chmod(0o644)


def _checksums(folder: Path) -> dict[str, str]:
    """Return the checksums of a folder by name."""
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}


def find_installed(name: str) -> Path | None:
    """Return where PROJ finds a grid; None where it does not, or finds other bytes than were installed."""
    found = next((folder / name for folder in proj_folders() if (folder / name).is_file()), None)
    if found is None or (noted := _checksums(found.parent).get(name)) is None:
        return found
    return found if hashlib.sha256(found.read_bytes()).hexdigest() == noted else None


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `grids` to the commands about the site."""
    parser = commands.add_parser(
        "grids",
        help="install PROJ's grids",
        description="Install the grids of PROJ that the site file lists (proj_grids).",
    )
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        metavar="SOURCE",
        help="network (PROJ's, the default), bucket (below proj/ of COGMILL_BUCKET, with the credentials of AWS_*) or a folder; "
        "given several times, they are tried in turn",
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="instead of the first folder of PROJ_DATA")
    parser.add_argument("--check", action="store_true", help="only look whether they are there as they were installed")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Install what is missing, say what became of each grid, and return the code with which the command ends.

    Raises:
        ConfigurationError: A setting or the site file is wrong, or the folder cannot be written.
    """
    names = load_site(load_settings().site_file).proj_grids
    folder = asked.to or proj_folders()[0]
    missing = False
    for name in names:
        try:
            sys.stdout.write(f"{_installed(name, asked, folder)}\n")
        except ConfigurationError as err:
            missing = True
            sys.stderr.write(
                f"{err}. Frames that need it are placed less accurately or rejected until it is there: docs/install.md\n"
            )
    if not names:
        sys.stdout.write("the site file asks for no grids (proj_grids)\n")
    return MISSING if missing else 0


def _installed(name: str, asked: argparse.Namespace, folder: Path) -> str:
    """Return what to say of a grid that is there, once it is."""
    if found := find_installed(name):
        return f"{name} is there: {found}"
    if asked.check:
        raise ConfigurationError(
            f"PROJ's grid {name} is in no folder where PROJ looks, or has other bytes than were installed"
        )
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o755)  # whatever the umask: the reader of uploads is another user
        sha256 = install(name, _sources(asked.sources or [NETWORK]), folder)
    except OSError as err:
        raise ConfigurationError(
            f"PROJ's grid {name} is not installed: {folder} cannot be written ({err.strerror}); run this as root, or name another "
            "folder with --to and in PROJ_DATA"
        ) from err
    return f"{name} was installed: {folder / name}, sha256 {sha256}"


def _sources(words: Sequence[str]) -> list[Source]:
    return [_source(word) for word in words]


def _source(word: str) -> Source:
    if word == NETWORK:
        return from_network
    if word == BUCKET:
        settings = load_settings()
        return from_bucket(S3Store(client_of_environment(settings.silence_seconds), settings.bucket, settings.prefix))
    return from_folder(Path(word))
