"""Half of what a worker has goes to somebody, again and again: where is it all in the end?"""

import numpy as np

from hogwild.testing.probes import settled


def halving(times, mode):
    """A program: push-sum with powers of two, which are never rounded. It fails if anything was lost or doubled."""

    async def work(me):
        mine = me.params.weights
        mine[:] = 2.0**me.rank
        for _ in range(times):
            peer = int(me.rng.integers(me.size))
            if await me.put(peer, mine / 2, mode):
                mine /= 2
            for message in await me.inbox():
                mine += message.x
        await settled(me)
        for message in await me.inbox():
            mine += message.x
        total = await me.all_reduce(mine)
        np.testing.assert_array_equal(total.sum, 2.0**me.size - 1)

    return work
