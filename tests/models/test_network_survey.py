"""What is refused before the first step, and what is found out of a module."""

import math
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from tests.models.driven import Driven, perceptron, problem

torch = pytest.importorskip("torch", reason="networks need the extra `nets` (PyTorch)")

from torch.nn import functional as F  # noqa: E402

from hogwild.data.examples import check_examples  # noqa: E402
from hogwild.models.network import Network  # noqa: E402
from hogwild.rules.schedules import backoff, bottou  # noqa: E402


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "message"),
    [
        ("cross-entropy", 3, [0, 1, 3], "whole numbers 0 to 2 as labels, but row 2 has 3"),
        ("cross-entropy", 3, [0, -1, 1], "row 1 has -1"),
        ("cross-entropy", 3, [0.5, 1, 2], r"row 0 has 0\.5"),
        ("cross-entropy", 3, ["a", "b", "a"], r"row 0 has .*'a'.*return_inverse=True"),
        ("cross-entropy", 3, None, "training needs labels y"),
        ("cross-entropy", 1, [0, 1, 1], r"outputs \(n, k\) with k >= 2, but the module gives \(n,\)"),
        ("squared", 3, [0.5, 1, 2], r"one output a row, \(n,\) or \(n, 1\), but the module gives \(n, 3\)"),
        ("squared", 1, ["a", "b", "a"], "wants numbers as labels"),
        ("logistic", 1, [0, 1, 1], r"wants -1 and \+1 as labels, but row 0 has 0"),
        (F.mse_loss, 1, ["a", "b", "a"], "wants numbers as labels"),
    ],
)
def test_labels_and_outputs_that_do_not_fit_the_loss(loss, outputs, y, message):
    model = Network(perceptron(outputs=outputs), loss=loss)
    with pytest.raises(ValueError, match=message):
        model.survey(check_examples(np.ones((3, 6)), y), 0, None)


def test_labels_that_the_weights_cannot_hold():
    model = Network(perceptron(outputs=1, dtype=torch.float32), loss="squared")
    with pytest.raises(ValueError, match="row 1 that the float32 of the module cannot hold"):
        model.survey(check_examples(np.ones((3, 6)), [0.0, 1e300, 1.0]), 0, None)


class Two(torch.nn.Linear):
    def forward(self, x):
        return x, x


def holding(what):
    module = perceptron()
    module.kept = what
    return module


def mixed():
    return torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.Linear(3, 3).double())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "must be a torch.nn.Module, not int"),
        ((torch.nn.ReLU(),), ValueError, "nothing to learn"),
        ((mixed(),), ValueError, r"float32 \('0.bias'\) and float64 \('1.bias'\).*module.float\(\)"),
        ((torch.nn.Linear(6, 3).half(),), ValueError, "float32 or float64, not float16"),
        ((torch.nn.Linear(6, 3, device="meta"),), ValueError, r"'weight' is on meta.*module.cpu\(\)"),
        ((torch.nn.LazyLinear(3),), ValueError, "run one batch through"),
        ((perceptron(), "hinge"), ValueError, "use one of cross-entropy, squared, logistic"),
        ((perceptron(), 3), TypeError, "loss=3 must be a name"),
        ((perceptron(), "squared", -1.0), ValueError, r"l2=-1\.0 must be"),
        ((perceptron(), "squared", math.nan), ValueError, "l2=nan must be"),
        ((perceptron(), "squared", 0.0, 0.0), ValueError, r"rate=0\.0 must be a positive number"),
        ((perceptron(), "squared", 0.0, "auto"), ValueError, "rate='auto' must be a positive number"),
        ((perceptron(), "squared", 0.0, backoff()), ValueError, r"rate=backoff has no number.*such as backoff\(0\.1\)"),
        ((perceptron(), "squared", 0.0, bottou()), ValueError, r"rate=bottou has no number.*such as backoff\(0\.1\)"),
        ((perceptron(dtype=torch.float32), "squared", 1e300), ValueError, r"l2=1e\+300 must be .* at most 3\.4e\+38"),
        ((perceptron(dtype=torch.float32), "squared", 0.0, 1e300), ValueError, r"use at most 3\.4e\+38"),
        ((perceptron(dtype=torch.float32), "squared", 0.0, backoff(1e300)), ValueError, r"use at most 3\.4e\+38"),
        ((holding(threading.Lock()),), ValueError, "the module cannot be copied.*cannot pickle '_thread.lock' object"),
        ((holding(torch.ones(1, requires_grad=True) * 2),), ValueError, "the module cannot be copied.*deepcopy"),
        ((perceptron(), "squared", 0.0, backoff(0.1, beta=2.0)), ValueError, "beta"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_bad_hyper_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        Network(*arguments)


def test_rows_that_do_not_fit_the_module():
    X, y = problem()
    with pytest.raises(ValueError, match=r"the module cannot take rows of 6 features: .*shape"):
        Driven(Network(perceptron(features=5)), X, y)
    with pytest.raises(ValueError, match=r"sparse, but a network takes dense rows: give X.toarray\(\)"):
        Driven(Network(perceptron()), sp.csr_array(X), y)
    with pytest.raises(TypeError, match="must give one tensor, not tuple"):
        Driven(Network(Two(6, 3)), X, y)
    with pytest.raises(ValueError, match=r"gives \(12,\) for 2 rows"):
        Driven(Network(torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Flatten(0)).double()), X, y)


class Squeezed(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x).squeeze()


@pytest.mark.parametrize(("outputs", "gives"), [(1, r"\(\)"), (3, r"\(3,\)")])
def test_a_module_that_squeezes_a_single_row_away(outputs, gives):
    X, y = problem()
    with pytest.raises(ValueError, match=rf"gives {gives} for 1 row: .*use squeeze\(1\)"):
        Driven(Network(Squeezed(6, outputs), loss=F.mse_loss), X, y)


def test_rows_that_the_weights_cannot_hold():
    X, y = problem()
    X[7, 2] = -1e300
    with pytest.raises(ValueError, match=r"X has -1e\+300 in row 7, column 2 .* finite float32 numbers"):
        Driven(Network(perceptron(dtype=torch.float32)), X, y)
    assert Driven(Network(perceptron()), X, y).survey.n_features == 6


# ---- losses of one's own


@pytest.mark.parametrize(
    ("loss", "weights", "error", "message"),
    [
        (F.cross_entropy, np.ones(45), ValueError, "reduction='none'"),
        (lambda p, t: p.square(), None, ValueError, r"shape \(2, 2\) for 2 examples"),
        (lambda p, t: 1.0, None, TypeError, "must give a tensor, not float"),
        # Both broadcast outputs (2, 2) against labels (2,), which is no error, but not what anybody means.
        (torch.nn.MSELoss(), None, ValueError, r"MSELoss cannot take outputs of shape \(3, 2\) and labels .* \(3,\): "),
        (lambda p, t: (p - t).abs().mean(), None, ValueError, r"shape \(3, 2\) and labels of shape \(3,\): "),
        (lambda p, t: (p.detach().sum(1) - t).square(), None, ValueError, "<lambda> has no gradient in the weights"),
        (lambda p, t: p.no_such_thing, None, ValueError, "<lambda> cannot take .*: .*no_such_thing"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
def test_a_loss_that_cannot_be_minimised(loss, weights, error, message):
    X, y = problem(outputs=2)
    with pytest.raises(error, match=message):
        Network(perceptron(outputs=2), loss=loss).survey(check_examples(X, y, weights), 0, None)


# ---- what is found out, and what is left of it: nothing


class Draws(torch.nn.Module):
    """Drops units out in eval mode too, as one does for Monte Carlo dropout."""

    def forward(self, x):
        return F.dropout(x, 0.3, training=True)


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ((), (False, False, False)),
        ((torch.nn.Dropout(0.3),), (True, False, False)),
        ((Draws(),), (True, True, False)),
        ((torch.nn.BatchNorm1d(8),), (False, False, True)),
    ],
    ids=["plain", "drop", "draws", "norm"],
)
def test_what_the_layers_do_with_random_numbers_and_single_rows(layers, found):
    X, y = problem()
    survey = Driven(Network(perceptron(*layers)), X, y).survey
    assert (survey.draws, survey.draws_at_rest, survey.pairs) == found
    assert (survey.n_features, survey.n_outputs) == (6, 3)


@pytest.mark.parametrize("n", [1, 2, 45])
def test_trying_leaves_nothing_behind(n):
    X, y = problem(n)
    net = perceptron(torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3))
    before, numbers = {name: tensor.clone() for name, tensor in net.state_dict().items()}, torch.get_rng_state()
    with torch.inference_mode():
        Network(net).survey(check_examples(X, y), 0, None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), numbers)


def test_weights_of_rows_with_other_features_are_refused():
    X, y = problem()
    pooled = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, -1)), torch.nn.AdaptiveAvgPool1d(3), torch.nn.Flatten(), torch.nn.Linear(3, 3)
    )
    start = Driven(Network(pooled), X, y).params
    with pytest.raises(ValueError, match="X has 5 features, but the network was trained with 6"):
        Driven(Network(pooled), X[:, :5], y, start=start)
