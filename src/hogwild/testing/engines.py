"""A conformance suite for those who write an engine."""

from __future__ import annotations

from collections.abc import Callable

from hogwild.engines import Threads
from hogwild.strategies import STRATEGIES, Sandblaster
from hogwild.testing import learning, messages, misuse, rounds, servers
from hogwild.testing.probes import MakeEngine
from hogwild.testing.problems import problem
from hogwild.testing.strategies import check_strategy, in_small_blocks


def every_strategy_runs(make_engine: MakeEngine) -> None:
    """All strategies of the table keep their promises, and synchronous ones give the bits that `Threads` gives."""
    engines = {"Threads": Threads, "this engine": make_engine}
    task = problem()._replace(epochs=5)
    for make in STRATEGIES.values():
        strategy = in_small_blocks(make())
        # Inner products depend, in their last bits, on the number of shards, which this engine may choose.
        repeats = False if isinstance(strategy, Sandblaster) else None
        check_strategy(strategy, on=task, workers=(1, 3), tolerance=0.2, repeats=repeats, engines=engines)


ENGINE_CHECKS: dict[str, Callable[[MakeEngine], None]] = {
    check.__name__: check
    for check in (
        misuse.sizes_are_checked,
        misuse.needs_are_checked_first,
        misuse.errors_are_located,
        misuse.errors_of_callbacks_come_out,
        misuse.gradients_that_are_no_numbers_stop_the_run,
        misuse.forgotten_awaits_are_named,
        misuse.only_requests_are_awaited,
        misuse.deadlocks_are_described,
        misuse.long_waits_are_not_deadlocks,
        rounds.rounds_are_counted,
        rounds.rounds_are_agreed,
        rounds.peers_are_the_others,
        rounds.random_streams_are_seeded,
        rounds.examples_are_learnt_once_an_epoch,
        rounds.history_is_kept,
        rounds.runs_stop,
        rounds.training_goes_on,
        messages.sums_are_in_rank_order,
        messages.deltas_are_summed,
        messages.none_listens,
        messages.a_quorum_does_not_wait,
        messages.who_has_returned_is_not_waited_for,
        messages.wrong_sums_are_refused,
        messages.mailboxes_keep_what_is_put,
        messages.inboxes_wait_for_senders,
        messages.messages_carry_the_clock,
        messages.weights_are_read_and_averaged,
        messages.averages_are_one_act,
        messages.unknown_peers_are_refused,
        servers.pulls_see_pushes,
        servers.the_rule_is_applied,
        servers.rows_travel_alone,
        servers.each_push_is_applied_once,
        servers.the_server_is_the_result,
        servers.pulls_wait,
        servers.vectors_stay_on_the_server,
        servers.bad_pushes_are_refused,
        servers.portions_cover_the_pass,
        servers.started_requests_go_on,
        learning.full_gradients_are_right,
        learning.steps_are_gradients_that_are_applied,
        learning.upcoming_rows_are_those_that_come,
        learning.upcoming_rows_stay_those_that_come,
        learning.weights_are_true_between_requests,
        learning.memory_is_shared,
        learning.sharing_must_be_declared,
        every_strategy_runs,
    )
}
"""What `check_engine` checks, by name, to be run one by one: each takes what `check_engine` takes."""


def check_engine(make_engine: MakeEngine) -> None:
    """Does this engine keep the promises of an engine? AssertionError with a sentence if not.

    make_engine : make_engine(n) gives the engine with n workers; it is called for n from 0 (to be refused) to 5

    Every request is answered as `hogwild.requests` says, seen from inside of small programs: rounds, sums, mailboxes,
    server, tickets, gradients against NumPy. What a worker raises comes out, is located and hangs nobody; a forgotten
    await is named, and so is a deadlock, with who waits for what; what a strategy needs and the engine has not is
    refused before anything starts. All strategies of `STRATEGIES` run, synchronous ones with the same bits as on
    `Threads`. It takes some seconds. What needs memory or a server that the engine has not (`can`) is left out.

    Messages of one worker to another must arrive in order. Ranks, sizes and random numbers are those of `Worker`;
    nothing is asked about time but that `Stop(time_s=...)` ends a run.

    >>> from hogwild import Simulated
    >>> from hogwild.testing import check_engine
    >>> check_engine(lambda n: Simulated(n, shards=3, latency_s=1e-3))
    """
    can = make_engine(1).can
    for name, check in ENGINE_CHECKS.items():
        if check.__module__ == servers.__name__ and "server" not in can:
            continue
        try:
            check(make_engine)
        except Exception as error:
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
            raise AssertionError(f"{name}: {kind}{error}{notes}") from error
