"""Training in MLflow. Needs the extra `boards`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, final

from hogwild.boards.board import AbstractBoard


@final
class MLflow(AbstractBoard):
    """A callback that logs a run to MLflow, with the metrics that `TensorBoard` has; steps are examples learned.

    experiment :   its name; it is made if there is none
    run :          the name of the run; None: MLflow finds one
    tracking_uri : of the server or the database; None: as MLflow is set up (MLFLOW_TRACKING_URI)
    parameters :   to be logged with it, such as {"strategy": "local-sgd", "l2": 1e-4}

    To be used with `with`: the run then ends as finished, or as failed or killed. It begins at once. Raises ImportError
    without MLflow, and what MLflow raises.
    """

    def __init__(
        self,
        experiment: str,
        *,
        run: str | None = None,
        tracking_uri: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Metric
        except ImportError as error:
            raise ImportError("MLflow is not installed: pip install 'hogwild[boards]'") from error
        self._client, self._metric = MlflowClient(tracking_uri=tracking_uri), Metric
        known = self._client.get_experiment_by_name(experiment)
        number = self._client.create_experiment(experiment) if known is None else known.experiment_id
        self.run_id: str = self._client.create_run(number, run_name=run).info.run_id
        for name, value in (parameters or {}).items():
            self._client.log_param(self.run_id, name, value)

    def show(self, figures: dict[str, float], step: int) -> None:
        """Logged together."""
        now_ms = int(1000 * time.time())
        self._client.log_batch(
            self.run_id, [self._metric(name, value, now_ms, step) for name, value in figures.items()]
        )

    def __enter__(self) -> MLflow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "FINISHED" if kind is None else "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"
        self._client.set_terminated(self.run_id, status)
