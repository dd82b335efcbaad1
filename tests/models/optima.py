"""Objectives written out from their definition, and their minima by other people's solvers."""

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet, Lasso, QuantileRegressor
from sklearn.svm import LinearSVC, LinearSVR

from hogwild import LOSSES

SMOOTH = [loss.name for loss in LOSSES.values() if np.isfinite(loss.smoothness)]


def objective(loss, X, y, coef, intercept=0.0, l2=0.0, l1=0.0, s=None, a=None) -> float:
    """l2/2 |w|^2 + l1 |w|_1 + weighted mean of losses, in float64."""
    rule, coef = LOSSES[loss], np.asarray(coef, np.float64)
    p = np.asarray(X, np.float64) @ coef + intercept
    a = rule.default if a is None else a
    losses = [rule.value(float(q), float(t), a) for q, t in zip(p, y, strict=True)]
    return float(l2 / 2 * coef @ coef + l1 * np.abs(coef).sum() + np.average(losses, weights=s))


def smooth_minimum(loss, X, y, l2=0.0, s=None, a=None, fit_intercept=True) -> float:
    """By L-BFGS, on columns scaled to 1 (the objective stays that of the columns as given)."""
    rule, X = LOSSES[loss], np.asarray(X, np.float64)
    a = rule.default if a is None else a
    share = np.full(len(y), 1 / len(y)) if s is None else np.asarray(s, np.float64) / np.sum(s)
    scale = 1 / np.maximum(np.sqrt((X**2).mean(axis=0)), 1e-300)

    def cost(u):
        w, b = u[:-1] * scale, u[-1] if fit_intercept else 0.0
        p = X @ w + b
        value = share @ [rule.value(q, t, a) for q, t in zip(p.tolist(), y, strict=True)]
        slopes = share * [rule.slope(q, t, a) for q, t in zip(p.tolist(), y, strict=True)]
        gradient = np.append(scale * (X.T @ slopes + l2 * w), slopes.sum() if fit_intercept else 0.0)
        return value + l2 / 2 * w @ w, gradient

    y = [float(t) for t in y]
    found = minimize(
        cost, np.zeros(X.shape[1] + 1), jac=True, method="L-BFGS-B",
        options={"maxiter": 500, "gtol": 1e-9, "ftol": 1e-14},
    )  # fmt: skip
    return float(found.fun)


def minimum(loss, X, y, l2=0.0, a=None) -> float:
    """Without an intercept, for any loss that has an outside solver; l2 > 0."""
    n = len(y)
    if loss in SMOOTH:
        return smooth_minimum(loss, X, y, l2, a=a, fit_intercept=False)
    if loss == "hinge":
        solver = LinearSVC(loss="hinge", C=1 / (l2 * n), fit_intercept=False, tol=1e-8, max_iter=10**6, random_state=0)
        return objective(loss, X, y, solver.fit(X, y).coef_[0], l2=l2)
    if loss == "perceptron":
        return 0.0  # at w = 0
    a = LOSSES[loss].default if a is None else a
    if loss == "quantile":
        assert a == 0.5
        epsilon, C = 0.0, 0.5 / (l2 * n)  # the pinball loss at the median is half the absolute error
    else:
        epsilon, C = a, 1 / (l2 * n)
    solver = LinearSVR(epsilon=epsilon, C=C, fit_intercept=False, tol=1e-8, max_iter=10**6, random_state=0)
    return objective(loss, X, y, solver.fit(X, y).coef_, l2=l2, a=a)


def lasso(X, y, l1: float, l2: float = 0.0) -> tuple[np.ndarray, float]:
    """Coefficients and intercept of squared loss with l1 and l2."""
    if l2:
        solver = ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-10, max_iter=10**6)
    else:
        solver = Lasso(alpha=l1, tol=1e-10, max_iter=10**6)
    solver.fit(X, y)
    return solver.coef_, float(solver.intercept_)


def quantile_regression(X, y, quantile: float, l1: float) -> tuple[np.ndarray, float]:
    """Coefficients and intercept of the pinball loss with l1 (a linear program)."""
    solver = QuantileRegressor(quantile=quantile, alpha=l1).fit(X, y)
    return solver.coef_, float(solver.intercept_)


def classes(n=500, d=8, seed=0, noise=0.5, density=1.0):
    """Dense or sparse-ish float64 rows and labels -1, +1 that no plane separates."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < density)
    margin = X @ rng.normal(size=d) + 0.3 + noise * rng.normal(size=n)
    return X, np.where(margin > 0, 1.0, -1.0)


def numbers(n=500, d=8, seed=0, noise=0.3, density=1.0):
    """Rows and real targets with an offset."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < density)
    return X, X @ rng.normal(size=d) + 0.7 + noise * rng.normal(size=n)


def problem(loss: str, **options):
    """Rows and targets that suit the loss."""
    return classes(**options) if LOSSES[loss].is_binary else numbers(**options)
