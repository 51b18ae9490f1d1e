from __future__ import annotations

import re
from pathlib import Path

import pytest
from cogmill.domain.errors import ConfigurationError
from supervisor.datatypes import dict_of_key_value_pairs

from bench.getmap.served import without_gate
from demo.stack.paths import StackPaths, write_private
from demo.stack.programs import s3fs_options
from demo.stack.render import environment_line, front_values, render
from demo.stack.settings import StackSettings


@pytest.mark.parametrize("value", ["plain", '{"a": ["b", 1]}', "100%", "it's", "a,b=c", "", "%(ENV_HOME)s"])
def test_supervisor_reads_back_the_value_when_a_line_was_written_for_it(value: str) -> None:
    line = environment_line({"FIRST": "1", "NAME": value})

    assert dict_of_key_value_pairs(line % {}) == {"FIRST": "1", "NAME": value}


@pytest.mark.parametrize("value", ["both ' and \"", "line\nbreak", "'quoted'"])
def test_refuses_without_repeating_it_when_a_value_cannot_be_passed_on(value: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME") as caught:
        environment_line({"NAME": value})

    assert value not in str(caught.value)


def test_private_file_is_readable_by_its_owner_only_when_one_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_home_is_refused_when_it_holds_what_no_stack_wrote(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()

    with pytest.raises(FileExistsError, match="COGMILL_HOME"):
        StackPaths(tmp_path).prepare()


def test_nothing_is_removed_when_a_folder_is_no_stack(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()

    StackPaths(tmp_path).remove()

    assert (tmp_path / "letters").exists()


@pytest.mark.parametrize(("version", "expected"), [((1, 90), False), ((1, 92), True), ((1, 95), True)])
def test_absent_objects_and_folders_need_no_marker_when_s3fs_is_new(version: tuple[int, ...], expected: bool) -> None:  # noqa: FBT001
    options = s3fs_options(StackPaths(Path("/x")), StackSettings(_env_file=None), version)

    assert ("disable_noobj_cache" in options) is expected
    assert ("compat_dir" in options) is expected
    assert "ro" in options
    assert "use_cache" not in " ".join(options)


def test_a_benchmark_of_drawing_has_the_door_and_no_gate_before_the_workers(tmp_path: Path) -> None:
    settings = StackSettings(_env_file=None, home=tmp_path)
    front = render("nginx.conf.j2", **front_values(StackPaths(tmp_path), settings))

    plain = without_gate(front, 15)

    (before,) = re.findall(r"location = /wms/ [{](.*?)\n    [}]", plain, re.DOTALL)
    assert "parameters.check()" in before
    assert "gate.enter" not in before
    assert "@again" not in before
    assert "fastcgi_read_timeout 15s;" in before
