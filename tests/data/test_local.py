"""Data that workers open where they are: what can be given, what they agree on, and what is sampled of them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild import DataError, Local, Partitioned, Simulated, Stop, Threads, check_examples, train, write_npz
from hogwild.data import agreement
from hogwild.data.agreement import agree, joined, opened, part_of, sample_of, settle
from hogwild.testing import problem

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 3)), RNG.choice([-1.0, 1.0], 30)
BOUNDS = (0, 6, 18, 30)
PARTS = [(X[a:b], Y[a:b]) for a, b in pairwise(BOUNDS)]


def of(*parts):
    """What workers tell of these."""
    return [part_of(check_examples(*part), rank, f"h{rank}") for rank, part in enumerate(parts)]


@pytest.fixture
def folder(tmp_path):
    for rank, part in enumerate(PARTS):
        write_npz(tmp_path / f"part-{rank:03}.npz", *part)
    return tmp_path


# ------------------------------------------------------------------------------------------------------- what is given


def test_parts_are_paths_globs_patterns_or_what_a_function_gives(folder):
    names = [str(folder / f"part-00{rank}.npz") for rank in range(3)]
    for parts in (
        names,
        [[names[0]], names[1], folder / "part-002.npz"],
        [str(folder / f"*{rank}.npz") for rank in range(3)],
        str(folder / "part-{rank:03}.npz"),
        lambda rank, size: PARTS[rank],
        lambda rank, size: check_examples(*PARTS[rank]),
        lambda rank, size: names[rank : rank + 1],
    ):
        examples, bounds = opened(Local(parts), 3, "here")
        assert bounds == BOUNDS
        assert np.array_equal(examples.X, X)
        assert np.array_equal(examples.y, Y)


def test_a_glob_may_match_several_files(folder):
    examples, bounds = opened(Local([str(folder / "part-00[02].npz"), str(folder / "part-001.npz")]), 2, "here")
    assert bounds == (0, 18, 30)
    assert np.array_equal(examples.y, np.concatenate([PARTS[k][1] for k in (0, 2, 1)]))


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (3, TypeError, "parts=3 must be a list with an entry for each worker, a pattern such as"),
        (["a", 3], TypeError, r"parts\[1\]=3 must be a path, a glob, or a list of these"),
        (["a", []], TypeError, r"parts\[1\]=\[\] must be a path, a glob, or a list of these"),
        ("part.svm", ValueError, "parts='part.svm' is the same for all workers, which would learn the same rows"),
        ("{rank}-{other}", ValueError, r"parts='\{rank\}-\{other\}' is no pattern: only \{rank\} and \{size\}"),
    ],
)
def test_what_is_no_part(given, kind, sentence):
    with pytest.raises(kind, match=f"^{sentence}"):
        Local(given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda rank, size: 1 / rank, "worker 0 of 2, on host here, cannot open its data: ZeroDivisionError: division"),
        (["{folder}/part-000.npz", "{folder}/none.npz"], "worker 1 of 2, on host here, .*none.npz"),
        (
            ["{folder}/part-000.npz", "{folder}/x*"],
            "worker 1 of 2, on host here, cannot open .* no file matches",
        ),
        (lambda rank, size: 7, "worker 0 of 2, on host here, cannot open its data: TypeError: data must be"),
        (["a"], "Local has 1 parts and there are 2 workers: give a part for each of them"),
    ],
)
def test_what_cannot_be_opened_names_the_worker_and_its_host(folder, given, sentence):
    if isinstance(given, list):
        given = [name.format(folder=folder) for name in given]
    with pytest.raises(ValueError, match=f"^{sentence}"):
        opened(Local(given), 2, "here")


# ------------------------------------------------------------------------------------------------------ what they agree


def test_sparse_parts_have_the_largest_number_of_features_and_the_largest_dtype():
    narrow, wide = sp.csr_array(np.eye(2, dtype=np.float32)), sp.csr_array(np.eye(3, 5))
    found, _ = opened(Local(lambda rank, size: ((narrow, [1, 2]), (wide, [0.5, 1, 2]))[rank]), 2, "here")
    expected = np.zeros((5, 5))
    expected[:2, :2], expected[2:] = np.eye(2), np.eye(3, 5)
    assert np.array_equal(found.X.toarray(), expected)
    assert found.X.dtype == np.float64
    assert found.y.tolist() == [1.0, 2.0, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ((sp.csr_array(X), Y), r"worker 1 on host h1 \(X\) has a sparse X and worker 0 on host h0 \(X\) has not"),
        ((X,), r"worker 0 on host h0 \(X\) has labels and worker 1 on host h1 \(X\) has not"),
        ((X, Y, np.ones(30)), r"worker 1 on host h1 \(X\) has sample weights and worker 0"),
        ((X, Y.astype(str)), r"worker 0 on host h0 \(X\) has labels that are numbers and worker 1"),
        ((X[:, :2], Y), r"worker 1 on host h1 \(X\) has 2 features and worker 0 on host h0 \(X\) has 3"),
    ],
)
def test_parts_that_are_not_alike_are_named(other, sentence):
    with pytest.raises(DataError, match=f"^{sentence}"):
        agree(of((X, Y), other))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_whole_is_that_of_all_rows_in_one_place(sizes, weighted, seed):
    rng, n = np.random.default_rng(seed), sum(sizes)
    x, y, s = rng.normal(size=(n, 2)), rng.normal(3.0, size=n), rng.uniform(0.1, 2, n).astype(np.float32)
    ends = np.cumsum([0, *sizes])
    parts = [(x[a:b], y[a:b], s[a:b] if weighted else None) for a, b in pairwise(ends)]
    whole = agree(of(*parts)).whole
    weights = s.astype(np.float64) if weighted else np.ones(n)
    mean = np.average(y, weights=weights)
    assert (whole.n_examples, whole.stored, whole.chunk) == (n, 2 * n, 1)
    assert whole.weight == pytest.approx(weights.sum())
    assert whole.variance == pytest.approx(np.average((y - mean) ** 2, weights=weights))
    scale = check_examples(x, y, s).weight_scale
    assert replace(check_examples(*parts[0]), whole=whole).weight_scale == pytest.approx(scale if weighted else 1.0)


# -------------------------------------------------------------------------------------------------------- what is shown


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 60), st.booleans())
def test_the_sample_is_in_proportion_and_has_no_row_twice(sizes, most, weighted):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "SURVEYED_EXAMPLES", most)
        n = sum(sizes)
        numbers = np.arange(n, dtype=np.float64)
        weights = (np.arange(n) % 3 != 0).astype(np.float32)
        ends = np.cumsum([0, *sizes])
        if weighted and not all(weights[a:b].any() for a, b in pairwise(ends)):
            return
        parts = [
            check_examples(numbers[a:b, None], numbers[a:b], weights[a:b] if weighted else None)
            for a, b in pairwise(ends)
        ]
        common = agree([part_of(part, rank, "h") for rank, part in enumerate(parts)])
        samples = [sample_of(settle(part, common), rank, common, 7) for rank, part in enumerate(parts)]
        found = joined(samples)
        present = n if n <= most or not weighted else int(weights.sum())
        assert found.n_examples == min(most, present)
        assert found.whole is None
        assert (np.diff(found.y) > 0).all()
        if n <= most:
            assert np.array_equal(found.y, numbers)
        else:
            if weighted:
                assert found.sample_weight.all()
            for sample, size in zip(samples, sizes, strict=True):
                here = size if not weighted else None
                assert here is None or abs(sample.n_examples - most * size / n) <= 1


def test_another_seed_gives_another_sample(monkeypatch):
    monkeypatch.setattr(agreement, "SURVEYED_EXAMPLES", 10)
    examples = check_examples(X, np.arange(30.0))
    common = agree(of((X, np.arange(30.0))))
    first, same, other = (sample_of(settle(examples, common), 0, common, seed).y.tolist() for seed in (1, 1, 2))
    assert first == same != other


# ------------------------------------------------------------------------------------------------------- in one process


@pytest.mark.parametrize("engine", [Threads(3), Simulated(3)])
def test_in_one_process_it_is_partitioned_data(engine):
    task = problem()
    rows, labels = task.data
    owners = np.sort(np.arange(len(labels)) % 3)
    apart = Local(lambda rank, size: (rows[owners == rank], labels[owners == rank]))
    found = [
        train(task.model, data, strategy="local-sgd", engine=engine, stop=Stop(epochs=2, tol=0, holdout=0.2), seed=0)
        for data in (apart, Partitioned(task.data, owners))
    ]
    assert np.array_equal(found[0].params.weights, found[1].params.weights)
    assert [r.objective for r in found[0].history] == [r.objective for r in found[1].history]
