"""What processes have sent, some of which die."""

from importlib.util import find_spec

import pytest
from tests.engines.hubs import Rig

from hogwild.traffic import Traffic

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


def sent(n_bytes, life=0):
    from hogwild.engines.ray.terms import Sent

    return Sent(life, Traffic(n_bytes, 1), 0)


def test_what_a_dead_process_has_reported_stays_and_is_counted_once():
    from hogwild.engines.ray.reports import Reports

    rig = Rig(2)
    reports = Reports(rig.session, rig.job, rig.traffic)
    rig.traffic.sent(1)
    reports.so_far(0, sent(10))
    reports.so_far(1, sent(100))
    reports.so_far(1, sent(200))
    reports.lost(1)
    assert rig.traffic.sent_bytes == 201  # of which checkpoints are made
    assert reports.status().sent_bytes == 211
    reports.so_far(1, sent(1_000, 1))  # the next process, from its beginning
    assert reports.status().sent_bytes == 1_211
    reports.end(1, sent(2_000, 1))
    reports.lost(1)  # when its program had ended
    reports.end(0, sent(20))
    assert reports.total(None) == Traffic(2_221, 4)
