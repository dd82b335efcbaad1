"""Our engines keep the promises of an engine, and those that break one are found out."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
from tests.testing.faults import Faulty

from hogwild import Simulated, Speeds, Threads, Unsupported
from hogwild.deltas import Delta
from hogwild.history import History
from hogwild.requests import (
    Ack,
    Average,
    Get,
    Gradient,
    Inbox,
    NextRound,
    OnServer,
    Pull,
    Push,
    Put,
    Reduce,
    Reduced,
    Start,
    Steps,
    Take,
    Upcoming,
)
from hogwild.testing import ENGINE_CHECKS, check_engine

# How slow workers and links are must not matter.
UNEVEN = Speeds(spread=1.0, jitter=1.0, straggle=0.2)
OURS = {
    "threads": Threads,
    "threads, 3 shards": lambda n: Threads(n, shards=3),
    "simulated, 3 shards, slow": lambda n: Simulated(n, shards=3, latency_s=1e-2, bandwidth_bytes_s=1e4),
    "simulated, fast, uneven": lambda n: Simulated(n, latency_s=0.0, speeds=UNEVEN),
}


@pytest.mark.parametrize("name", ENGINE_CHECKS)
@pytest.mark.parametrize("engine", OURS)
def test_ours_conform(engine, name):
    ENGINE_CHECKS[name](OURS[engine])


@pytest.mark.parametrize("name", ENGINE_CHECKS)
def test_each_check_says_what_it_checks(name):
    assert inspect.getdoc(ENGINE_CHECKS[name])


# ---- engines that break one promise


def of(kind, wrong):
    """A fault in the answers to one kind of request."""
    return lambda me, request, answer: wrong(answer) if isinstance(request, kind) else answer


def louder(answer):
    """A vector or a Delta, of double size."""
    return replace(answer, values=2 * answer.values) if isinstance(answer, Delta) else 2 * answer


def summed(wrong):
    """A fault in sums, where there is something to sum."""
    return of(Reduce, lambda answer: answer if answer.sum is None else Reduced(wrong(answer.sum), answer.count))


def nobody_is_late(answer):
    return None if answer is None else answer._replace(late=False)


def always_first(answer):
    return None if answer is None else answer._replace(first=True)


def from_one(answer):
    return None if answer is None else answer._replace(number=answer.number + 1)


FAULTS = {
    "sums are doubled": ("sums_are_in_rank_order", summed(louder)),
    "sums count too few": ("sums_are_in_rank_order", of(Reduce, lambda a: Reduced(a.sum, a.count - 1))),
    "steps of a sum add up": (
        "deltas_are_summed",
        summed(lambda a: replace(a, steps=a.steps * 2) if isinstance(a, Delta) else a),
    ),
    "a barrier has a sum": ("none_listens", of(Reduce, lambda a: Reduced(np.zeros(24), 0) if a.sum is None else a)),
    "nobody is late": ("a_quorum_does_not_wait", of(NextRound, nobody_is_late)),
    "each round is the first": ("rounds_are_counted", of(NextRound, always_first)),
    "rounds begin with 1": ("rounds_are_counted", of(NextRound, from_one)),
    "put() is always successful": ("who_has_returned_is_not_waited_for", of(Put, lambda a: True)),
    "messages come in the wrong order": ("mailboxes_keep_what_is_put", of(Inbox, lambda a: a[::-1])),
    "a message is lost": ("mailboxes_keep_what_is_put", of(Inbox, lambda a: a[1:])),
    "messages have no clock": ("messages_carry_the_clock", of(Inbox, lambda a: [m._replace(clock=0) for m in a])),
    "weights of the wrong worker": ("weights_are_read_and_averaged", of(Get, lambda a: a._replace(x=a.x + 1))),
    "pushes are forgotten": ("pulls_see_pushes", of(Pull, lambda a: a._replace(values=0 * a.values))),
    "versions stand still": ("pulls_see_pushes", of(Push, lambda a: Ack((0,), 0))),
    "everything is met": ("pulls_wait", of(Pull, lambda a: a._replace(met=True))),
    "nothing is met": ("pulls_wait", of(Pull, lambda a: a._replace(met=False))),
    "dot products are rounded": ("vectors_stay_on_the_server", of(OnServer, round)),
    "tickets are answers": ("started_requests_go_on", of(Start, lambda a: None)),
    "gradients are doubled": ("full_gradients_are_right", of(Gradient, louder)),
    "portions have no number": (
        "portions_cover_the_pass",
        of(Gradient, lambda a: replace(a, portion=None)),
    ),
    "a pass is half a pass": (
        "portions_cover_the_pass",
        of(Take, lambda a: a if a is None or a.number % 2 else replace(a, count=a.count - 1, first=a.first + 1)),
    ),
    "rows are missing": ("upcoming_rows_are_those_that_come", of(Upcoming, lambda keys: keys[1:])),
    "changes are not recorded": ("steps_are_gradients_that_are_applied", of(Steps, lambda a: None)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_answer_is_found(fault):
    check, wrong = FAULTS[fault]
    with pytest.raises((AssertionError, AttributeError, TypeError)):
        ENGINE_CHECKS[check](lambda n: Faulty(n, fault=wrong))


def test_an_average_that_forgets_one_side_is_found():
    def one_sided(me, request, answer):
        if isinstance(request, Average) and request.peer != me.rank:
            me.params.weights[:] = me.rank
        return answer

    with pytest.raises(AssertionError, match=r"average"):
        ENGINE_CHECKS["weights_are_read_and_averaged"](lambda n: Faulty(n, fault=one_sided))


JOBS = {
    "callbacks are forgotten": ("history_is_kept", lambda job: replace(job, callbacks=())),
    "the seed is forgotten": ("random_streams_are_seeded", lambda job: replace(job, seed=0)),
    "the start is forgotten": ("training_goes_on", lambda job: replace(job, start=None)),
    "the last epoch is left out": (
        "examples_are_learnt_once_an_epoch",
        lambda job: replace(job, stop=replace(job.stop, epochs=max(1, job.stop.epochs - 1))),
    ),
    "it never converges": ("runs_stop", lambda job: replace(job, stop=replace(job.stop, epochs=20, patience=50))),
}


@pytest.mark.parametrize("fault", JOBS)
def test_a_job_that_is_not_done_as_told_is_found(fault):
    check, tamper = JOBS[fault]
    with pytest.raises(AssertionError):
        ENGINE_CHECKS[check](lambda n: Faulty(n, job=tamper))


RESULTS = {
    "the history is empty": ("history_is_kept", lambda result: replace(result, history=History())),
    "the reason is wrong": ("runs_stop", lambda result: replace(result, reason="epochs")),
}


@pytest.mark.parametrize("fault", RESULTS)
def test_a_wrong_result_is_found(fault):
    check, tamper = RESULTS[fault]
    with pytest.raises((AssertionError, IndexError)):
        ENGINE_CHECKS[check](lambda n: Faulty(n, result=tamper))


def test_wrong_sizes_are_found():
    with pytest.raises(AssertionError, match=r"^sizes_are_checked: ValueError was expected, but it ended with Threads"):
        check_engine(lambda n: Threads(max(1, n)))
    with pytest.raises(AssertionError, match=r"^sizes_are_checked: make_engine\(1\).size is 2"):
        check_engine(lambda n: Threads(n and n + 1))


def test_needs_that_are_not_checked_are_found():
    with pytest.raises(AssertionError, match=r"a strategy that cannot run here has begun"):
        ENGINE_CHECKS["needs_are_checked_first"](lambda n: Faulty(n, can=frozenset({"server"})))


def test_what_an_engine_has_not_is_left_out():
    without = frozenset({"share"})

    def refusing(job):
        missing = job.strategy.needs - without
        if missing:
            raise Unsupported(f"{type(job.strategy).__name__} needs {' and '.join(sorted(missing))}: use Threads()")
        return job

    check_engine(lambda n: Faulty(n, job=refusing, can=without) if n else Threads(0))
