"""From names on a disk to examples: formats, stacking, and one sentence for each thing that can be wrong."""

import bz2
import gzip
import io
import lzma
import os
import re
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild.data import DataError, DataWarning, ReadOptions, read, write_npz
from hogwild.data.opening import unreadable

TEXT = b"1 1:1 3:2\n-1 2:0.5\n"
DENSE = np.array([[1, 0, 2], [0, 0.5, 0]], dtype=np.float32)
COMPRESSORS = {".gz": partial(gzip.compress, mtime=0), ".bz2": bz2.compress, ".xz": lzma.compress}
UNCACHED = ReadOptions(cache=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the tests write; relative names keep the sentences short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, contents=TEXT):
    Path(name).write_bytes(contents)
    return name


def fails(sentence, paths, options=UNCACHED):
    before = sorted(os.listdir())
    with pytest.raises(DataError, match=r"^" + re.escape(sentence) + "$"):
        read(paths, options=options)
    assert sorted(os.listdir()) == before


# ---- formats


@pytest.mark.parametrize("suffix", ["", ".svm", ".txt", *COMPRESSORS])
@pytest.mark.usefixtures("folder")
def test_text_plain_and_compressed(suffix):
    name = write(f"train{suffix}", COMPRESSORS.get(suffix, bytes)(TEXT))
    examples = read(name, options=UNCACHED)
    np.testing.assert_array_equal(examples.X.toarray(), DENSE)
    assert examples.X.dtype == np.float32
    assert examples.y.tolist() == [1, -1]
    assert examples.source == name
    assert read(Path(name)).X.nnz == 3


@pytest.mark.usefixtures("folder")
def test_options():
    name = write("train")
    assert read(name, options=ReadOptions(n_features=5)).X.shape == (2, 5)
    assert read(name, options=ReadOptions(dtype="float64")).X.dtype == np.float64
    assert read(write("zero", b"1 0:1\n"), options=ReadOptions(zero_based=True)).X.shape == (1, 1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_features": 0}, "n_features must be at least 1, not 0"),
        ({"dtype": "int8"}, "dtype must be 'float32' or 'float64', not 'int8'"),
    ],
)
def test_bad_options(options, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        ReadOptions(**options)


def test_a_file_object():
    examples = read(io.BytesIO(TEXT))
    np.testing.assert_array_equal(examples.X.toarray(), DENSE)
    assert examples.source == "the file object"
    with pytest.raises(DataError, match=r"^the file object, line 1: the label 'x' is not a number"):
        read(io.BytesIO(b"x"))
    with pytest.raises(DataError, match=r"^the file object is gzip-compressed instead of svmlight text; decompress"):
        read(io.BytesIO(gzip.compress(TEXT)))


@pytest.mark.usefixtures("folder")
def test_an_open_file_is_not_cached_or_closed():
    with open(write("train"), "rb") as file:
        assert read(file).source == "train"
        assert not file.closed
    assert os.listdir() == ["train"]


@pytest.mark.slow
def test_standard_input():
    code = "from hogwild.data import read; e = read('-'); print(e.X.toarray().tolist(), e.y.tolist(), e.source)"
    done = subprocess.run([sys.executable, "-c", code], input=TEXT, capture_output=True, check=False)
    assert done.stdout.decode().strip() == "[[1.0, 0.0, 2.0], [0.0, 0.5, 0.0]] [1.0, -1.0] standard input"


def test_a_bad_line_of_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1 1:1\n1 2\n")))
    with pytest.raises(DataError, match=r"^standard input, line 2: '2' is not of the form index:value$"):
        read("-")


@pytest.mark.usefixtures("folder")
def test_standard_input_twice():
    fails("standard input ('-') was given twice; it can be read only once", ["-", "-"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.usefixtures("folder")
def test_a_named_pipe_is_read_once_and_not_cached():
    os.mkfifo("pipe")
    writer = subprocess.Popen([sys.executable, "-c", f"open('pipe', 'wb').write({TEXT!r})"])
    np.testing.assert_array_equal(read("pipe").X.toarray(), DENSE)
    assert writer.wait() == 0
    assert os.listdir() == ["pipe"]


# ---- what is wrong with a file


@pytest.mark.usefixtures("folder")
def test_no_such_file():
    for options in (UNCACHED, ReadOptions()):
        fails("missing.svm does not exist", "missing.svm", options)
        fails("missing.npz does not exist", "missing.npz", options)
        fails("no/such/folder does not exist", "no/such/folder", options)


@pytest.mark.usefixtures("folder")
def test_a_directory():
    os.mkdir("d")
    os.mkdir("d.npz")
    fails("d is a directory; give the files in it", "d", ReadOptions())
    fails("d.npz is a directory; give the files in it", "d.npz")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.usefixtures("folder")
def test_no_permission():
    os.chmod(write("secret"), 0)
    fails("secret cannot be read: Permission denied", "secret")


def test_other_reasons_of_the_system_are_passed_on():
    error = unreadable(Path("a"), PermissionError(13, "Permission denied"))
    assert str(error) == "a cannot be read: Permission denied"


@pytest.mark.usefixtures("folder")
def test_no_files():
    fails("no files were given; name at least one", [])


@pytest.mark.parametrize("suffix", [".svm", ".npz", *COMPRESSORS])
@pytest.mark.usefixtures("folder")
def test_an_empty_file(suffix):
    name = write(f"empty{suffix}", b"")
    fails(f"{name} is empty; it must hold at least one example", name, ReadOptions())


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.usefixtures("folder")
def test_a_compressed_file_of_nothing(suffix):
    name = write(f"empty{suffix}", COMPRESSORS[suffix](b""))
    fails(f"{name} holds no examples; each line must be: label index:value index:value ...", name)


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("kept", [0.4, 0.9])
@pytest.mark.usefixtures("folder")
def test_a_truncated_file(suffix, kept):
    text = b"".join(b"%d %d:%d\n" % (k % 3, k + 1, k * k) for k in range(2000))
    whole = COMPRESSORS[suffix](text)
    name = write(f"cut{suffix}", whole[: int(len(whole) * kept)])
    fails(f"{name} ends in the middle of its compressed data; copy or download it again", name, ReadOptions())


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.usefixtures("folder")
def test_a_damaged_file(suffix):
    whole = bytearray(COMPRESSORS[suffix](np.random.default_rng(0).bytes(4000).hex().encode()))
    middle = len(whole) // 2
    whole[middle : middle + 20] = bytes(20)
    write(f"bad{suffix}", bytes(whole))
    with pytest.raises(DataError, match=rf"^bad{suffix} is damaged \(.+\); copy or download it again$|, line 1: "):
        read(f"bad{suffix}")


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("a.gz", TEXT, "a.gz is not gzip-compressed, though its name ends in .gz; rename it"),
        ("a.bz2", TEXT, "a.bz2 is not bzip2-compressed, though its name ends in .bz2; rename it"),
        ("a.xz", TEXT, "a.xz is not xz-compressed, though its name ends in .xz; rename it"),
        ("a.npz", TEXT, "a.npz is not a zip archive, though its name ends in .npz; rename it"),
        ("a.svm", COMPRESSORS[".gz"](TEXT), "a.svm is gzip-compressed; give it a name that ends in .gz"),
        ("a.gz", bz2.compress(TEXT), "a.gz is bzip2-compressed; give it a name that ends in .bz2"),
        ("a", lzma.compress(TEXT), "a is xz-compressed; give it a name that ends in .xz"),
        ("a.svm", b"PK\x03\x04" + bytes(40), "a.svm is a zip archive; give it a name that ends in .npz"),
        (
            "a.npy",
            b"\x93NUMPY" + bytes(40),
            "a.npy is a NumPy array, which is not read; give svmlight text or .npz",
        ),
        (
            "a.svm",
            b"PAR1" + bytes(40),
            "a.svm is a Parquet file, which is not read; give svmlight text or .npz",
        ),
        (
            "a.gz",
            COMPRESSORS[".gz"](COMPRESSORS[".gz"](TEXT)),
            "a.gz is gzip-compressed instead of svmlight text; decompress or convert it first",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_suffix(name, contents, sentence):
    fails(sentence, write(name, contents))


@pytest.mark.usefixtures("folder")
def test_the_line_of_a_compressed_file_is_named():
    name = write("a.xz", lzma.compress(b"1 1:1\n1 1:nan\n"))
    fails("a.xz, line 2: '1:nan' is not finite; drop it or impute a number", name, ReadOptions())


@pytest.mark.usefixtures("folder")
def test_disorder_is_stated_once_per_file():
    names = [write("a", b"1 1:1\n1 3:1 1:1\n1 2:1 2:1\n"), write("b", b"1 2:1 1:1\n"), write("c")]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        examples = read(names)
    assert [(str(w.message), w.category) for w in caught] == [
        (
            "a: 2 lines have unsorted or repeated indices, first line 2; "
            "they were sorted, and the values of repeated ones added up",
            DataWarning,
        ),
        (
            "b: 1 line has unsorted or repeated indices, first line 1; "
            "they were sorted, and the values of repeated ones added up",
            DataWarning,
        ),
    ]
    assert examples.X.toarray().tolist()[:4] == [[1, 0, 0], [1, 0, 1], [0, 2, 0], [1, 1, 0]]


# ---- stacking


@pytest.mark.usefixtures("folder")
def test_text_files_are_stacked_and_the_widest_decides():
    names = [write("a"), write("b", b"7 5:3\n"), write("c.gz", gzip.compress(b"8\n9 1:1\n"))]
    examples = read(names)
    expected = np.zeros((5, 5))
    expected[:2, :3], expected[2, 4], expected[4, 0] = DENSE, 3, 1
    np.testing.assert_array_equal(examples.X.toarray(), expected)
    assert examples.X.has_canonical_format
    assert examples.X.indices.dtype == examples.X.indptr.dtype == np.int32
    assert examples.y.tolist() == [1, -1, 7, 8, 9]
    assert examples.source == "a, b, c.gz"
    assert read(names, options=ReadOptions(n_features=9)).X.shape == (5, 9)
    assert read([*names, write("d")]).source == "a, b, c.gz and 1 more"


@pytest.mark.usefixtures("folder")
def test_a_file_with_too_many_features_is_named():
    names = [write("a"), write("b", b"7 1:1\n7 5:3\n")]
    sentence = "b, line 2: index 5 is too large for 4 features numbered from 1; raise n_features"
    fails(sentence, names, ReadOptions(n_features=4, cache=False))
    write_npz("c.npz", DENSE)
    write_npz("d.npz", sp.csr_array(DENSE))
    narrow = ReadOptions(n_features=2)
    fails("c.npz has 3 features, more than n_features=2; raise n_features", "c.npz", narrow)
    fails("d.npz has 3 features, more than n_features=2; raise n_features", "d.npz", narrow)
    sentence = "c.npz has 3 features instead of n_features=4; dense X cannot be widened"
    fails(sentence, "c.npz", ReadOptions(n_features=4))
    assert read("d.npz", options=ReadOptions(n_features=4)).X.shape == (2, 4)


@pytest.mark.usefixtures("folder")
def test_archives_are_stacked():
    write_npz("a.npz", DENSE, [1, 2], [1, 0])
    write_npz("b.npz", DENSE.astype(np.float64), [3.5, 4], [0, 2])
    examples = read(["a.npz", "b.npz"])
    np.testing.assert_array_equal(examples.X, np.vstack([DENSE, DENSE]))
    assert examples.X.dtype == np.float64
    assert examples.X.flags.c_contiguous
    assert examples.y.tolist() == [1, 2, 3.5, 4]
    assert examples.sample_weight.tolist() == [1, 0, 0, 2]


@pytest.mark.usefixtures("folder")
def test_an_archive_and_a_text_are_stacked():
    X = sp.csr_array(DENSE.astype(np.float64))
    X.indices = X.indices.astype(np.int64)
    write_npz("a.npz", X, [1, 2])
    examples = read(["a.npz", write("b")])
    np.testing.assert_array_equal(examples.X.toarray(), np.vstack([DENSE, DENSE]))
    assert examples.X.dtype == np.float64
    assert examples.X.indices.dtype == np.int64


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ((DENSE, [1, 2]), (sp.csr_array(DENSE), [1, 2]), "b.npz has a sparse X and a.npz has not; read them apart"),
        ((DENSE, [1, 2]), (DENSE, None), "a.npz has labels and b.npz has not; read them apart"),
        ((DENSE, [1, 2], [1, 2]), (DENSE, [1, 2]), "a.npz has sample weights and b.npz has not; read them apart"),
        ((DENSE, [1, 2]), (DENSE, ["x", "y"]), "a.npz has labels that are numbers and b.npz has not; read them apart"),
        (
            (DENSE, [1, 2]),
            (DENSE[:, :2], [1, 2]),
            "b.npz has 2 features instead of the 3 of another file; dense X cannot be widened",
        ),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_unlike_files_are_not_stacked(first, second, sentence):
    write_npz("a.npz", *first)
    write_npz("b.npz", *second)
    fails(sentence, ["a.npz", "b.npz"])
