"""Text to learn from and text to be tested on: a part of RCV1 where it is at hand, and else synthetic."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild import Examples, ReadOptions, check_examples, rcv1_like, read
from science.study import Setting

RCV1 = Path(__file__).parents[2] / "shared" / "data" / "rcv1"
QUICK_ROWS, QUICK_FEATURES = 6_000, 1_000
TEST_EVERY = 4  # of synthetic rows


@final
class Text(NamedTuple):
    """about: a sentence that says what it is."""

    train: Examples
    test: Examples
    about: str

    def error(self, coef: NDArray[np.float64]) -> float:
        """The share of test rows that are wrong."""
        assert self.test.y is not None
        return float(np.mean(np.where(self.test.X @ coef > 0, 1, -1) != self.test.y))

    def first(self, rows: int) -> Text:
        """The same with only the first rows to learn from."""
        train = self.train
        assert train.y is not None
        return self._replace(train=check_examples(train.X[:rows], train.y[:rows]))


def text(setting: Setting) -> Text:
    """RCV1's CCAT against the rest; synthetic in a quick run, and where RCV1 is not."""
    if RCV1.is_dir() and not setting.quick:
        return _rcv1()
    rows, features = (QUICK_ROWS, QUICK_FEATURES) if setting.quick else (27_613, 47_236)
    examples = rcv1_like(rows, features, seed=setting.seed)
    assert examples.y is not None
    tested = np.arange(rows) % TEST_EVERY == 0
    trained, judged = (check_examples(examples.X[mask], examples.y[mask]) for mask in (~tested, tested))
    return Text(
        trained, judged, f"Text is SYNTHETIC, in the shape of RCV1: {rows:,} rows, a quarter of them to test on."
    )


@lru_cache(maxsize=1)
def _rcv1() -> Text:
    train = read(RCV1 / "rcv1_ccat.train.svm.xz")
    test = read(RCV1 / "rcv1_ccat.test.svm.xz", options=ReadOptions(n_features=train.X.shape[1]))
    return Text(
        train,
        test,
        f"Text: {train.n_examples:,} documents of RCV1 (Lewis et al. 2004) to learn from, {test.n_examples:,} to test "
        "on, class CCAT against the rest.",
    )
