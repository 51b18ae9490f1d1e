"""Find the libraries that libgdal has loaded: what it links is what the engine must speak to, not another build of it."""

from __future__ import annotations

from pathlib import Path


def loaded_library(name: str) -> str | None:
    """Return the path of a shared library of this process; None when it is not loaded.

    Args:
        name: As the file's name begins: `libproj`.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    return next((line.split()[-1] for line in maps.splitlines() if f"/{name}.so" in line), None)
