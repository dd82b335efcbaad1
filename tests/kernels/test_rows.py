"""What only whole kernels can show of the rows: more nonzeros than 31 and 32 bits can count."""

import numpy as np
import pytest
from tests.kernels.oracle import Problem, copies, pace_of

from hogwild.kernels.linear import steps_alone
from hogwild.kernels.moments import row_norms
from hogwild.kernels.rows import add, dot, prefetch
from hogwild.kernels.scoring import tally


def giant(path, dtype: type, size: int) -> np.ndarray:
    """An array of `size` zeros on a file with a hole: only what is written takes room."""
    try:
        return np.asarray(np.memmap(path, dtype, "w+", shape=(size,)))
    except OSError as error:
        pytest.skip(f"the file system refuses a file with a hole of {size} entries: {error}")


@pytest.mark.parametrize("offset", [2**31 - 50, 2**32 - 50], ids=["31 bits", "32 bits"])
def test_more_nonzeros_than_an_int32_can_count(tmp_path, offset):
    problem, pace = Problem(), pace_of("logistic", "l1")
    rows = problem.rows("sparse32", np.float32)
    nnz = rows.values.size
    assert nnz > 100, "the rows must lie on both sides of the border"
    values, indices = giant(tmp_path / "v", np.float32, offset + nnz), giant(tmp_path / "i", np.uint32, offset + nnz)
    values[offset:], indices[offset:] = rows.values, rows.indices
    parts = {"indptr": rows.indptr + np.uint64(offset), "indices": indices, "values": values}
    for array in parts.values():
        array.flags.writeable = False
    far = rows._replace(**parts)
    starts = np.arange(0, problem.n, 7)
    near_memory, far_memory = copies(problem.start, np.float32), copies(problem.start, np.float32)
    assert steps_alone(far, starts, 7, 2, pace, 1.0, far_memory) == steps_alone(
        rows, starts, 7, 2, pace, 1.0, near_memory
    )
    np.testing.assert_array_equal(far_memory.shared, near_memory.shared)
    assert row_norms(far) == row_norms(rows)
    weights = near_memory.shared
    assert tally(far, starts, 7, weights, 3, 0.0, True) == tally(rows, starts, 7, weights, 3, 0.0, True)


@pytest.mark.parametrize("function", [dot, add, prefetch])
def test_outside_kernels_they_say_so(function):
    arguments = [None] * function.__code__.co_argcount
    with pytest.raises(TypeError, match=r"exists inside compiled kernels only"):
        function(*arguments)
