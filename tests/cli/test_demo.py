"""`hogwild demo`, and the real RCV1 behind its option."""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.utils import Bunch
from tests.cli.commands import done, refused

from hogwild import DataError, load_model
from hogwild.cli.rcv1 import binary, fetch

pytest.importorskip("matplotlib", reason="the demo draws a picture, which needs the extra 'plots'")


@pytest.mark.slow
def test_the_demo_races_and_leaves_a_model_and_a_picture(here):
    result = done("demo", "--rows", 2000, "--epochs", 2, "--threads", 2, "--out", "a/b")
    assert "2,000 SYNTHETIC documents" in result.stderr
    assert "1,800 documents x 47,236 words" in result.stderr
    rows = [line for line in result.stdout.splitlines() if line.rstrip().endswith(" x")]
    names = ["hogwild, 2 threads", "hogwild, 1 thread", "scikit-learn SGD"]
    assert [line.strip().startswith(name) for line, name in zip(rows, names, strict=True)] == [True] * 3
    assert all(len(line.rstrip()) <= 80 for line in rows)
    assert sorted(os.listdir("a/b")) == ["loss.png", "model.safetensors"]
    model = load_model("a/b/model.safetensors")
    assert (model.n_iter_, model.n_features_in_, model.l2) == (2, 47_236, 1e-5)


def test_a_place_that_cannot_be_written_is_one_sentence(here):
    Path("file").write_text("x")
    assert "file" in refused("demo", "--out", "file/folder")


def test_the_topic_is_the_label():
    target = sp.csr_matrix(np.array([[1, 0], [0, 1], [1, 1]], dtype=np.uint8))
    bunch = Bunch(data=sp.csr_matrix(np.eye(3)), target=target, target_names=np.array(["MCAT", "CCAT"]))
    examples = binary(bunch)
    assert examples.y.tolist() == [-1, 1, 1]
    assert examples.X.dtype == np.float32
    assert (examples.X.toarray() == np.eye(3)).all()


def test_no_network_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # where nobody listens
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with (
        pytest.warns(UserWarning, match="Retry"),
        pytest.raises(DataError, match=r"RCV1 could not be fetched .*; check the network, or leave --rcv1 out"),
    ):
        fetch(tries=1, delay_s=1e-3)
