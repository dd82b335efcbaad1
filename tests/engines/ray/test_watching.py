"""Who watches a run on processes is told how far it is."""

from importlib.util import find_spec

import pytest
from tests.engines.watchers import CHECKS

from hogwild import Ray

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


@pytest.mark.parametrize("check", CHECKS)
def test_on_processes(check):
    check(Ray(2))
