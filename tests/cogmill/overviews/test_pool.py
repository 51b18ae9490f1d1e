from __future__ import annotations

import multiprocessing

from cogmill.overviews.grid import Cell
from cogmill.overviews.pool import CellProcesses, build_cells


def test_levels_of_a_run_share_their_processes(tmp_path):
    picture = Cell(16, 3, 4).picture
    with CellProcesses(1) as processes:
        served = []
        for _ in range(3):
            assert processes.build(picture, [], tmp_path / "cell.tif") is None
            served.append({each.pid for each in multiprocessing.active_children()})

        assert len(served[0]) == 1
        assert served[1:] == served[:1] * 2
    assert not multiprocessing.active_children()


def test_no_process_starts_where_nothing_is_to_be_built():
    def keep(*_: object) -> None:
        raise AssertionError("there is nothing to keep")

    with CellProcesses(2) as processes:
        assert list(build_cells([], lambda *_: None, keep, processes)) == []
        assert not multiprocessing.active_children()
