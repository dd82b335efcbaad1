"""Ids as numbers, and back."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data.ids import number_ids

whole = st.lists(st.integers(-(2**62), 2**62), min_size=1) | st.lists(st.integers(-9, 40), min_size=1)
text = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1)


@given(whole | text)
def test_each_id_has_a_number_and_each_number_its_id(ids):
    known, numbers = number_ids(ids, "users")
    assert known.known[numbers].tolist() == ids
    assert known.known.tolist() == sorted(set(ids))
    assert known.numbers(ids, "users").tolist() == numbers.tolist()


def test_unknown_ids_have_none():
    known, _ = number_ids([3, 5, 9], "users")
    assert known.numbers([2, 3, 4, 9, 10], "users").tolist() == [-1, 0, -1, 2, -1]
    with pytest.raises(TypeError, match="users are text, but those that are known are whole numbers"):
        known.numbers(["3"], "users")
    assert known.numbers([], "users").size == 0
    known, _ = number_ids(["ann", "bob"], "users")
    assert known.numbers(["bob", "bo", "bobby"], "users").tolist() == [1, -1, -1]


@pytest.mark.parametrize(
    "ids",
    [np.array([7, 7, 1], np.uint8), np.array([7.0, 7.0, 1.0]), np.array([np.int16(7), 7, 1], object)],
    ids=str,
)
def test_whole_numbers_of_any_kind(ids):
    known, numbers = number_ids(ids, "items")
    assert known.known.tolist() == [1, 7]
    assert numbers.tolist() == [1, 1, 0]


@pytest.mark.parametrize(("dtype", "least", "most"), [(np.int8, -100, 100), (np.int16, -20_000, 20_000)])
def test_small_numbers_do_not_overflow(dtype, least, most):
    known, numbers = number_ids(np.array([least, most] * 2_000, dtype), "users")
    assert known.known.tolist() == [least, most]
    assert numbers[:2].tolist() == [0, 1]


def test_text_of_numpys_own_kind():
    known, numbers = number_ids(np.array([np.str_("b"), "a"], object), "users")
    assert known.known[numbers].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("ids", "error", "words"),
    [
        ([1.0, 2.5], ValueError, "items has np.float64(2.5) in row 1 (counted from 0)"),
        ([1.0, np.nan], ValueError, "nan) in row 1"),
        (np.array(["a", None], object), TypeError, "items has None in row 1 (counted from 0): ids are all whole"),
        (np.array([1, "a"], object), TypeError, "'a' in row 1"),
        (np.array([np.int64(1), 2.0], object), TypeError, "2.0 in row 1"),
        (np.array([True, False], object), TypeError, "True in row 0"),
        (np.array([1 << 63], np.uint64), ValueError, "give such ids as text"),
        (np.array([1j]), TypeError, "complex128"),
    ],
    ids=str,
)
def test_what_is_no_id(ids, error, words):
    with pytest.raises(error, match=re.escape(words)):
        number_ids(ids, "items")
