"""Archives: the round trip, SciPy's own files, and every way in which one can be wrong."""

import os
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import DataError, check_examples, rcv1_like, read, write_npz

DENSE = np.array([[1, 0, 2], [0, 0.5, 0]], dtype=np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(sentence, **arrays):
    np.savez("a.npz", **arrays)
    with pytest.raises(DataError, match=r"^" + re.escape(sentence)):
        read("a.npz")


def parts(**changed):
    X = sp.csr_array(DENSE)
    return {
        "data": X.data,
        "indices": X.indices,
        "indptr": X.indptr,
        "shape": [2, 3],
        "format": b"csr",
        **changed,
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.usefixtures("folder")
def test_sparse_round_trip(dtype, index_dtype):
    X = sp.csr_array(DENSE.astype(dtype))
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    write_npz("a.npz", X, ["x", "y"], [0.5, 0])
    assert os.listdir() == ["a.npz"]
    examples = read("a.npz")
    np.testing.assert_array_equal(examples.X.toarray(), DENSE)
    assert (examples.X.dtype, examples.X.indices.dtype, examples.X.indptr.dtype) == (
        dtype,
        index_dtype,
        index_dtype,
    )
    assert examples.y.tolist() == ["x", "y"]
    assert examples.sample_weight.tolist() == [0.5, 0]
    assert examples.source == "a.npz"
    loaded = sp.load_npz("a.npz")
    assert isinstance(loaded, sp.csr_array)
    np.testing.assert_array_equal(loaded.toarray(), DENSE)


@pytest.mark.usefixtures("folder")
def test_dense_round_trip():
    write_npz("a.npz", DENSE.tolist())
    examples = read("a.npz")
    np.testing.assert_array_equal(examples.X, DENSE)
    assert examples.X.flags.c_contiguous
    assert (examples.y, examples.sample_weight) == (None, None)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
@pytest.mark.usefixtures("folder")
def test_scipys_own_files(compressed, kind):
    sp.save_npz("a.npz", kind(DENSE), compressed=compressed)
    np.testing.assert_array_equal(read("a.npz").X.toarray(), DENSE)


@pytest.mark.usefixtures("folder")
def test_labels_of_every_kind():
    for y in ([1, 2], [0.5, 1], [True, False], ["a", "bc"], np.array(["a", "bc"], dtype=object)):
        write_npz("a.npz", DENSE, y)
        assert read("a.npz").y.tolist() == list(y)


def test_loading_holds_one_copy(tmp_path):
    examples = rcv1_like(20_000, 1000)
    write_npz(tmp_path / "a.npz", examples.X, examples.y)
    size = sum(part.nbytes for part in (examples.X.data, examples.X.indices, examples.X.indptr, examples.y))
    tracemalloc.start()
    loaded = read(tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (loaded.X != examples.X).nnz == 0
    assert peak < 1.25 * size  # the rest: buffers of the scans and of zipfile


@pytest.mark.usefixtures("folder")
def test_wrong_archives():
    fails("a.npz holds b, c; it must hold a CSR matrix as scipy.sparse.save_npz writes it (data,", b=1, c=2)
    fails("a.npz: it holds a csc matrix; save X.tocsr() instead", **parts(format=b"csc"))
    fails("a.npz: its shape is [2]; it must be two whole numbers", **parts(shape=[2]))
    fails("a.npz: its shape is [2.0, 3.0]; it must be two whole numbers", **parts(shape=[2.0, 3.0]))
    fails("a.npz: its data, indices and indptr must have one dimension each", **parts(data=[[1.0, 2.0, 3.0]]))
    fails("a.npz: indptr has 3 entries; 10000000000000 rows need", **parts(shape=[10**13, 3]))
    fails("a.npz: indptr has 3 entries; -1 rows need 0", **parts(shape=[-1, 3]))
    fails(
        "a.npz is a broken csr matrix: row 0 has the column index 2; it must be from 0 to 1",
        **parts(shape=[2, 2]),
    )
    fails("a.npz is a broken csr matrix: indptr ends at 9, but there are 3 values", **parts(indptr=[0, 2, 9]))
    fails("a.npz has NaN in row 0, column 2 (counted from 0)", **parts(data=[1, np.nan, 2]))
    fails("a.npz has dtype <U1; the argument must be free of strings", **parts(data=["a", "b", "c"]))
    fails("a.npz: y has 1 entries but a.npz has 2 rows; give one a row", X=DENSE, y=[1])
    fails("a.npz: sample_weight is zero in every row; at least", X=DENSE, sample_weight=[0, 0])
    fails("a.npz has 0 sample(s) (shape=(0, 3)) while a minimum", X=DENSE[:0])
    fails("a.npz: Expected 2D array, got 1D array instead: a.npz has shape (3,)", X=DENSE[0])
    np.savez("a.npz", X=DENSE, y=np.array(["a", None], dtype=object))
    with pytest.raises(DataError, match=r"^a.npz cannot be read \(.*allow_pickle.*\); save labels as numbers or str$"):
        read("a.npz")


@given(st.data())
def test_damage_never_crashes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    if data.draw(st.booleans()):
        write_npz(path, sp.csr_array(DENSE), [1, 2])
    else:
        sp.save_npz(path, sp.csr_array(DENSE))
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(8, len(whole)))] if data.draw(st.booleans()) else whole)
    try:
        examples = read(path)
    except DataError as error:
        if str(path) not in str(error):
            raise
        return
    check_examples(examples.X, examples.y)


# ---- writing


@pytest.mark.usefixtures("folder")
def test_what_is_not_written():
    with pytest.raises(DataError, match=r"^a.svm must have a name that ends in .npz$"):
        write_npz("a.svm", DENSE)
    with pytest.raises(ValueError, match=r"^X has NaN in row 0, column 0"):
        write_npz("a.npz", [[np.nan]])
    with pytest.raises(TypeError, match=r"^y holds Python objects; give numbers or strings$"):
        write_npz("a.npz", DENSE, np.array([1, "x"], dtype=object))
    with pytest.raises(DataError, match=r"^no/such/a.npz cannot be written: No such file or directory; nothing was"):
        write_npz("no/such/a.npz", DENSE)
    assert os.listdir() == []


FULL_DISK = """
import resource, sys
import numpy as np
from hogwild.data import DataError, write_npz
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    write_npz(sys.argv[1], np.ones((400, 100), dtype=np.float32), np.arange(400))
except DataError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
@pytest.mark.parametrize("limit", [10, 100_000, 160_300])  # in the first header, in the values, in the labels
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, limit):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", FULL_DISK, str(path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"{path} cannot be written: File too large; nothing was written"
    assert done.stderr == ""
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.npz"]
