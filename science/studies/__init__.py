"""All studies, by name."""

from science.studies.bounded_staleness import BOUNDED_STALENESS
from science.studies.growing_batches import GROWING
from science.studies.one_server import ONE_SERVER
from science.studies.sgd_against_solvers import SGD_AGAINST_SOLVERS
from science.studies.shared_memory import SHARED_MEMORY
from science.studies.step_sizes import STEP_SIZES
from science.study import Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        SGD_AGAINST_SOLVERS,
        STEP_SIZES,
        SHARED_MEMORY,
        BOUNDED_STALENESS,
        GROWING,
        ONE_SERVER,
    )
}
