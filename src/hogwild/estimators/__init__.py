"""scikit-learn faces of models: they translate parameters and labels, call train(), and nothing else."""

from hogwild.estimators.classifier import LinearClassifier
from hogwild.estimators.factorization import MatrixFactorization
from hogwild.estimators.regressor import LinearRegressor

__all__ = ["LinearClassifier", "LinearRegressor", "MatrixFactorization"]
