"""All studies, by name."""

from science.studies.bounded_staleness import BOUNDED_STALENESS
from science.studies.growing_batches import GROWING
from science.studies.one_server import ONE_SERVER
from science.study import Study

STUDIES: dict[str, Study] = {study.name: study for study in (BOUNDED_STALENESS, GROWING, ONE_SERVER)}
