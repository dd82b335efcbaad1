"""A cluster on a virtual clock: real arithmetic, modelled time, one thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np

from hogwild.engines.checks import check_faults, check_job
from hogwild.engines.faults import Fault
from hogwild.engines.keeper import keeper_of
from hogwild.engines.plan import Faults, as_plan
from hogwild.engines.session import Session
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.calibration import seconds_per_example
from hogwild.engines.virtual.cluster import Cluster
from hogwild.engines.virtual.garbage import patient_collector
from hogwild.engines.virtual.links import Host, Link, Links
from hogwild.engines.virtual.mail import Mail
from hogwild.engines.virtual.membership import Membership
from hogwild.engines.virtual.replicas import Replicas
from hogwild.engines.virtual.retrying import Retrying
from hogwild.engines.virtual.speeds import Clocks, Speeds, slowed
from hogwild.engines.virtual.transport import Network
from hogwild.engines.virtual.unreliable import Unreliable
from hogwild.interfaces import AbstractEngine, Job, Result, Unsupported
from hogwild.limits import check_fields, is_number
from hogwild.memory import Memory
from hogwild.requests import Steps
from hogwild.traffic import FaultReport

EXAMPLE_S = 1e-6


@final
@dataclass(frozen=True)
class Simulated(AbstractEngine):
    """Workers, servers and a network on paper. What they compute is real; how long it takes is a model of it.

    workers, shards :    machines that train, and machines that hold a part of the weights each
    latency_s :          of every message
    bandwidth_bytes_s :  of each machine's link, in each direction: who talks to all others is the bottleneck
    example_s :          seconds that a worker of speed 1 takes to learn an example, or "measured": on this machine,
                         before the run (which then need not repeat)
    speeds :             how unequal workers are
    links :              other links, of some machines: {("worker", 3): Link(latency_s=0.1), ("shard", 0): Link(...)}
    faults :             what goes wrong: (Fault.kill(worker=3, at_s=1.5), Fault.lose(0.05)), or `Faults`

    Times in the history are virtual seconds, `Stop(time_s=...)` too; judging the weights takes no time. The same seed
    gives the same bits; another seed explores another interleaving of what happens at the same time. `history.traffic`
    tells what was sent, how stale gradients were, how long workers waited, and what went wrong. Faults that a strategy
    does not survive are refused before it begins (Unsupported).

    The races of shared memory are those of whole requests here, not those of a chip.
    """

    workers: int = 4
    shards: int = 1
    latency_s: float = 50e-6
    bandwidth_bytes_s: float = 1.25e9
    example_s: float | Literal["measured"] = EXAMPLE_S
    speeds: Speeds = field(default_factory=Speeds)
    links: Mapping[Host, Link] = field(default_factory=dict, hash=False)
    faults: Faults | Sequence[Fault] = field(default_factory=Faults)

    def __post_init__(self) -> None:
        check_fields(self, "workers", "shards")
        Links(self.latency_s, self.bandwidth_bytes_s)  # checks them
        self._check_links()
        if not isinstance(self.speeds, Speeds):
            raise TypeError(f"speeds={self.speeds!r} must be a Speeds such as Speeds(spread=0.3)")
        measured = isinstance(self.example_s, str) and self.example_s == "measured"
        if not (measured or (is_number(self.example_s) and 0 < self.example_s < math.inf)):
            raise ValueError(f'example_s={self.example_s!r} must be a positive number of seconds, or "measured"')
        object.__setattr__(self, "faults", as_plan(self.faults))
        self.plan.check(self.workers, self.shards, self.plan.lease_s(self.latency_s))

    @property
    def plan(self) -> Faults:
        """What goes wrong."""
        return as_plan(self.faults)

    def _check_links(self) -> None:
        if not isinstance(self.links, Mapping):
            raise TypeError(f"links={self.links!r} must be a dict such as {{('worker', 3): Link(latency_s=0.1)}}")
        machines = {"worker": self.workers, "shard": self.shards}
        hosts = {(kind, number) for kind, count in machines.items() for number in range(count)} if self.links else ()
        for host, link in self.links.items():
            if host not in hosts:
                last = " and ".join(f"('{kind}', 0) to ('{kind}', {count - 1})" for kind, count in machines.items())
                raise ValueError(f"links of {host!r}, which is not there: there are {last}")
            if not isinstance(link, Link):
                raise TypeError(f"links[{host!r}]={link!r} must be a Link such as Link(latency_s=0.1)")

    @property
    def can(self) -> frozenset[str]:
        # What several do within a block, waiting for each other, cannot be computed at one stroke.
        return frozenset({"server", "share", "turns"} if self.workers == 1 else {"server", "share"})

    @property
    def size(self) -> int:
        return int(self.workers)

    def run(self, job: Job) -> Result:
        """Run the strategy on every worker; Unsupported if it cannot run here."""
        check_job(job, self)
        check_faults(job, self.plan)
        if job.keeping is not None and self.plan:
            raise Unsupported("checkpoints of a simulated cluster are of one without faults: leave out one of the two")
        saved = None if job.keeping is None else job.keeping.saved
        agenda = Agenda(job.seed, 0.0 if saved is None else saved.manifest.progress["time_s"])
        keeper = keeper_of(job, lambda: agenda.now, patient=True)
        session = Session(job, self.size, lambda: agenda.now, keeper=keeper)
        links = Links(self.latency_s, self.bandwidth_bytes_s, self.links)
        clocks = Clocks(self.speeds, self.size, job.seed)
        example_s = _measured(session) if isinstance(self.example_s, str) else float(self.example_s)
        cluster = self._cluster(session, job, agenda, links, clocks.draw, example_s)
        session.history.traffic = traffic = links.traffic
        session.course.sent = lambda: [traffic]
        try:
            with patient_collector():
                cluster.run()
        except KeyboardInterrupt:
            session.stop("interrupted")
        traffic.virtual_s = agenda.now
        if traffic.faults is not None and cluster.servers is not None:
            traffic.faults.applied = tuple(shard.version for shard in cluster.servers.shards)
        return session.result()

    def _cluster(
        self, session: Session, job: Job, agenda: Agenda, links: Links, draw: Callable[[int], float], example_s: float
    ) -> Cluster:
        """Where nothing is to go wrong, nothing looks for it."""
        shards, plan = int(self.shards), self.plan
        if not plan:
            calm = Network(agenda, links)
            return Cluster(session, job.strategy, agenda, calm, links.traffic, draw, example_s, shards)
        retry_s, lease_s, report = plan.patience_s(self.latency_s), plan.lease_s(self.latency_s), FaultReport()
        mail = Mail(agenda, links, plan, retry_s, lease_s, job.seed, report)
        requests = Retrying(mail, self.size, shards)
        network = Unreliable(agenda, links, mail, requests)
        draw = slowed(draw, plan, agenda)
        cluster = Cluster(session, job.strategy, agenda, network, links.traffic, draw, example_s, shards)
        links.traffic.faults = report
        servers, replicas = cluster.servers, None
        if servers is not None:
            requests.shards = servers.shards
            if plan.replicate or plan.kills_shards:
                replicas = Replicas(servers, requests, network)
        Membership(plan, session, agenda, network, cluster, replicas)
        return cluster


def _measured(session: Session) -> float:
    """Seconds an example takes here, with steps on a copy of the weights."""
    params = session.params[0].copy()
    memory = Memory(0, 1, params.weights, np.zeros_like(session.control), state=params.state)
    blocks, moment = session.supply.parts[0], session.supply.moment

    def run(n: int) -> int:
        some = min(n, blocks.n_training)
        session.task.steps(memory, blocks.cut(blocks.training, 0, some), moment, Steps(some))
        return some

    return seconds_per_example(run)
