"""Examples from arrays, files and generators: checked once, at the border, and never changed."""

from hogwild.data.datasets import from_dataset
from hogwild.data.errors import DataError, DataWarning
from hogwild.data.examples import Examples, check_examples
from hogwild.data.files import ReadOptions, read
from hogwild.data.local import Local
from hogwild.data.npz import write_npz
from hogwild.data.partitioned import Partitioned
from hogwild.data.rating_files import read_ratings
from hogwild.data.split import holdout
from hogwild.data.statistics import Statistics, describe
from hogwild.data.synthetic import rcv1_like
from hogwild.data.synthetic_ratings import movielens_like

__all__ = [
    "DataError",
    "DataWarning",
    "Examples",
    "Local",
    "Partitioned",
    "ReadOptions",
    "Statistics",
    "check_examples",
    "describe",
    "from_dataset",
    "holdout",
    "movielens_like",
    "rcv1_like",
    "read_ratings",
    "read",
    "write_npz",
]
