from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml

from tests.ansible.options import PAGE, ROLES, ROOT, filled, options, pages, readme, specified


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_shows_the_options_as_they_are(page: Path) -> None:
    text = page.read_text()

    assert "<!-- options" in text
    assert filled(text, pages()[page]) == text, "out of date: run python -m tests.ansible.options"


@pytest.mark.parametrize("role", ROLES)
def test_readme_has_the_sections_of_a_role(role: str) -> None:
    sections = re.findall(r"^## (.+)$", readme(role).read_text(), re.MULTILINE)

    assert sections == ["Requirements", "Role variables", "Dependencies", "Example playbook", "Tags", "License"]


@pytest.mark.parametrize("role", ROLES)
def test_example_of_a_readme_is_a_play_with_options_that_exist(role: str) -> None:
    example = readme(role).read_text().partition("## Example playbook")[2]
    plays = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", example, re.DOTALL)[0])
    given = {name for play in plays for name in play.get("vars", {})}
    required = {name for name, spec in specified(role).items() if spec.get("required")}

    assert role in [entry["role"] for play in plays for entry in play["roles"]]
    assert required <= given <= {option.name for name in ROLES for option in options(name)}


def test_example_has_room_for_a_vault() -> None:
    variables = ROOT / "ansible/inventories/example/group_vars"

    # Of `all.yml` and a folder `all/` beside it Ansible reads the folder alone.
    assert [path.name for path in variables.iterdir()] == ["all"]
    assert yaml.safe_load((variables / "all/main.yml").read_text())["s3fs_bucket"]
    assert "group_vars/all/vault.yml" in PAGE.read_text()


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_specified_and_has_a_reason(role: str) -> None:
    names = [option.name for option in options(role)]

    assert set(names) == set(specified(role))
    assert [option.name for option in options(role) if not option.meaning] == []
    assert all(name.startswith(f"{role}_") for name in names)


def test_checklist_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"`(?:[\w/]+/)?(test_\w+)(?:\.py)?`", (ROOT / "docs/checklist.md").read_text()))
    files = list((ROOT / "tests").rglob("test_*.py"))
    present = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}

    assert len(named) > 20
    assert named - present - {file.stem for file in files} == set()


@pytest.mark.parametrize(
    ("api", "broker", "clear_text", "accepted"),
    [
        ("http://127.0.0.1:8080", "", False, True),
        ("http://localhost:8080", "redis://:pass@127.0.0.1:6379/0", False, True),
        ("https://airflow.example.org", "rediss://:pass@broker.example.org:6379/0?ssl_cert_reqs=required", False, True),
        ("https://airflow.example.org/at/", "amqps://user:pass@broker.example.org//", False, True),
        ("http://airflow.example.org:8080", "rediss://:pass@broker.example.org:6379/0", False, False),
        ("http://127.0.0.1.example.org", "", False, False),
        ("https://airflow.example.org", "redis://:127.0.0.1@broker.example.org:6379/0", False, False),
        ("https://airflow.example.org", "redis://broker.example.org/0", False, False),
        ("http://10.42.0.1:8080", "redis://10.42.0.1/0", True, True),
    ],
)
def test_workers_reach_broker_and_api_of_other_hosts_by_tls_alone(
    api: str, broker: str, *, clear_text: bool, accepted: bool
) -> None:
    variables = yaml.safe_load((ROOT / "ansible/roles/airflow_worker/vars/main.yml").read_text())
    expression = variables["__airflow_worker_is_private"].strip().removeprefix("{{").removesuffix("}}")

    decided = jinja2.Environment(autoescape=True).compile_expression(expression)(
        airflow_worker_api_url=api,
        airflow_worker_broker_url=broker,
        airflow_worker_clear_text=clear_text,
        __airflow_worker_here=variables["__airflow_worker_here"],
    )

    assert decided is accepted
