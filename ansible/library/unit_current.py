#!/usr/bin/python
"""Ansible module: a systemd unit runs with the configuration that is on disk now."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: unit_current
short_description: Ensure that systemd units run, and run with what is on disk
description:
  - Enables and starts units, and restarts (or reloads) those that were started before one of their files changed.
  - >
    A handler is forgotten when a play is killed between a change and the handler. This module compares times instead,
    so that the next play sees what is left to do.
options:
  names: {description: Units., type: list, elements: str, required: true}
  files: {description: What the units read when they start., type: list, elements: path, default: []}
  action: {description: What makes a unit read its files., choices: [restart, reload], default: restart}
author: [Cogmill]
"""

EXAMPLES = r"""
- name: Ensure the workers run with the present configuration
  unit_current:
    names: [cogmill-mapserv@1.service]
    files: [/etc/mapserver.conf]
"""

RETURN = r"""
actions: {description: What was done, or would be., type: list, returned: always}
"""

PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload", "StateChangeTimestamp")
SETTLED = ("enabled", "static", "generated", "indirect", "alias", "enabled-runtime")


class Systemd:
    """Calls of systemctl; changes are only noted in check mode."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.actions: list[str] = []

    def change(self, *words: str) -> None:
        """Carry out one change."""
        self.actions.append(" ".join(words))
        if self.module.check_mode:
            return
        status, _, said = self.module.run_command(["systemctl", *words])
        if status:
            _, log, _ = self.module.run_command(["journalctl", "-u", words[-1], "-n", "20", "-o", "cat", "--no-pager"])
            self.module.fail_json(msg=f"systemctl {' '.join(words)}: {said}", journal=log.splitlines())

    def show(self, unit: str) -> dict[str, str]:
        """Return what systemd knows of a unit, also of one that does not exist."""
        arguments = ["systemctl", "show", "--timestamp=us", "-p", ",".join(PROPERTIES), unit]
        _, text, _ = self.module.run_command(arguments, check_rc=True)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def changed_at(path: str) -> float:
    """Return when a file last changed, in seconds; a missing one never did."""
    file = Path(path)
    return file.stat().st_mtime if file.exists() else 0.0


def started_at(timestamp: str) -> float:
    """Return seconds of systemd's 'Sat 2026-11-21 09:07:20.605520 UTC'; 0 when it never happened."""
    if not timestamp:
        return 0.0
    day, time = timestamp.split()[1:3]
    # Asked for with TZ=UTC in the environment of this module.
    return dt.datetime.fromisoformat(f"{day}T{time}+00:00").timestamp()


def bring_up(systemd: Systemd, unit: str, newest: float, action: str) -> None:
    """Enable and start one unit, or make it read its files again."""
    state = systemd.show(unit)
    if state.get("NeedDaemonReload") == "yes" or state.get("LoadState") == "not-found":
        systemd.change("daemon-reload")
        fresh = systemd.show(unit)
        state = {**fresh, "StateChangeTimestamp": state.get("StateChangeTimestamp", "")}
    if state.get("UnitFileState") not in SETTLED:
        systemd.change("enable", unit)
    if state.get("ActiveState") not in ("active", "activating", "reloading"):
        systemd.change("start", unit)
    elif started_at(state["StateChangeTimestamp"]) < newest:
        systemd.change(action, unit)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "action": {"choices": ["restart", "reload"], "default": "restart"},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"TZ": "UTC", "LC_ALL": "C"}
    systemd = Systemd(module)
    newest = max(map(changed_at, module.params["files"]), default=0.0)
    for unit in module.params["names"]:
        bring_up(systemd, unit, newest, module.params["action"])
    module.exit_json(changed=bool(systemd.actions), actions=systemd.actions)


if __name__ == "__main__":
    main()
