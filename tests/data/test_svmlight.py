"""Text: scikit-learn's reader and the exact one agree on all that is legal; the rest is refused by line."""

import importlib
import io
import re
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hogwild.data import DataError, svmlight
from hogwild.data.svmlight_lines import Disorder, Rules, parse_lines, show


def rules(zero_based=False, dtype="float32", n_features=None):
    return Rules("train.svm", zero_based, dtype, n_features)


def parse(text, block_bytes=svmlight.BLOCK_BYTES, **how):
    return svmlight.parse(io.BytesIO(text), rules(**how), block_bytes)


def assert_same(left, right):
    for name in ("data", "indices", "indptr", "labels"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), strict=True)


# ---- legal documents, written oddly

LABELS = ["1", "+1", "-1", "0", "-0.5", "1e3", "2.", ".5", "1E-2"]
VALUES = ["1", "+2", "-3.25", "0", ".5", "7.", "1e-3", "-2E+4", "0.1", "1e-60", "3.4028235e38"]
GAPS = [" ", "  ", "\t", " \t", "\x0b", "\x0c"]


@st.composite
def lines(draw):
    """One line, and what it means: None, or (label, [(one-based index, value), ...])."""
    end = draw(st.sampled_from(["", " ", "\t ", "\r", " \r", "#", " # a comment: 1:2 nan", "#\0"]))
    gap = draw(st.sampled_from(GAPS))
    if draw(st.booleans()) and draw(st.booleans()):
        return draw(st.sampled_from(["", gap])) + end, None
    label = draw(st.sampled_from(LABELS))
    indices = sorted(draw(st.sets(st.integers(1, 40), max_size=5)))
    row = [(index, draw(st.sampled_from(VALUES))) for index in indices]
    tokens = [draw(st.sampled_from(["", "+", "0", "000"])) + f"{index}:{value}" for index, value in row]
    tokens = [token.replace("+0", "+") for token in tokens]
    query = draw(st.sampled_from([[], [], ["qid:3"], ["qid:-1"]]))
    start = draw(st.sampled_from(["", "", " ", "\t"]))
    return start + gap.join([label, *query, *tokens]) + end, (float(label), [(i, float(v)) for i, v in row])


documents = st.lists(lines(), max_size=8)


@given(documents, st.booleans(), st.sampled_from(["float32", "float64"]), st.booleans(), st.integers(1, 60))
def test_both_readers_read_legal_documents_alike(document, zero_based, dtype, ended, block_bytes):
    text = "\n".join(line for line, _ in document).encode() + (b"\n" if ended else b"")
    how = rules(zero_based, dtype)
    exact = parse_lines(text, how)
    fast = svmlight._fast(text, how)
    assert fast is not None
    assert_same(fast, exact)
    assert exact.disorder == Disorder()

    meant = [meaning for _, meaning in document if meaning is not None]
    rows = [entries for _, entries in meant]
    assert exact.labels.tolist() == [label for label, _ in meant]
    assert np.diff(exact.indptr).tolist() == [len(row) for row in rows]
    assert exact.indices.tolist() == [index - (not zero_based) for row in rows for index, _ in row]
    expected = np.array([value for row in rows for _, value in row]).astype(dtype)
    np.testing.assert_array_equal(exact.data, expected, strict=True)

    if not meant:
        with pytest.raises(DataError, match=r"^train.svm holds no examples; "):
            parse(text, block_bytes, zero_based=zero_based)
        return
    X, y, disorder = parse(text, block_bytes, zero_based=zero_based, dtype=dtype)
    assert disorder == Disorder()
    assert X.has_canonical_format
    assert X.shape == (len(meant), max([1, *(exact.indices + 1).tolist()]))
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(X, name), getattr(exact, name))
    assert (y.dtype, X.dtype, X.indices.dtype) == (np.float64, dtype, np.int32)
    np.testing.assert_array_equal(y, exact.labels)


# ---- garbage

PIECES = (
    """1 -1 : 1:2 2:0.5 0:1 3:nan -4:1 # qid:1 qid inf 1,2 1e400 99999999999:1 2147483648:1 1_0:1 0x1:1 5: :5 1:2:3"""
)
pieces = st.sampled_from([*PIECES.encode().split(), b" ", b" ", b"\n", b"\r", b"\0", b"\xff"])
garbage = st.one_of(st.binary(max_size=60), st.lists(pieces, max_size=14).map(b"".join))


def outcome(read, *arguments, **how):
    """What a reader returns or, if it refuses, why."""
    try:
        return read(*arguments, **how)
    except DataError as error:
        return error


@given(garbage, st.booleans(), st.sampled_from([None, 3]), st.integers(1, 30))
@example(b"1 qid\n", False, None, 9)
@example(b"1 2:3 1:2 2:1", False, None, 4)
@example(b"\xef\xbb\xbf1 1:2", False, None, 4)
def test_garbage_is_parsed_alike_or_refused_by_line(text, zero_based, n_features, block_bytes):
    how = rules(zero_based, "float32", n_features)
    fast = svmlight._fast(text, how)
    exact = outcome(parse_lines, text.removeprefix(b"\xef\xbb\xbf"), how)
    whole = outcome(parse, text, block_bytes, zero_based=zero_based, n_features=n_features)
    if isinstance(exact, DataError):
        assert fast is None
        assert re.match(r"train\.svm, line [1-9]", str(exact))
        assert str(exact).isprintable()
        assert isinstance(whole, DataError)
        assert str(whole) == str(exact) or " instead of svmlight text; " in str(whole)
        return
    if fast is not None:
        assert_same(fast, exact)
    for row in range(exact.labels.size):
        columns = exact.indices[exact.indptr[row] : exact.indptr[row + 1]].tolist()
        assert columns == sorted(set(columns))
    if exact.labels.size == 0:
        assert str(whole).startswith("train.svm holds no examples; ")
        return
    np.testing.assert_array_equal(whole.X.data, exact.data)
    np.testing.assert_array_equal(whole.X.indices, exact.indices)
    np.testing.assert_array_equal(whole.X.indptr, exact.indptr)
    np.testing.assert_array_equal(whole.y, exact.labels)
    assert whole.disorder == exact.disorder


# ---- every sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "1 0:1",
            "index 0 in a one-based file; features are numbered from 1 (pass --zero-based if this file counts from 0)",
        ),
        ("1 -3:1", "index -3 in a one-based file; features are numbered from 1"),
        ("1 2147483648:1", "index 2147483648 is too large; at most 2147483647 features can be numbered"),
        (f"1 {'9' * 60}:1", f"index '{'9' * 40}...' is too large; at most 2147483647 features can be numbered"),
        ("1 abc", "'abc' is not of the form index:value"),
        ("1 1:2 qid:3", "the index of 'qid:3' is not a whole number"),
        ("1 qid", "'qid' is not of the form index:value"),
        ("1 1.5:2", "the index of '1.5:2' is not a whole number"),
        ("1 :2", "the index of ':2' is not a whole number"),
        ("1 1:", "the value of '1:' is not a number"),
        ("1 1:2:3", "the value of '1:2:3' is not a number"),
        ("1 1:x\x01\u00e9", r"the value of '1:x\x01\xc3\xa9' is not a number"),
        ("1 1: 2", "the value of '1:' is not a number"),
        ("1 1:nan", "'1:nan' is not finite; drop it or impute a number"),
        ("1 1:-inf", "'1:-inf' is not finite; drop it or impute a number"),
        ("1 1:1e39", "the value of '1:1e39' is too large for float32; scale it, or read as float64"),
        ("1 1:3e38 1:3e38", "the value of '1:6e+38 (added up)' is too large for float32; scale it, or read as float64"),
        ("nan 1:1", "the label is 'nan'; labels must be finite: drop this line"),
        ("-inf 1:1", "the label is '-inf'; labels must be finite: drop this line"),
        ("1,2 1:1", "the label '1,2' holds several values; give one label a line (CSV is not read)"),
        ("1:1 2:1", "starts with the feature '1:1'; put a label first (any number, if it is unknown)"),
        ("spam 1:1", "the label 'spam' is not a number; write label index:value index:value ..."),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(line, sentence):
    text = f"# head\r\n\n1 1:1\n{line}\n1 1:1\n".encode()
    expected = "^" + re.escape(f"train.svm, line 4: {sentence}") + "$"
    for block_bytes in (1, 12, 1 << 20):
        with pytest.raises(DataError, match=expected):
            parse(text, block_bytes)


def test_zero_based_files():
    assert parse(b"1 0:5\n", zero_based=True).X.toarray().tolist() == [[5]]
    with pytest.raises(DataError, match=r"line 1: index -1 in a zero-based file; features are numbered from 0$"):
        parse(b"1 -1:5\n", zero_based=True)
    with pytest.raises(DataError, match="line 1: index 2147483647 is too large; at most 2147483647 features"):
        parse(b"1 2147483647:5\n", zero_based=True)


@pytest.mark.parametrize(("zero_based", "index"), [(False, 4), (True, 3)])
def test_more_features_than_announced(zero_based, index):
    text = f"1 1:1\n1 {index - 1}:1\n1 {index}:1\n".encode()
    base = 0 if zero_based else 1
    assert parse(text, zero_based=zero_based, n_features=4).X.shape == (3, 4)
    sentence = f"train.svm, line 3: index {index} is too large for 3 features numbered from {base}; raise n_features"
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        parse(text, zero_based=zero_based, n_features=3)


def test_the_largest_float32_is_where_numpy_says():
    top = np.nextafter(np.float64(2**128 - 2**103), 0)  # rounds down to the largest float32
    assert parse(f"1 1:{top!r}\n".replace("np.float64(", "").replace(")", "").encode()).X.data[0] == np.finfo("f4").max
    with pytest.raises(DataError, match="too large for float32"):
        parse(f"1 1:{2**128 - 2**103}\n".encode())
    assert parse(f"1 1:{2**128 - 2**103}\n".encode(), dtype="float64").X.data[0] == 2**128 - 2**103


@pytest.mark.parametrize("text", [b"", b"\n\n", b"# nothing\n", b" \r\n"])
def test_no_examples(text):
    with pytest.raises(DataError, match=r"^train.svm holds no examples; each line must be: label index:value"):
        parse(text)


def test_a_line_with_only_a_label_is_an_empty_row():
    X, y, _ = parse(b"1\n-1 2:1\n2 # nothing\n")
    np.testing.assert_array_equal(X.toarray(), [[0, 0], [0, 1], [0, 0]])
    assert y.tolist() == [1, -1, 2]
    assert parse(b"1\n").X.shape == (1, 1)


def test_unsorted_and_repeated_indices_are_mended_and_counted():
    X, _, disorder = parse(b"1 1:1\n1 3:1 1:2\n1 1:1\n1 2:1 2:0.5 1:4\n", block_bytes=7)
    np.testing.assert_array_equal(X.toarray(), [[1, 0, 0], [2, 0, 1], [1, 0, 0], [4, 1.5, 0]])
    assert X.has_canonical_format
    assert disorder == Disorder(n_lines=2, first_line=2)


def test_repeated_values_are_added_up_in_float64():
    assert parse(b"1 1:16777216 1:1 1:1\n").X.data.tolist() == [16777218]


@pytest.mark.parametrize(
    ("small_bytes", "loaded", "expected"), [(0, False, 3), (12, False, 1), (99, False, 0), (99, True, 3)]
)
def test_scikit_learn_reads_all_but_small_texts(monkeypatch, small_bytes, loaded, expected):
    """... which are not worth its import, unless somebody has imported it."""
    blocks = []
    fast = svmlight._fast
    monkeypatch.setattr(svmlight, "SMALL_TEXT_BYTES", small_bytes)
    monkeypatch.setattr(svmlight, "_fast", lambda block, how: blocks.append(block) or fast(block, how))
    importlib.import_module("sklearn.datasets")
    if not loaded:
        monkeypatch.delitem(sys.modules, "sklearn.datasets")
    X, _, _ = parse(b"1 1:1\n1 1:2\n1 1:3\n", block_bytes=6)
    assert X.toarray().tolist() == [[1], [2], [3]]
    assert len(blocks) == expected


def test_a_byte_order_mark_is_skipped():
    X, y, _ = parse(b"\xef\xbb\xbf1 1:2\n")
    assert (X.toarray().tolist(), y.tolist()) == ([[2]], [1])


def test_a_stream_opened_as_text_is_refused():
    with pytest.raises(DataError, match=r"^train.svm gives str instead of bytes; open it in binary mode \('rb'\)$"):
        svmlight.parse(io.StringIO("1 1:1\n"), rules())


@given(st.binary(max_size=80))
def test_shown_tokens_are_short_and_printable(token):
    assert show(token).isprintable()
    assert len(show(token)) <= 4 * 40 + 5
