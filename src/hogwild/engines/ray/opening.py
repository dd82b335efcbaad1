"""`Local` data: every worker opens its part, all agree what the whole is, and some rows of each are surveyed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar, final

import ray

from hogwild.data.agreement import Common, Part, agree, joined, part_of, sample_of, settle
from hogwild.data.blocks import Block, Blocks, Owned
from hogwild.data.errors import DataError
from hogwild.data.examples import Examples
from hogwild.engines.computing import Source
from hogwild.engines.own_rows import OwnRows
from hogwild.engines.ray.errors import Failure
from hogwild.engines.supply import Taken
from hogwild.interfaces import Job
from hogwild.requests import Portion

Result = TypeVar("Result")


@final
class Opened(NamedTuple):
    """What the driver knows of the data: nothing but what is true of all. `samples`: the rows that are surveyed, which
    stay where they are until the conductor takes them.
    """

    common: Common
    samples: Sequence[Any]

    def surveyed(self, job: Job) -> Job:
        """For the conductor, which takes the sample."""
        sample = joined(ray.get(list(self.samples)))
        return replace(job, examples=replace(sample, whole=self.common.whole), bounds=self.common.bounds)


def opened(deputies: Sequence[Any], job: Any, start_s: float) -> Opened:
    """Called by the driver, with a reference to the job. DataError as `Local.open` and `agree`; GetTimeoutError if not
    all processes are there after so many seconds.
    """
    size = len(deputies)
    ray.get([deputy.__ray_ready__.remote() for deputy in deputies], timeout=start_s)
    parts: list[Part] = []
    for found in ray.get([deputy.open.remote(rank, size, job) for rank, deputy in enumerate(deputies)]):
        if isinstance(found, Failure):
            raise found.again()
        parts.append(found)
    common = agree(parts)
    return Opened(common, [deputy.sample.remote(common) for deputy in deputies])


def check(deputies: Sequence[Any], common: Common) -> None:
    """Called when the survey has failed. DataError if the rows of one worker are the reason."""
    for found in ray.get([deputy.check.remote(common) for deputy in deputies]):
        if isinstance(found, Failure):
            raise found.again()


@final
class OwnPart:
    """The rows of one worker, in its process."""

    def __init__(self, rank: int, size: int, job: Job) -> None:
        assert job.local is not None
        self._rank, self._job = rank, job
        self._host = str(ray.util.get_node_ip_address())
        self._examples = job.local.open(rank, size, self._host)
        self.name = f"worker {rank} of {size}, on host {self._host},"

    def told(self) -> Part:
        """What others must know of them."""
        return part_of(self._examples, self._rank, self._host)

    def sample(self, common: Common) -> Examples:
        """Those that are surveyed."""
        return sample_of(settle(self._examples, common), self._rank, common, self._job.seed)

    def check(self, common: Common) -> None:
        """DataError if the model cannot learn from these rows."""
        self.named(lambda: self._job.model.survey(replace(settle(self._examples, common), whole=None), 0, None))

    def named(self, act: Callable[[], Result]) -> Result:
        """What is wrong with these rows is said with the name of the worker. DataError instead of ValueError."""
        try:
            return act()
        except ValueError as error:
            raise DataError(f"{self.name} cannot learn from its data: {error}") from error

    def settled(self, common: Common) -> Job:
        """The job, with these rows. DataError if they are not as many as an earlier process has found."""
        expected = common.bounds[self._rank + 1] - common.bounds[self._rank]
        if self._examples.n_examples != expected:
            raise DataError(
                f"{self.name} has opened {self._examples.n_examples} rows, where the process before it had {expected}: "
                "every process of a worker must be given the same"
            )
        return replace(self._job, examples=settle(self._examples, common))


class Counting(Source, Protocol):
    """Who says how many examples come next."""

    def reserve_count(self, rank: int, examples: int) -> int: ...


@final
class OwnSupply:
    """What comes next, of one's own rows: others say how many, and when. See `Supply`."""

    apart = True

    def __init__(
        self, others: Counting, rank: int, job: Job, first_pass: int, place: tuple[int, int] | None = None
    ) -> None:
        n = job.examples.n_examples
        blocks = Blocks(job.examples, job.stop.holdout, job.seed, Owned(rank, 0, n))
        self._others, self._rows, self._n_training = others, OwnRows(blocks, first_pass), blocks.n_training
        if place is not None:  # the run goes on
            self._rows.go_to(place)

    @property
    def place(self) -> tuple[int, int]:
        """See `AbstractOwnRows.place`."""
        return self._rows.place

    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken:
        _, moment, count = self._others.take(rank, examples, minibatch, together=together)
        return self._rows.take_apart(count) if together else self._rows.take(count), moment, count

    def take_rest(self, rank: int) -> Taken:
        _, moment, count = self._others.take_rest(rank)
        if count == self._n_training:
            self._rows.begin_pass()
        return self._rows.take(count), moment, count

    def reserve(self, rank: int, examples: int) -> list[Block]:
        return self._rows.show(self._others.reserve_count(rank, examples))

    def portion(self, rank: int, portion: Portion) -> Taken:
        return self._others.portion(rank, portion)
