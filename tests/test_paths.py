"""What is kept on disk is made once, and whole."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from yogalib.paths import kept_array


def test_kept_array_is_made_once_and_changes_stay_in_memory(tmp_path):
    made, file = [], tmp_path / "folder" / "array.npy"

    def make():
        made.append(1)
        return np.arange(6)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: kept_array(file, make), range(8))
    assert made == [1]
    first[:] = 0
    assert all(np.array_equal(other, range(6)) for other in [*others, kept_array(file, make)])


def test_array_whose_making_fails_leaves_nothing_and_can_be_asked_again(tmp_path):
    with pytest.raises(ZeroDivisionError):
        kept_array(tmp_path / "array.npy", lambda: 1 / 0)
    assert not list(tmp_path.glob("*.npy"))
    assert kept_array(tmp_path / "array.npy", lambda: np.ones(2)).tolist() == [1, 1]
