"""Mistakes in a YAML file as people are told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def complaint(file: str, text: str, error: Any, keys: Mapping[str, Sequence[str]]) -> str:
    """Return a mistake with file, line, key and what is allowed.

    Args:
        file: Name of the file.
        text: What it holds.
        error: One of a ValidationError.
        keys: Allowed keys, by the key that they are below.
    """
    path = [part for part in error["loc"] if part not in _TAGS]
    key = ".".join(str(part) for part in path) or "file"
    place = f"{file}:{_line(text, path)}: {key}"
    if error["type"] == "extra_forbidden":
        above = ".".join(str(part) for part in path[:-1] if isinstance(part, str))
        return f"{place}: unknown key, allowed are {', '.join(keys.get(above, []))}"
    message = str(error["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(error["input"], dict | list) else f"{error['input']!r} is wrong, "
    return f"{place}: {shown}{message[0].lower()}{message[1:]}"


_TAGS = {"[key]"}
"""What pydantic puts among the keys of a file and does not stand there."""


def _line(text: str, path: Sequence[str | int]) -> int:
    """Return the line of a key in a YAML text, or of the nearest one above it that stands there."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
