"""Training as it is watched elsewhere: on TensorBoard, and in MLflow."""

from hogwild.boards.mlflow import MLflow
from hogwild.boards.tensorboard import TensorBoard

__all__ = ["MLflow", "TensorBoard"]
