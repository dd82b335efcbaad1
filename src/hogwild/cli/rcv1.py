"""The real RCV1, through scikit-learn's fetcher, as a binary problem: the topic CCAT against the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from hogwild.data import DataError, Examples, check_examples

TOPIC = "CCAT"


def fetch(tries: int = 3, delay_s: float = 1.0) -> Examples:
    """All 804,414 stories of Lewis et al. 2004, float32; kept by scikit-learn in its data folder.

    Tries again after delay_s seconds if a download fails. DataError if they are neither there nor to be had.
    """
    from sklearn.datasets import fetch_rcv1

    try:
        bunch = fetch_rcv1(shuffle=False, n_retries=tries, delay=delay_s)
    except (OSError, EOFError) as error:  # URLError is an OSError; EOFError: a download that broke off
        raise DataError(
            f"RCV1 could not be fetched ({error}); check the network, or leave --rcv1 out for synthetic documents"
        ) from error
    return binary(bunch)


def binary(bunch: Any) -> Examples:
    """The fetched set with labels +1 for stories of the topic, else -1."""
    column = list(bunch.target_names).index(TOPIC)
    member = bunch.target[:, [column]].toarray().ravel() != 0
    y = np.where(member, np.float32(1), np.float32(-1))
    return check_examples(bunch.data.astype(np.float32), y, source="RCV1")
