from __future__ import annotations

import pytest


@pytest.fixture
def real(sample):
    """Two real frames that MapServer can draw."""
    for number in (1, 2):
        sample.upload_real(number)
    sample.run()
    return sample
