"""Described clusters: as records, presets and files, and one sentence for what describes none."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import Cluster, Fault, Link, Simulated, Speeds, read_cluster, write_cluster
from hogwild.simulation import PRESETS, find_cluster

WHOLE = """
preset = "cloud"
latency_s = 1e-4
bandwidth_bytes_s = "10Gbit"
example_s = 2e-6
judge_s = 1e-7
shards = 2
price_per_hour = 0.34

[speeds]
straggle = 0.01

[[links]]
worker = 3
latency_s = 0.02

[[links]]
shard = 1
bandwidth_bytes_s = 1e6

[[faults]]
kind = "kill"
worker = 2
at_s = 1.5

[[faults]]
kind = "lose"
share = 0.01

[[faults]]
kind = "partition"
workers = [0, 1]
from_s = 1.0
to_s = 2.0
"""


@pytest.fixture
def described(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_says_what_is_different(described):
    found, cloud = read_cluster(described(WHOLE)), PRESETS["cloud"]
    assert found == Cluster(
        1e-4,
        1.25e9,
        2e-6,
        1e-7,
        2,
        Speeds(cloud.speeds.spread, 0.01, cloud.speeds.straggle_factor, cloud.speeds.jitter),
        {("worker", 3): Link(latency_s=0.02), ("shard", 1): Link(bandwidth_bytes_s=1e6)},
        (
            Fault.kill(worker=2, at_s=1.5),
            Fault.lose(0.01),
            Fault.partition(workers=(0, 1), from_s=1.0, to_s=2.0),
        ),
        0.34,
    )
    assert read_cluster(described("")) == PRESETS["lan10g"]


def test_smaller_clusters_have_fewer_machines(described):
    found = read_cluster(described(WHOLE))
    whole, few = found.engine(4), found.engine(2)
    assert isinstance(whole, Simulated)
    assert (whole.workers, whole.shards, whole.example_s) == (4, 2, 2e-6)
    assert whole.links == found.links
    assert whole.plan.faults == found.faults
    assert few.links == {("shard", 1): Link(bandwidth_bytes_s=1e6)}
    assert few.plan.faults == found.faults[1:]
    assert found.engine(1).plan.faults == (Fault.lose(0.01), Fault.partition(workers=(0,), from_s=1.0, to_s=2.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latncy_s = 1", "key='latncy_s' is not known (did you mean latency_s?); use one of preset, latency_s"),
        ("latency-s = 1", "key='latency-s' must be spelled latency_s"),
        ("[speeds]\nspeed = 1", "[speeds] key='speed' is not known (did you mean spread?)"),
        ("speeds = 3", "speeds must be a table: [speeds], with spread, straggle"),
        ("[links]\nworker = 1", "links must be tables: [[links]], once for each"),
        ("[[links]]\nlatency_s = 1", "[[links]] wants the machine: either worker = 3 or shard = 0"),
        ("[[links]]\nworker = 1\nshard = 1", "[[links]] wants the machine: either worker = 3 or shard = 0"),
        ("[[links]]\nworker = -1", "[[links]] wants the machine"),
        ("[[links]]\nworker = 1", "[[links]] wants what is different there"),
        ("[[links]]\nworker = 1\nlatency_s = 1\n" * 2, "[[links]] has a machine twice"),
        ("[[links]]\nshard = 4\nlatency_s = 1", "links of ('shard', 4), which is not there"),
        ('[[faults]]\nkind = "kil"', "[[faults]] kind='kil' is not known (did you mean kill?)"),
        ("[[faults]]\nworker = 1", "[[faults]] kind=None is not known"),
        ('[[faults]]\nkind = "kill"\nat = 1', "[[faults]] kind = \"kill\": got an unexpected keyword argument 'at'"),
        ('[[faults]]\nkind = "lose"', "[[faults]] kind = \"lose\": missing 1 required positional argument: 'share'"),
        ('[[faults]]\nkind = "lose"\nshare = 2', "share=2 of Fault.lose() must lie in [0, 1)"),
        ('preset = "clod"', "preset='clod' is not known (did you mean cloud?)"),
        ('bandwidth_bytes_s = "10Gb it"', "bandwidth_bytes_s='10Gb it' is not a positive number of bytes a second"),
        ("latency_s = -1", "latency_s=-1 must be"),
        ('example_s = "quick"', "example_s='quick' must be a positive number of seconds"),
        ("shards = 0", "shards=0 must be a whole number of at least 1"),
        ("judge_s = nan", "judge_s=nan must be a number of seconds of at least 0"),
        ("price_per_hour = 0", "price_per_hour=0 must be a positive number, or None"),
        ("latency_s = ", "Invalid value"),
    ],
)
def test_what_describes_no_cluster_is_one_sentence(described, text, words):
    path = described(text)
    with pytest.raises(ValueError, match=re.escape(f"{path}: ")) as caught:
        read_cluster(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.floats(0, 10),
    st.floats(1, 1e12) | st.just(math.inf),
    st.just("measured") | st.floats(1e-12, 1),
    st.integers(1, 9),
    st.none() | st.floats(1e-3, 1e3),
)
def test_what_is_written_is_read_again(tmp_path_factory, latency_s, bandwidth, example_s, shards, price):
    cluster = Cluster(latency_s, bandwidth, example_s, 1e-7, shards, price_per_hour=price)
    path = tmp_path_factory.mktemp("clusters") / "mine.toml"
    write_cluster(path, cluster, "Two lines\nof a note.")
    assert read_cluster(path) == cluster
    assert path.read_text("utf-8").startswith("# Two lines\n# of a note.\n")


def test_only_plain_numbers_are_written(tmp_path):
    with pytest.raises(ValueError, match="this one has speeds, links or faults"):
        write_cluster(tmp_path / "mine.toml", PRESETS["cloud"])
    assert list(tmp_path.iterdir()) == []


def test_clusters_are_found_by_name_and_by_file(described):
    path = described("shards = 5")
    assert find_cluster("wan") is PRESETS["wan"]
    assert find_cluster(path) == find_cluster(str(path)) == Cluster(shards=5)
    given = Cluster(shards=2)
    assert find_cluster(given) is given
    with pytest.raises(ValueError, match=r"cluster='lan' is not known.*or the name of a .toml file"):
        find_cluster("lan")
    with pytest.raises(OSError, match=r"nothing.toml cannot be read: No such file"):
        find_cluster("nothing.toml")
    with pytest.raises(TypeError, match="must be a Cluster"):
        find_cluster(3)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"links": None}, TypeError, "links=None must be a dict"),
        ({"links": {"w": Link(1.0)}}, ValueError, "links of 'w', which is not there"),
        ({"links": {("worker", 1.5): Link(1.0)}}, ValueError, "links of ('worker', 1.5), which is not there"),
        ({"links": {("worker", 3): 1.0}}, TypeError, "must be a Link such as"),
        ({"faults": "kill"}, TypeError, "faults='kill' must be a list of faults"),
        ({"faults": [Fault.kill(shard=1, at_s=1.0)]}, ValueError, "shard"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, words):
    with pytest.raises(error) as caught:
        Cluster(**options)
    assert words in str(caught.value)


def test_numbers_of_numpy_are_written_as_numbers(tmp_path):
    cluster = Cluster(np.float32(0.5), np.float64(1e9), np.float64(1e-6), shards=np.int64(2))
    write_cluster(tmp_path / "mine.toml", cluster, "a\x07b")
    assert read_cluster(tmp_path / "mine.toml") == cluster
    assert (tmp_path / "mine.toml").read_text("utf-8").startswith("# a?b\n")
