"""What the stack takes from the role that sets map hosts up, so that it is said once for both."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from demo.stack.settings import REPOSITORY

ROLE = REPOSITORY / "ansible/roles/mapserver"
"""The web server before MapServer and its gate are the same here."""


@cache
def role_variables() -> dict[str, Any]:
    """Return the role's defaults and variables by name, but for those that Ansible makes of others."""
    found: dict[str, Any] = {}
    for part in ("defaults", "vars"):
        found |= yaml.safe_load((ROLE / part / "main.yml").read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if "{{" not in str(value)}
