"""The cache is a copy that is used only while it is certain to be one."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import DataError, DataWarning, ReadOptions, cache, read, svmlight

TEXT = b"1 1:1 3:2\n-1 2:0.5\n2\n"
LONG_AGO_NS = 10**18


def write(path, text=TEXT, age_ns=0):
    path.write_bytes(text)
    os.utime(path, ns=(LONG_AGO_NS + age_ns, LONG_AGO_NS + age_ns))
    return path


@pytest.fixture
def text(tmp_path):
    return write(tmp_path / "train.svm")


@pytest.fixture
def parses(monkeypatch):
    """Counts how often text is really parsed."""
    calls = []
    parse = svmlight.parse
    monkeypatch.setattr(svmlight, "parse", lambda *args: calls.append(1) or parse(*args))
    return calls


def files(path):
    return sorted(p.name for p in path.parent.iterdir())


def assert_equal(left, right):
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(left.X, name), getattr(right.X, name), strict=True)
    assert left.X.shape == right.X.shape
    np.testing.assert_array_equal(left.y, right.y, strict=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_second_read_is_from_the_cache(text, parses, dtype):
    options = ReadOptions(dtype=dtype)
    first = read(text, options=options)
    assert files(text) == ["train.svm", "train.svm.hogwild-cache"]
    second = read(text, options=options)
    assert len(parses) == 1
    assert_equal(first, second)
    assert second.X.has_canonical_format
    assert second.X.data.flags.writeable
    assert second.source == str(text)


def test_no_cache_if_not_wanted(text):
    read(text, options=ReadOptions(cache=False))
    assert files(text) == ["train.svm"]


@pytest.mark.parametrize("change", ["size", "mtime", "zero_based", "dtype"])
def test_a_stale_cache_is_written_anew(text, parses, change):
    read(text)
    options = ReadOptions()
    if change == "size":
        write(text, TEXT + b"3 3:1\n")
    elif change == "mtime":
        write(text, TEXT.replace(b"0.5", b"2.5"), age_ns=1)
    elif change == "zero_based":
        options = ReadOptions(zero_based=True)
    else:
        options = ReadOptions(dtype="float64")
    fresh = read(text, options=ReadOptions(options.n_features, options.zero_based, False, options.dtype))
    assert_equal(read(text, options=options), fresh)
    assert len(parses) == 3
    assert_equal(read(text, options=options), fresh)
    assert len(parses) == 3


def test_a_young_file_is_not_cached(tmp_path):
    """It may change again within one tick of the file system's clock, unseen."""
    path = tmp_path / "young.svm"
    path.write_bytes(TEXT)
    read(path)
    assert files(path) == ["young.svm"]


def test_a_file_that_changes_while_it_is_read_is_not_cached(text, monkeypatch):
    parse = svmlight.parse

    def slow(*args):
        parsed = parse(*args)
        write(text, TEXT, age_ns=5)
        return parsed

    monkeypatch.setattr(svmlight, "parse", slow)
    read(text)
    assert files(text) == ["train.svm"]


def test_n_features_needs_no_cache_of_its_own(text, parses):
    assert read(text).X.shape == (3, 3)
    assert read(text, options=ReadOptions(n_features=7)).X.shape == (3, 7)
    assert len(parses) == 1
    with pytest.raises(DataError, match=r"train\.svm, line 1: index 3 is too large for 2 features"):
        read(text, options=ReadOptions(n_features=2))


def test_a_warning_is_repeated_from_the_cache(tmp_path, parses):
    path = write(tmp_path / "odd.svm", b"1 1:1\n1 2:1 1:1\n")
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read(path)
        assert [w.category for w in caught] == [DataWarning]
        assert "1 line has unsorted or repeated indices, first line 2" in str(caught[0].message)
    assert len(parses) == 1


def test_a_bad_file_leaves_no_cache(tmp_path):
    path = write(tmp_path / "bad.svm", b"1 1:1\n1 x\n")
    with pytest.raises(DataError, match="line 2"):
        read(path)
    assert files(path) == ["bad.svm"]


def test_a_link_to_a_file_has_its_cache_beside_the_link(text, tmp_path, parses):
    link = tmp_path / "link.svm"
    link.symlink_to(text)
    assert_equal(read(link), read(link))
    assert len(parses) == 1
    assert "link.svm.hogwild-cache" in files(text)


# ---- damage


@pytest.mark.parametrize("contents", [b"", b"hello", bytes(2000), b"hogwild-cache\x00\x01\n" + bytes(500)])
def test_a_foreign_file_is_not_trusted(text, contents):
    expected = read(text, options=ReadOptions(cache=False))
    cache.cache_path(text).write_bytes(contents)
    assert_equal(read(text), expected)
    assert cache.cache_path(text).read_bytes() != contents


def test_the_cache_of_another_file_is_not_trusted(text, tmp_path):
    other = write(tmp_path / "other.svm", TEXT.replace(b"0.5", b"7.5"), age_ns=1)
    read(other)
    os.replace(cache.cache_path(other), cache.cache_path(text))
    assert_equal(read(text), read(text, options=ReadOptions(cache=False)))


def test_any_damage_is_noticed(text):
    """Each byte in turn, and each length."""
    expected = read(text)
    path = cache.cache_path(text)
    key = cache.key_of(text, zero_based=False, dtype="float32")
    whole = path.read_bytes()
    assert cache.load(text, key) is not None
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x21]) + whole[at + 1 :])
        assert cache.load(text, key) is None
        path.write_bytes(whole[:at])
        assert cache.load(text, key) is None
    path.write_bytes(whole + b"\0")
    assert cache.load(text, key) is None
    assert_equal(read(text), expected)
    assert path.read_bytes() == whole


@given(st.data())
def test_a_forged_cache_cannot_break_the_structure(tmp_path_factory, data):
    """One that is consistent in itself, but holds wrong indices, is refused."""
    text = write(tmp_path_factory.mktemp("forged") / "train.svm")
    key = cache.key_of(text, zero_based=False, dtype="float32")
    with open(text, "rb") as stream:
        parsed = svmlight.parse(stream, svmlight.Rules("x", False, "float32", None))
    part = data.draw(st.sampled_from(["indices", "indptr", "data"]))
    array = getattr(parsed.X, part)
    at = data.draw(st.integers(0, array.size - 1))
    old = array[at]
    array[at] = data.draw(st.sampled_from([-1, 0, 1, 2, 3, 99])) if part != "data" else np.nan
    cache.store(text, key, parsed)
    loaded = cache.load(text, key)
    if array[at] == old:
        assert loaded is not None
    elif loaded is not None:  # still sound, though different
        assert loaded.X.indptr[-1] == 3
        assert set(loaded.X.indices.tolist()) <= {0, 1, 2}
        assert np.diff(loaded.X.indptr).min() >= 0
        assert np.isfinite(loaded.X.data).all()


# ---- where none can be written


def test_a_directory_in_the_place_of_the_cache_is_no_trouble(text, parses):
    cache.cache_path(text).mkdir()
    assert_equal(read(text), read(text))
    assert len(parses) == 2
    assert files(text) == ["train.svm", "train.svm.hogwild-cache"]


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_a_read_only_directory_is_no_trouble(text):
    text.parent.chmod(0o500)
    try:
        read(text)
        assert files(text) == ["train.svm"]
    finally:
        text.parent.chmod(0o700)


FULL_DISK = """
import resource, sys, warnings
warnings.simplefilter("error")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from hogwild.data import read
print(read(sys.argv[1]).X.shape)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_is_no_trouble_and_leaves_nothing(tmp_path):
    path = write(tmp_path / "big.svm", b"1 1:1 2:1 3:1 4:1 5:1\n" * 5000)
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("(5000, 5)", "")
    assert files(path) == ["big.svm"]


def test_paths():
    assert cache.cache_path(Path("a/b.svm.xz")) == Path("a/b.svm.xz.hogwild-cache")
