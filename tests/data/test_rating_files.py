"""Ratings from files: every form in which people have them, and what is wrong with those that are refused."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import DataError, MatrixFactorization, read_ratings

MOVIELENS = Path(__file__).parents[2].parent / "shared" / "data" / "movielens_latest_small" / "ml-latest-small.zip"
USERS, ITEMS, RATINGS = [3, 1, 3], [20, 10, 10], [4.5, 1.0, 3.0]
FORMS = {
    "ratings.csv": "userId,movieId,rating,timestamp\n3,20,4.5,964\n1,10,1,965\n3,10,3.0,966\n",
    "ratings.dat": "3::20::4.5::964\n1::10::1::965\n3::10::3::966\n",
    "u.data": "3\t20\t4.5\t964\n1\t10\t1\t965\n3\t10\t3\t966\n",
    "plain.txt": "3 20 4.5\n1 10 1\n\n3 10 3\n",
    "other order.csv": "rating;stamp;item;user\r\n4.5;x;20;3\r\n1;y;10;1\r\n3;z;10;3\r\n",
    "strange names.tsv": "a\tb\tc\n3\t20\t4.5\n1\t10\t1\n3\t10\t3\n",
    "of pandas.tsv": "\tuser\titem\trating\n0\t3\t20\t4.5\n1\t1\t10\t1\n2\t3\t10\t3\n",
    "names that overlap.csv": "movie_rating,user_id,movie_id\n4.5,3,20\n1,1,10\n3,3,10\n",
    "a mark first.csv": "\ufeff3,20,4.5\n1,10,1\n3,10,3",
}


def check(found, users=USERS, items=ITEMS, ratings=RATINGS):
    assert (found.users.tolist(), found.items.tolist(), found.ratings.tolist()) == (users, items, ratings)


@pytest.mark.parametrize("name", FORMS)
def test_however_they_are_written(name, tmp_path):
    (tmp_path / name).write_text(FORMS[name], "utf-8", newline="")
    check(read_ratings(tmp_path / name))


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_compressed(suffix, pack, tmp_path):
    path = tmp_path / f"ratings.csv{suffix}"
    path.write_bytes(pack(FORMS["ratings.csv"].encode()))
    check(read_ratings(str(path)))


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return packed.getvalue()


def test_archives(tmp_path):
    path = tmp_path / "ml.zip"
    path.write_bytes(zipped(links_csv="1,2\n", ratings_csv=FORMS["ratings.csv"]))
    check(read_ratings(path))
    path.write_bytes(zipped(other_txt=FORMS["u.data"]))
    check(read_ratings(path))
    path.write_bytes(zipped(a_txt="1 2 3", b_txt="1 2 3"))
    with pytest.raises(DataError, match="has 2 files, 0 of them called ratings"):
        read_ratings(path)


def test_text_as_ids(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text('reader,product,stars\nann,"tea, green",5\nbob,7,1e0\n')
    check(read_ratings(path), ["ann", "bob"], ["tea, green", "7"], [5.0, 1.0])


def test_ids_that_are_too_long_for_a_float(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("9007199254740993,1,2\n123456789012345678901234,1,3\n")
    found = read_ratings(path)
    assert found.users.tolist() == ["9007199254740993", "123456789012345678901234"]
    path.write_text("9007199254740993,1,2\n")
    assert read_ratings(path).users.tolist() == [9007199254740993]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"user,item,rating\n", "has no ratings"),
        (b"1,2\n", "line 1 has 2 column"),
        (b"1,2,3\n1,2\n", "line 2 has 2 column"),
        (b"1,2,3\n\n1,2,good\n", "line 3 has the rating 'good', which is no finite number"),
        (b"1,2,3\n1,2,nan\n", "line 2 has the rating 'nan'"),
        (b"1,2,3\n1,2,inf\n", "line 2 has the rating 'inf'"),
        (b"1,2,3\n1,,3\n", "line 2 has no item"),
        (b"\n1,2,4O\n1,3,4\n", "line 2 has the rating '4o'"),
        (b"anime,user,stamp,rating\n1,2,3,4\n", "line 1 names the columns anime, user, stamp, rating: call"),
        (b'user,item,rating\nu1,"A,5\nu2,B",4\nu3,C,3\n', "line 3 has a line break or a zero byte in its item"),
        (b'user,item,rating\nu1,"A,5\nu2,B,4\n', "no table of ratings"),
        (b"user,item,rating\nu1,a\0,5\n", "table of ratings|zero byte"),
        (b"a" * 2000 + b",b,5\n", "line 1 has 2000 characters in its user"),
        (b"1,2,1e300\n", "line 1 has the rating '1e300'"),
        (b"1,2,3\n\xff\xfe,2,3\n", "is no text in UTF-8"),
    ],
    ids=range(17),
)
def test_what_is_wrong_is_named_with_its_line(content, words, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_ratings(path)
    assert str(path) in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_ratings(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="does not exist"):
        read_ratings(tmp_path / "nothing.zip")
    with pytest.raises(DataError, match="is a directory"):
        read_ratings(tmp_path)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="is damaged"):
        read_ratings(tmp_path / "broken.zip")
    packed = bytearray(zipped(a_csv="1,2,3\n" * 9_999))
    (tmp_path / "a.npz").write_bytes(packed)
    with pytest.raises(DataError, match="give ratings as text"):
        read_ratings(tmp_path / "a.npz")
    packed[6] |= 1  # encrypted, says the member; and in the directory at the end
    packed[packed.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(packed)
    with pytest.raises(DataError, match="packed in a way that is not read"):
        read_ratings(tmp_path / "secret.zip")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is no regular file"):
        read_ratings(tmp_path / "pipe")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"1,2,3\n" * 1_000)[:40])
    with pytest.raises(DataError, match="copy or download it again"):
        read_ratings(tmp_path / "cut.gz")


cell = st.integers(-(2**40), 2**40).map(str) | st.text("abc ,;'", min_size=1).filter(str.strip)
number = st.floats(-1e6, 1e6).map(repr)


@given(st.lists(st.tuples(cell, cell, number), min_size=1), st.binary(max_size=40))
def test_what_was_written_is_read_and_any_bytes_are_read_or_refused(tmp_path_factory, rows, noise):
    path = tmp_path_factory.mktemp("ratings") / "some.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("user,item,rating\n")
        for user, item, rating in rows:
            file.write(f'"{user}","{item}",{rating}\n')
    found = read_ratings(path)
    assert found.ratings.tolist() == [float(rating) for *_, rating in rows]
    assert [str(each) for each in found.items.tolist()] == [_same(item, found.items) for _, item, _ in rows]
    path.write_bytes(noise)
    with contextlib.suppress(DataError):  # nothing else may be raised
        read_ratings(path)


def _same(text, column):
    return str(int(text)) if column.dtype.kind == "i" else text.strip()


def test_an_estimator_reads_them_itself(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(FORMS["ratings.csv"])
    options = {"rank": 2, "max_epochs": 2, "random_state": 0}
    read = MatrixFactorization(**options).fit(path)
    given = MatrixFactorization(**options).fit(np.column_stack([USERS, ITEMS]), RATINGS)
    np.testing.assert_array_equal(read.user_factors_, given.user_factors_)
    with pytest.raises(ValueError, match="ratings are in the file"):
        MatrixFactorization().fit(str(path), RATINGS)


@pytest.mark.skipif(not MOVIELENS.exists(), reason="the folder of real data (../shared/data) is not here")
def test_movielens():
    found = read_ratings(MOVIELENS)
    assert (len(found.ratings), len(set(found.users)), len(set(found.items))) == (100_836, 610, 9_724)
    assert (found.ratings.min(), found.ratings.max()) == (0.5, 5.0)
