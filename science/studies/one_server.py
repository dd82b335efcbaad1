"""One parameter server as the bottleneck."""

from __future__ import annotations

from hogwild import Downpour, Linear, Simulated, Stop, rcv1_like
from hogwild.pages import Line, Panel
from science.races import learn
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

MINIBATCH, EXAMPLE_S, BANDWIDTH = 100, 5e-6, 1.25e9
SHARDS = (1, 2, 4, 8)


def _look(setting: Setting) -> Found:
    rows, features, epochs = (8_000, 20_000, 1) if setting.quick else (40_000, 20_000, 2)
    workers = (1, 4, 8, 16) if setting.quick else (1, 2, 4, 8, 16, 32, 64)
    examples = rcv1_like(rows, features, seed=setting.seed)

    def speed(size: int, shards: int) -> float:
        """Examples a second."""
        history = learn(
            Linear("logistic", l2=1e-5, average=False),
            examples,
            strategy=Downpour(minibatch=MINIBATCH),
            engine=Simulated(size, shards, bandwidth_bytes_s=BANDWIDTH, example_s=EXAMPLE_S),
            stop=Stop(epochs=epochs, tol=None),
            seed=setting.seed,
        ).history
        return history[-1].examples / history[-1].time_s

    speeds = {shards: {size: speed(size, shards) for size in workers} for shards in SHARDS}
    one, eight = speeds[1], speeds[8]
    most = BANDWIDTH / (4 * (features + 1)) * MINIBATCH  # pushes through one link
    findings = [
        Finding(
            f"with one server 16 workers are {one[16] / one[8]:.2f} times as fast as 8: the server's link carries no "
            f"more than {most / 1e6:.2f} M examples a second",
            one[16] < 1.3 * one[8] and max(one.values()) < 1.05 * most,
        ),
        Finding(
            f"with 8 shards 16 workers of Downpour are {eight[16] / eight[8]:.2f} times as fast as 8, and "
            f"{eight[16] / one[16]:.1f} times as fast as with one server",
            eight[16] > 1.6 * eight[8],
            Advice("a server whose link is full", "more shards, each on a machine of its own"),
        ),
    ]
    lines = [
        Line(f"{shards} shard{'s' * (shards > 1)}", (k, 0), [float(size) for size in workers], list(found.values()))
        for k, (shards, found) in enumerate(speeds.items())
    ]
    title = "Examples a second against workers"
    picture = Panel("speed", title, "", "workers", "examples a second", True, True, lines)
    table = [(str(size), *(f"{speeds[shards][size] / 1e6:.2f}" for shards in SHARDS)) for size in workers]
    head = ("workers", *(f"{shards} shard{'s' * (shards > 1)}, M examples/s" for shards in SHARDS))
    return Found(findings, [Exhibit(picture, head, table)])


ONE_SERVER = Study(
    "one-server",
    "One parameter server is the bottleneck, and shards cure it",
    "Yang and Farrell, *Distributed SGD* (a course project at Harvard, 2016), and Dean et al., *Large scale "
    "distributed deep networks*, NIPS 2012.",
    "With one server for all of about 11 million weights seven epochs took about 990 s on 2 machines, 410 s on 4, "
    "340 s on 8 and 350 s on 16, which also ended with a larger error. Dean et al. divide the weights among many "
    "servers, none of which sees all that is sent.",
    f"`Downpour` with minibatches of {MINIBATCH}, 20,001 weights, {1e6 * EXAMPLE_S:g} us an example, links of 10 "
    "Gbit/s, and a server of 1 to 8 shards, each on a machine of its own.",
    "They hardly do: their 16 machines were a little slower than 8, and these are as fast, as messages queue at the "
    "server's link and nobody has anything else to do. Their larger error comes from staleness, of which there is a "
    "page of its own.",
    _look,
)
