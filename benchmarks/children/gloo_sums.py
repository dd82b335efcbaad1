"""How long torch.distributed's all_reduce takes. Arguments: rank, file to meet in, how often, numbers of float32."""

from __future__ import annotations

import json
import statistics
import sys
import time


def main(rank: int, file: str, times: int, sizes: list[int]) -> None:
    """Print {"numbers": median seconds}."""
    import torch
    from torch import distributed

    distributed.init_process_group("gloo", store=distributed.FileStore(file, 2), rank=rank, world_size=2)
    found = {}
    for size in sizes:
        x, taken = torch.ones(size), []
        for _ in range(times):
            x.fill_(1.0)
            begun = time.perf_counter()
            distributed.all_reduce(x)
            taken.append(time.perf_counter() - begun)
        found[str(size)] = statistics.median(taken)
    distributed.destroy_process_group()
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), [int(size) for size in sys.argv[4:]])
