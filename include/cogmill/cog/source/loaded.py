"""Bind the libraries that libgdal has loaded: what it links is what the engine must speak to, not another build of it."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Pointer = ctypes.c_void_p

Signatures = Mapping[str, tuple[type[Any] | None, list[type[Any]]]]
"""Functions of a library by name: result and arguments."""


def bind_loaded(name: str, signatures: Signatures) -> ctypes.CDLL | None:
    """Return a shared library of this process with the types of its functions; None when it is not loaded.

    Args:
        name: As the file's name begins: `libproj`.
        signatures: The functions that are to be called.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    path = next((line.split()[-1] for line in maps.splitlines() if f"/{name}.so" in line), None)
    if path is None:
        return None
    library = ctypes.CDLL(path)
    for function_name, (result, arguments) in signatures.items():
        function = getattr(library, function_name)
        function.restype, function.argtypes = result, arguments
    return library
