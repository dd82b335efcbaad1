"""A program that starts a cluster on loopback, prints its address, and ends it when its input ends.

Each line that it reads are metadata which the cluster then shows to those who want to join: other versions, say.
"""

import shutil
import sys
import tempfile

import ray
from ray.experimental.internal_kv import _internal_kv_put

folder = tempfile.mkdtemp(prefix="hogwild-test-", dir="/tmp")
try:
    ray.init(
        address="local",
        num_cpus=1,
        object_store_memory=100_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=folder,
    )
    print(ray.get_runtime_context().gcs_address, flush=True)
    for line in sys.stdin:
        _internal_kv_put(b"CLUSTER_METADATA", line.strip().encode(), namespace=b"cluster")
        print("shown", flush=True)
finally:
    ray.shutdown()
    shutil.rmtree(folder)
