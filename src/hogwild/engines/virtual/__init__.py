"""The parts of a cluster that exists on paper only: its clock, its network, its machines. They know no requests."""
