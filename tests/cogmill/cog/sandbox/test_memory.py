from __future__ import annotations

import pytest
from cogmill.cog.sandbox import memory
from cogmill.cog.sandbox.limits import GIB, MIB, Limits


def host(tmp_path, *, total=64 * GIB, cgroup="0::/\n", **files):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal:       {total // 1024} kB\nMemFree: 1 kB\n")
    (tmp_path / "proc/self/cgroup").write_text(cgroup)
    for path, text in files.items():
        file = tmp_path / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("cgroup", "files", "limit"),
    [
        ("0::/\n", {"memory.max": f"{4 * GIB}\n"}, 4 * GIB),  # a container with a namespace of its own
        ("0::/system.slice/a.service\n", {"system.slice/a.service/memory.max": f"{6 * GIB}\n"}, 6 * GIB),
        (
            "0::/outer/inner\n",
            {"outer/inner/memory.max": "max\n", "outer/memory.max": f"{3 * GIB}\n", "memory.max": "max\n"},
            3 * GIB,
        ),
        (
            "0::/on/the/host\n",
            {"memory.max": f"{2 * GIB}\n"},
            2 * GIB,
        ),  # the path of the host is not seen in the container
        ("5:memory:/a\n4:cpu:/b\n", {"memory/a/memory.limit_in_bytes": f"{5 * GIB}\n"}, 5 * GIB),
        ("5:memory:/docker/x\n", {"memory/memory.limit_in_bytes": f"{GIB}\n"}, GIB),
        ("5:memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 48 * GIB),
        ("0::/\n", {"memory.max": "max\n"}, 48 * GIB),
        ("0::/\n", {}, 48 * GIB),
    ],
)
def test_the_smallest_limit_above_counts_else_most_of_the_host(tmp_path, cgroup, files, limit):
    assert memory.memory_limit(host(tmp_path, cgroup=cgroup, **files)) == limit


def test_reads_the_limit_of_this_very_process():
    assert memory.memory_limit() > 0


@pytest.mark.parametrize("gib", [2, 4, 6, 16, 64])
@pytest.mark.parametrize("tasks", [1, 2, 4])
@pytest.mark.parametrize("frames", [1, 2, 4])
def test_limits_of_all_frames_and_tasks_add_up_to_what_there_is(tmp_path, gib, tasks, frames):
    root = host(tmp_path, **{"memory.max": str(gib * GIB)})

    each = memory.frame_memory(memory.task_memory(tasks, root), frames)

    if each > memory.LEAST_BYTES:
        assert tasks * (memory.TASK_BYTES + frames * each) <= gib * GIB
    assert memory.LEAST_BYTES <= each <= Limits().memory_bytes
    assert memory.frame_memory(10 * MIB, 1) == memory.LEAST_BYTES
