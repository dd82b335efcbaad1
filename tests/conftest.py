"""What all tests share: the folder of real data, how long Hypothesis searches, and a cache for compiled kernels."""

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Numba sees that a kernel's own file has changed, but not that one has which it takes functions from: a cache for each
# state of the sources.
_HOME = Path(__file__).resolve().parents[1] / "src" / "hogwild"
_SOURCES = sorted([*_HOME.glob("kernels/*.py"), *_HOME.glob("rules/*.py")])
_STATE = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir(), f"hogwild-kernels-{os.getuid()}-{_STATE}")))

# No deadline and no check for slowness: a busy machine must not fail a test.
settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "soak",
    deadline=None,
    derandomize=False,
    max_examples=5_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")


_OF_THE_CLUSTER = re.compile(r"^tests/(engines/ray/|testing/test_kills)|(?<![a-z])ray(?![a-z])", re.IGNORECASE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes run the tests, one of them runs all that start clusters: one cluster at a time."""
    from xdist.scheduler import LoadScopeScheduling

    class OneCluster(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "cluster" if _OF_THE_CLUSTER.search(nodeid) else nodeid.split("::")[0]

    config.option.loadscopereorder = False  # as collected, in which those of the cluster come early
    return OneCluster(config, log)


@pytest.fixture(autouse=True, scope="module")
def no_cluster_is_left() -> Iterator[None]:
    """The next module's tests have the machine to themselves."""
    yield
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not here")
    return folder
