"""The compiled losses against the table of `rules.losses`."""

import numpy as np
import pytest

from hogwild.kernels.losses import loss_slope, loss_value
from hogwild.rules.losses import LOSSES


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("a", [0.1, 0.5, 0.9])
def test_every_code_is_the_loss_of_the_table(loss, a):
    for y in (-1.0, 1.0) if loss.is_binary else (-1.3, 0.0, 2.0):
        for p in [*np.linspace(-3, 3, 25), y, y - a, y + a, -1e4, 1e4]:
            p = float(p)
            assert loss_value(loss.code, p, y, a) == pytest.approx(loss.value(p, y, a), rel=1e-14, abs=1e-300)
            assert loss_slope(loss.code, p, y, a) == pytest.approx(loss.slope(p, y, a), rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_what_is_not_a_number_stays_so(loss):
    # Fast-math must not fold the comparisons away: a slope of NaN is what stops a run that has diverged, or else a
    # slope of 0 that does no more harm.
    assert np.isnan(loss_value(loss.code, np.nan, 1.0, 0.5)) or loss_value(loss.code, np.nan, 1.0, 0.5) == 0.0
    slope = loss_slope(loss.code, np.nan, 1.0, 0.5)
    assert np.isnan(slope) or abs(slope) <= max(4.0, loss.default)
