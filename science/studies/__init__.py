"""All studies, by name."""

from science.studies.bounded_staleness import BOUNDED_STALENESS
from science.studies.downpour import DOWNPOUR
from science.studies.gossip import GOSSIP
from science.studies.growing_batches import GROWING
from science.studies.one_server import ONE_SERVER
from science.studies.parzen import PARZEN_ASGD
from science.studies.sgd_against_solvers import SGD_AGAINST_SOLVERS
from science.studies.shared_memory import SHARED_MEMORY
from science.studies.staleness import STALENESS
from science.studies.step_sizes import STEP_SIZES
from science.study import Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        SGD_AGAINST_SOLVERS,
        STEP_SIZES,
        SHARED_MEMORY,
        DOWNPOUR,
        STALENESS,
        GOSSIP,
        PARZEN_ASGD,
        BOUNDED_STALENESS,
        GROWING,
        ONE_SERVER,
    )
}
