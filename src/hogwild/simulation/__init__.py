"""What a cluster would do that is not there: described machines, how strategies scale on them, and what that costs."""

from hogwild.simulation.calibrating import calibrate
from hogwild.simulation.cluster import PRESETS, Cluster
from hogwild.simulation.described import find_cluster, read_cluster, write_cluster
from hogwild.simulation.results import Scaling
from hogwild.simulation.running import simulate

__all__ = ["PRESETS", "Cluster", "Scaling", "calibrate", "find_cluster", "read_cluster", "simulate", "write_cluster"]
