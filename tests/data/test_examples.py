"""The border: what passes uncopied, what is converted, and the sentence for all that does not pass."""

import copy
import re

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import Examples, check_examples

DENSE = np.array([[1, 0, 2], [0, 0, 0], [0, 3, 0]], dtype=np.float32)
FORMATS = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]


def csr(dense=DENSE):
    return sp.csr_array(dense)


def broken(**parts):
    """A CSR array that SciPy's constructor would refuse, or not look at."""
    X = csr()
    for name, value in parts.items():
        setattr(X, name, np.asarray(value, dtype=getattr(X, name).dtype))
    return X


# ---- what is kept


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
def test_canonical_csr_is_not_copied(dtype, index_dtype, kind):
    X = kind(DENSE.astype(dtype))
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    kept = check_examples(X).X
    for name in ("data", "indices", "indptr"):
        assert np.shares_memory(getattr(kept, name), getattr(X, name))
        assert getattr(kept, name).dtype == getattr(X, name).dtype
    assert kept.has_canonical_format
    np.testing.assert_array_equal(kept.toarray(), DENSE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contiguous_dense_is_not_copied(dtype):
    X = DENSE.astype(dtype)
    kept = check_examples(X).X
    assert np.shares_memory(kept, X)
    assert kept.dtype == dtype


def test_a_read_only_array_passes():
    X = DENSE.copy()
    X.flags.writeable = False
    assert np.shares_memory(check_examples(X).X, X)


def test_properties():
    examples = check_examples(csr(), ["a", "b", "a"], [1, 0, 2], source="here")
    assert isinstance(examples, Examples)
    assert (examples.n_examples, examples.n_features, examples.nnz) == (3, 3, 3)
    assert examples.is_sparse
    assert examples.source == "here"
    assert examples.y.tolist() == ["a", "b", "a"]
    assert examples.sample_weight.dtype == np.float32
    dense = check_examples(DENSE)
    assert (dense.nnz, dense.is_sparse, dense.y, dense.sample_weight) == (3, False, None, None)


def test_empty_rows_and_stored_zeros_pass():
    X = csr()
    X.data[0] = 0
    assert check_examples(X).nnz == 3
    assert check_examples(sp.csr_array((4, 2), dtype=np.float32)).nnz == 0


# ---- what is converted


@pytest.mark.parametrize("form", FORMATS)
def test_every_sparse_format_is_taken(form):
    X = check_examples(csr().asformat(form)).X
    assert X.format == "csr"
    assert X.has_canonical_format
    np.testing.assert_array_equal(X.toarray(), DENSE)


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [
        (bool, np.float32),
        (np.int8, np.float32),
        (np.uint16, np.float32),
        (np.int64, np.float32),
        (np.float16, np.float32),
        (np.longdouble, np.float64),
        (">f4", np.float32),
        (">f8", np.float64),
    ],
)
def test_dtypes(dtype, becomes):
    dense = DENSE.astype(dtype)
    X = check_examples(dense).X
    assert X.dtype == becomes
    assert X.dtype.isnative
    np.testing.assert_array_equal(X, dense.astype(becomes))
    sparse = csr()
    sparse.data = sparse.data.astype(dtype)  # SciPy's constructor refuses some of them
    sparse = check_examples(sparse).X
    assert sparse.dtype == becomes
    assert sparse.data.dtype.isnative
    np.testing.assert_array_equal(sparse.toarray(), X)


@pytest.mark.parametrize(("value", "becomes"), [(2**24, np.float32), (2**24 + 1, np.float64)])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_become_float32_only_if_exact(value, becomes, sign):
    X = check_examples(np.array([[sign * value, 0]])).X
    assert X.dtype == becomes
    assert X[0, 0] == sign * value


@pytest.mark.parametrize("X", [np.asfortranarray(DENSE), DENSE[:, ::-1], DENSE[::2], DENSE.tolist()])
def test_dense_becomes_contiguous(X):
    kept = check_examples(X).X
    assert kept.flags.c_contiguous
    assert kept.flags.aligned
    np.testing.assert_array_equal(kept, X)


def test_unaligned_and_strided_parts_are_copied():
    X = csr()
    unaligned = np.frombuffer(b"\0" + X.data.tobytes(), dtype=np.uint8)[1:].view(np.float32)
    X.data = unaligned
    X.indices = np.repeat(X.indices, 2)[::2]
    kept = check_examples(X).X
    assert kept.data.flags.aligned
    assert kept.indices.flags.c_contiguous
    np.testing.assert_array_equal(kept.toarray(), DENSE)


def test_spare_room_at_the_end_is_cut_off_without_a_copy():
    X = csr()
    data = np.append(X.data, np.float32(np.nan))
    X.data, X.indices = data, np.append(X.indices, np.int32(99))
    kept = check_examples(X).X
    assert kept.data.size == kept.indices.size == 3
    assert np.shares_memory(kept.data, data)


def test_unsorted_and_repeated_entries_are_mended_in_a_copy():
    X = sp.csr_array((np.float32([1, 2, 4, 8]), np.int32([2, 0, 2, 1]), np.int32([0, 3, 4])), shape=(2, 3))
    before, flags = copy.deepcopy(X), dict(vars(X))
    kept = check_examples(X).X
    np.testing.assert_array_equal(kept.toarray(), [[2, 0, 5], [0, 8, 0]])
    assert kept.has_canonical_format
    assert kept.indices.tolist() == [0, 2, 1]
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(X, name), getattr(before, name))
    assert vars(X).keys() == flags.keys()


@pytest.mark.parametrize("part", ["indices", "indptr"])
def test_mending_takes_index_arrays_of_two_types(part):
    X = sp.csr_array((np.float32([1, 2]), np.int32([1, 0]), np.int32([0, 2])), shape=(1, 2))
    setattr(X, part, getattr(X, part).astype(np.int64))
    assert check_examples(X).X.toarray().tolist() == [[2, 1]]


def test_a_flag_that_lies_is_not_believed():
    X = sp.csr_array((np.float32([1, 2]), np.int32([1, 0]), np.int32([0, 2])), shape=(1, 2))
    X.has_canonical_format = True
    kept = check_examples(X).X
    assert kept.indices.tolist() == [0, 1]
    assert X.indices.tolist() == [1, 0]


@given(st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=1, max_size=6))
def test_mended_rows_equal_scipys(rows):
    indices = np.array([column for row in rows for column in row], dtype=np.int32)
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    X = sp.csr_array((np.arange(1, indices.size + 1, dtype=np.float64), indices, indptr), shape=(len(rows), 7))
    dense = X.toarray()
    np.testing.assert_array_equal(check_examples(X).X.toarray(), dense)


# ---- what does not pass: X


@pytest.mark.parametrize(
    ("X", "error", "sentence"),
    [
        (None, TypeError, "X is None; give an array"),
        (
            "train.svm",
            TypeError,
            "X is the text 'train.svm'; if that is a file, give what hogwild.data.read returns for it",
        ),
        (
            np.arange(5.0),
            ValueError,
            "Expected 2D array, got 1D array instead: X has shape (5,). Reshape your data with .reshape(-1, 1) "
            "if it is one feature of many examples, or .reshape(1, -1) if it is one example",
        ),
        (
            sp.coo_array(np.arange(5.0)),
            ValueError,
            "Expected 2D array, got 1D array instead: X has shape (5,).",
        ),
        (np.zeros((2, 2, 2)), ValueError, "X has 3 dimensions; give a table of examples (rows) by features"),
        (5, ValueError, "X has 0 dimensions"),
        (np.zeros((0, 3)), ValueError, "X has 0 sample(s) (shape=(0, 3)) while a minimum of 1 is required."),
        (np.zeros((3, 0)), ValueError, "X has 0 feature(s) (shape=(3, 0)) while a minimum of 1 is required."),
        (
            sp.csr_array((0, 3)),
            ValueError,
            "X has 0 sample(s) (shape=(0, 3)) while a minimum of 1 is required.",
        ),
        (
            sp.csr_array((3, 0)),
            ValueError,
            "X has 0 feature(s) (shape=(3, 0)) while a minimum of 1 is required.",
        ),
        (DENSE * 1j, ValueError, "Complex data not supported: X has dtype complex64; give real numbers"),
        (csr(DENSE * 1j), ValueError, "Complex data not supported: X has dtype complex64; give real numbers"),
        (
            DENSE.astype(object),
            TypeError,
            "X has dtype object; the argument must be free of strings and other",
        ),
        ([["a", "b"]], TypeError, "X has dtype <U1; the argument must be free of strings and other objects"),
        (
            np.zeros((2, 2), "M8[s]"),
            TypeError,
            "X has dtype datetime64[s]; the argument must be free of strings",
        ),
        ([[1, 2], [3]], TypeError, "X is not an array of numbers: "),
        (
            np.ma.masked_array(DENSE, DENSE == 3),
            TypeError,
            "X is a masked array with missing values; fill or drop them first",
        ),
    ],
)
def test_what_is_no_table_of_numbers(X, error, sentence):
    with pytest.raises(error, match=r"^" + re.escape(sentence)):
        check_examples(X)


@pytest.mark.parametrize(
    ("bad", "spelt"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf")], ids=["nan", "inf", "-inf"]
)
@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite_names_row_and_column(bad, spelt, make, dtype):
    X = DENSE.astype(dtype)
    X[2, 1] = bad
    sentence = (
        f"X has {spelt} in row 2, column 1 (counted from 0); all values must be finite: impute or drop what is missing"
    )
    with pytest.raises(ValueError, match=r"^" + re.escape(sentence) + "$"):
        check_examples(make(X))


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        (broken(indices=[0, 3, 1]), "row 0 has the column index 3; it must be from 0 to 2"),
        (broken(indices=[0, 2, -1]), "row 2 has the column index -1; it must be from 0 to 2"),
        (broken(indptr=[1, 2, 2, 3]), "indptr starts at 1; it must start at 0"),
        (broken(indptr=[0, 2, 1, 3]), "indptr decreases after row 1; it must never decrease"),
        (broken(indptr=[0, 2, 2, 4]), "indptr ends at 4, but there are 3 values and 3 indices"),
        (broken(data=[1, 2]), "indptr ends at 3, but there are 2 values and 3 indices"),
        (broken(indices=[0, 1]), "indptr ends at 3, but there are 3 values and 2 indices"),
        (broken(indptr=[0, 2, 3]), "indptr has 3 entries; 3 rows need 4"),
        (broken(data=[[1, 2, 3]]), "data has 2 dimensions instead of 1"),
    ],
)
def test_no_broken_csr_reaches_a_kernel(X, sentence):
    with pytest.raises(ValueError, match=r"^" + re.escape(f"X is a broken csr matrix: {sentence}") + "$"):
        check_examples(X)


def test_indices_must_be_integers():
    X = csr()
    X.indices = X.indices.astype(np.float32)
    with pytest.raises(ValueError, match="indices has dtype float32 instead of int32 or int64"):
        check_examples(X)


@pytest.mark.parametrize("form", ["csc", "bsr", "coo"])
def test_no_broken_matrix_reaches_scipys_conversions(form):
    X = csr().asformat(form)
    if form == "coo":
        X.coords = (X.row + 100, X.col)
    else:
        X.indices = X.indices + 100
    with pytest.raises(ValueError, match=f"^X is a broken {form} matrix: "):
        check_examples(X)


# ---- what does not pass: y and sample_weight


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        ([1, 2], ValueError, "y has 2 entries but X has 3 rows; give one a row"),
        ([[1], [2], [3]], ValueError, "y has shape (3, 1); give one value a row, as a 1-D array"),
        (7, ValueError, "y has shape (); give one value a row"),
        ([1, np.nan, 2], ValueError, "y has NaN in row 1 (counted from 0); drop the rows without a label"),
        ([1, 2, -np.inf], ValueError, "y has -inf in row 2 (counted from 0); drop the rows without a label"),
        (["a", None, "b"], ValueError, "y has None in row 1 (counted from 0); drop the rows without a label"),
        (
            np.array(["a", "b", np.nan], dtype=object),
            ValueError,
            "y has nan in row 2 (counted from 0); drop the rows without a label",
        ),
        (
            [1j, 2, 3],
            ValueError,
            "Complex data not supported: y has dtype complex128; give numbers or strings",
        ),
        (sp.csr_array([[1, 2, 3]]), TypeError, "y is a sparse matrix; give a 1-D array"),
        ([[1, 2], [3]], TypeError, "y is not an array of numbers: "),
    ],
)
def test_bad_labels(y, error, sentence):
    with pytest.raises(error, match=r"^" + re.escape(sentence)):
        check_examples(DENSE, y)


@pytest.mark.parametrize(
    "y",
    [
        [1, -1, 1],
        [0.5, 1.5, 2.5],
        [True, False, True],
        ["a", "b", "c"],
        np.array(["a", 1, "b"], dtype=object),
    ],
)
def test_labels_of_any_dtype_are_kept(y):
    y = np.asarray(y)
    assert np.shares_memory(check_examples(DENSE, y).y, y)


@pytest.mark.parametrize(
    ("weights", "error", "sentence"),
    [
        ([1, 2], ValueError, "sample_weight has 2 entries but X has 3 rows; give one a row"),
        (1.0, ValueError, "sample_weight has shape (); give one value a row"),
        (
            [1, 2, -1],
            ValueError,
            "sample_weight has -1.0 in row 2 (counted from 0); weights must not be negative",
        ),
        ([0, 0, 0], ValueError, "sample_weight is zero in every row; at least one weight must be positive"),
        (
            [1, np.nan, 1],
            ValueError,
            "sample_weight has NaN in row 1 (counted from 0); weights must be finite",
        ),
        (
            [np.inf, 1, 1],
            ValueError,
            "sample_weight has inf in row 0 (counted from 0); weights must be finite",
        ),
        (
            [1, 1e40, 1],
            ValueError,
            "sample_weight has 1e+40 in row 1 (counted from 0); weights must be finite",
        ),
        (["a", "b", "c"], TypeError, "sample_weight has dtype <U1; the argument must be free of strings"),
    ],
)
def test_bad_weights(weights, error, sentence):
    with pytest.raises(error, match=r"^" + re.escape(sentence)):
        check_examples(DENSE, None, weights)


def test_messages_name_the_source():
    with pytest.raises(ValueError, match=r"^a.npz has NaN in row 0"):
        check_examples([[np.nan]], source="a.npz")
    with pytest.raises(ValueError, match=r"^a.npz: y has 2 entries but a.npz has 3 rows"):
        check_examples(DENSE, [1, 2], source="a.npz")


@given(st.data())
def test_no_structure_can_make_a_kernel_read_out_of_bounds(data):
    """Random index arrays are either refused or sound by brute force."""
    n_rows, n_columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    numbers = st.integers(-2, 6)
    X = sp.csr_array((n_rows, n_columns), dtype=np.float32)
    X.indptr = np.array(data.draw(st.lists(numbers, min_size=1, max_size=6)), dtype=np.int32)
    X.indices = np.array(data.draw(st.lists(numbers, max_size=6)), dtype=np.int32)
    X.data = np.ones(data.draw(st.integers(0, 6)), dtype=np.float32)
    try:
        kept = check_examples(X).X
    except ValueError as error:
        if not str(error).startswith("X is a broken csr matrix: "):
            raise
        return
    assert kept.indptr.size == n_rows + 1
    assert kept.indptr[0] == 0
    assert kept.indptr[-1] == kept.data.size == kept.indices.size
    for row in range(n_rows):
        columns = kept.indices[kept.indptr[row] : kept.indptr[row + 1]].tolist()
        assert columns == sorted(set(columns))
        assert set(columns) <= set(range(n_columns))
