from __future__ import annotations

import re

import pytest
import yaml

from tests.ansible.options import PAGE, ROLES, ROOT, filled, options


def test_page_shows_the_options_as_they_are() -> None:
    assert filled(PAGE.read_text()) == PAGE.read_text()


def test_example_has_room_for_a_vault() -> None:
    variables = ROOT / "ansible/inventories/example/group_vars"

    # Of `all.yml` and a folder `all/` beside it Ansible reads the folder alone.
    assert [path.name for path in variables.iterdir()] == ["all"]
    assert yaml.safe_load((variables / "all/main.yml").read_text())["s3fs_bucket"]
    assert "group_vars/all/vault.yml" in PAGE.read_text()


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_specified_and_has_a_reason(role: str) -> None:
    specified = yaml.safe_load((ROOT / f"ansible/roles/{role}/meta/argument_specs.yml").read_text())
    names = [name for name, _, _ in options(role)]

    assert set(names) == set(specified["argument_specs"]["main"]["options"])
    assert all(name.startswith(f"{role}_") for name in names)


def test_checklist_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"`(?:[\w/]+/)?(test_\w+)(?:\.py)?`", (ROOT / "docs/checklist.md").read_text()))
    files = list((ROOT / "tests").rglob("test_*.py"))
    present = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}

    assert len(named) > 20
    assert named - present - {file.stem for file in files} == set()
