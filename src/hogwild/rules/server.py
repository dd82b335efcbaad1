"""What a server can do about pushes beside its rule's formula: `softsync(damped(sgd(0.1)), 3)`.

Each function takes an update rule (or its name) and gives one that does this, too; all can be combined.
"""

from __future__ import annotations

from math import inf

from hogwild.limits import check_whole, is_number
from hogwild.rules.updates import Update, find_update, sgd


def damped(rule: Update | str, power: float = 1.0) -> Update:
    """A step on weights that are tau updates old is made at rate / tau^power; at the whole rate where tau is 0
    (Zhang, Gupta, Lian and Liu 2016, section 3.3: power 1, "staleness-aware").

    tau is the number of updates between the pull of the weights with which the gradient was computed and now. Without
    it many workers diverge at the step size of a few: theirs failed at 15 and more.
    """
    if not (is_number(power) and 0 < power <= 2):
        raise ValueError(f"power={power!r} must lie in (0, 2]: a step that is tau updates late is divided by tau^power")
    rule = find_update(rule)
    return rule._replace(pushes=rule.pushes._replace(damping=float(power)))


def compensated(rule: Update | str, strength: float | None = None, *, adaptive: bool = False) -> Update:
    """Gradients are corrected for what has happened since (DC-ASGD: Zheng et al. 2017, eq. 10):

        g + lambda g * g * (w - w_then),      * by component,

    a first-order estimate of the gradient at the server's weights w from that at w_then, those that the worker was last
    given; g * g stands for the diagonal of the Hessian. With strength 0 it is the rule itself.

    strength : lambda; None: 0.04, or 2 with `adaptive`, as there
    adaptive : lambda / sqrt(M + 1e-7) instead of lambda, M = 0.95 M + 0.05 g * g

    g is the mean gradient over the examples of a push. The server keeps the weights that it gave to each worker: one
    more vector for each of them. What a worker does to its own copy between two pulls is not seen here.
    """
    if strength is None:
        strength = 2.0 if adaptive else 0.04
    if not (is_number(strength) and 0 <= strength < inf):
        raise ValueError(f"strength={strength!r} must be a finite number of at least 0, or None")
    rule = find_update(rule)
    return rule._replace(pushes=rule.pushes._replace(compensation=float(strength), adaptive=bool(adaptive)))


def softsync(rule: Update | str, splits: int = 1) -> Update:
    """The server waits for floor(P / splits) gradients of its P workers, and makes one step on their mean (n-softsync:
    Zhang, Gupta, Lian and Liu 2016, section 3.1). Workers need not wait.

    Weights are then about `splits` updates old when their gradient comes, and at most about twice as many: 1 is nearly
    synchronous, P is a step for each push. Where it is `damped`, each gradient has its own weight 1 / tau^power in
    the mean. At the end of a run the last few, less than a step, are not used.
    """
    check_whole("splits", splits)
    rule = find_update(rule)
    return rule._replace(pushes=rule.pushes._replace(splits=int(splits)))


def elastic(beta: float = 0.9) -> Update:
    """A vector that is pushed is a worker's weights x, and draws the server's, the centre:

        w += beta / P (x - w)

    (Zhang, Choromanska and LeCun 2015, alg. 1, with their alpha = beta / P for P workers). Gradients are steps of
    `sgd()`, and changes are added, as under any rule.
    """
    if not (is_number(beta) and 0 < beta <= 1):
        raise ValueError(f"beta={beta!r} must lie in (0, 1]: above 1 the centre overshoots the mean of the workers")
    rule = sgd()
    return rule._replace(pushes=rule.pushes._replace(elastic=float(beta)))
