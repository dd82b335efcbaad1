"""pandas frames are taken without hogwild importing pandas."""

import re
import subprocess
import sys

import numpy as np
import pytest

from hogwild.data import check_examples

pd = pytest.importorskip("pandas", reason="pandas is not installed")


def frame(**columns):
    return pd.DataFrame(columns or {"a": [1.0, 0.0], "b": [0.0, 2.0]})


def test_pandas_is_not_imported():
    code = "import hogwild.data, sys; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_frame_and_a_series():
    examples = check_examples(frame(), pd.Series(["x", "y"]), pd.Series([1, 2]))
    np.testing.assert_array_equal(examples.X, [[1, 0], [0, 2]])
    assert examples.X.flags.c_contiguous
    assert examples.y.tolist() == ["x", "y"]
    assert examples.sample_weight.tolist() == [1, 2]


def test_a_frame_of_mixed_numbers():
    X = check_examples(frame(a=[True, False], b=[1, 2], c=[0.5, 1.5])).X
    np.testing.assert_array_equal(X, [[1, 1, 0.5], [0, 2, 1.5]])


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean"])
def test_nullable_columns(dtype):
    whole = frame(a=pd.array([1, 0], dtype=dtype), b=[1.0, 2.0])
    np.testing.assert_array_equal(check_examples(whole).X, [[1, 1], [0, 2]])
    holed = frame(a=pd.array([1, None], dtype=dtype), b=[1.0, 2.0])
    with pytest.raises(ValueError, match="X has NaN in row 1, column 0"):
        check_examples(holed)


def test_a_sparse_frame_stays_sparse():
    examples = check_examples(frame().astype(pd.SparseDtype("float32", 0)))
    assert examples.is_sparse
    assert examples.nnz == 2
    assert examples.X.dtype == np.float32
    np.testing.assert_array_equal(examples.X.toarray(), frame())


def test_a_sparse_frame_must_be_filled_with_zero():
    with pytest.raises(ValueError, match=r"^X is a sparse frame that cannot become a sparse matrix: "):
        check_examples(frame().astype(pd.SparseDtype("float32", 1)))


@pytest.mark.parametrize(
    "column",
    [
        ["p", "q"],
        pd.Categorical(["p", "q"]),
        pd.to_datetime(["2020-01-01", "2020-01-02"]),
        pd.interval_range(0, 2),
    ],
    ids=["strings", "categories", "dates", "intervals"],
)
def test_a_column_without_numbers_is_named(column):
    X = frame(a=[1.0, 2.0], bad=column)
    sentence = f"X has the column 'bad' of dtype {X.dtypes['bad']}; the argument must be free of strings and hold"
    with pytest.raises(TypeError, match=r"^" + re.escape(sentence)):
        check_examples(X)


def test_a_missing_label_is_named():
    with pytest.raises(ValueError, match=r"^y has (NaN|<NA>) in row 1 "):
        check_examples(frame(), pd.array([1, None], dtype="Int64"))


def test_a_frame_of_one_column_is_no_series():
    with pytest.raises(ValueError, match=re.escape("y has shape (2, 1); give one value a row")):
        check_examples(frame(), frame(a=[1.0, 2.0]))
    with pytest.raises(ValueError, match="Reshape your data"):
        check_examples(frame()["a"])
