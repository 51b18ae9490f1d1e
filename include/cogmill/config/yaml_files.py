"""Contents of the YAML files in which people state something, and how they are told of a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from cogmill.config.values import StrictModel
from cogmill.domain.errors import ConfigurationError

Model = TypeVar("Model", bound=StrictModel)


def parsed(
    model: type[Model],
    file: str,
    text: str,
    keys: Mapping[str, Sequence[str]],
    given: Mapping[str, object] = MappingProxyType({}),
) -> Model:
    """Return what a file states.

    Args:
        model: What it may state.
        file: Name of the file.
        text: What it holds.
        keys: Allowed keys, by the key that they are below.
        given: Fields of the model that are known otherwise, and that the file must not state.

    Raises:
        ConfigurationError: Names the file, the line, the key and what is allowed.
    """
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as err:
        raise ConfigurationError(f"{file}: not readable as YAML: {err}") from err
    if not isinstance(values, dict) or given.keys() & values.keys():
        raise ConfigurationError(f"{file}: a mapping of {', '.join(keys[''])} is expected")
    try:
        return model.model_validate({**values, **given})
    except ValidationError as err:
        raise ConfigurationError("; ".join(_complaint(file, text, error, keys) for error in err.errors())) from err


def _complaint(file: str, text: str, error: Any, keys: Mapping[str, Sequence[str]]) -> str:
    """Return one mistake with file, line, key and what is allowed."""
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
