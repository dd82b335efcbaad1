"""Pictures of histories."""

import os
import struct
import subprocess
import sys

import pytest

from hogwild import History, Record, plot_histories

pytest.importorskip("matplotlib", reason="pictures need the extra 'plots'")


def history(*objectives, start=0.5):
    records = [
        Record(k + 1, start + k, 100 * (k + 1), 0.1, objective, holdout_score=0.5 + 0.1 * k)
        for k, objective in enumerate(objectives)
    ]
    return History(records)


NARROW = history(0.5, 0.45, 0.42)
WIDE = history(0.5, 0.35, 0.301, 0.30001)


def curves(figure):
    return [(line.get_label(), *map(list, line.get_data())) for line in figure.axes[0].get_lines()]


def test_a_curve_has_a_point_an_epoch():
    figure = plot_histories({"mine": NARROW}, title="a title")
    assert curves(figure) == [("mine", [0.5, 1.5, 2.5], [0.5, 0.45, 0.42])]
    axes = figure.axes[0]
    assert axes.get_xlabel() == "time (s)"
    assert axes.get_ylabel() == "objective (penalty + mean loss)"
    assert axes.get_yscale() == "linear"
    assert axes.get_title(loc="left") == "a title"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mine"]
    assert axes.get_lines()[0].get_marker() != "None"


def test_wide_gaps_are_drawn_on_a_logarithmic_axis():
    figure = plot_histories({"a": WIDE, "b": history(0.6, 0.4)})
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert "0.30001" in axes.get_ylabel()
    (_, times, gaps), (_, _, others) = curves(figure)
    assert times == [0.5, 1.5, 2.5]
    assert gaps == pytest.approx([0.19999, 0.04999, 0.00099])
    assert others == pytest.approx([0.29999, 0.09999])


def test_scores_are_never_drawn_as_gaps():
    figure = plot_histories({"a": WIDE}, y="holdout_score")
    assert figure.axes[0].get_yscale() == "linear"
    assert curves(figure)[0][2] == pytest.approx([0.5, 0.6, 0.7, 0.8])


def test_epochs_without_a_figure_are_left_out():
    assert curves(plot_histories({"a": history(0.5, None, 0.4)}))[0][1:] == ([0.5, 2.5], [0.5, 0.4])


def test_every_run_looks_different():
    lines = plot_histories({str(k): NARROW for k in range(7)}).axes[0].get_lines()
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 7


def test_a_png_is_written_at_a_readable_size(tmp_path):
    path = tmp_path / "loss.png"
    path.write_text("old")
    plot_histories({"a": WIDE}, path)
    start = path.read_bytes()[:24]
    assert start[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", start[16:24]) == (800, 500)
    assert os.listdir(tmp_path) == ["loss.png"]


def test_the_suffix_chooses_the_format(tmp_path):
    path = tmp_path / "loss.SVG"
    WIDE.plot(path)
    assert b"<svg" in path.read_bytes()


@pytest.mark.parametrize("name", ["loss.docx", "loss"])
def test_an_unknown_format_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"must have a name that ends in \.png"):
        plot_histories({"a": WIDE}, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(OSError, match=r"nowhere/loss\.png cannot be written: .*; nothing was written"):
        plot_histories({"a": WIDE}, tmp_path / "nowhere" / "loss.png")


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="no epoch of 'a' has a objective"):
        plot_histories({"a": history(None)})
    with pytest.raises(ValueError, match="no epoch of no run"):
        plot_histories({})


def test_an_unknown_column_is_refused():
    with pytest.raises(ValueError, match="y='epoch' cannot be drawn; use one of objective"):
        plot_histories({"a": WIDE}, y="epoch")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'hogwild\[plots\]'"):
        plot_histories({"a": WIDE})


def test_no_global_state_of_matplotlib_is_touched(tmp_path):
    code = (
        "import sys, hogwild\n"
        "history = hogwild.History([hogwild.Record(1, 0.1, 10, 0.1, 0.5)])\n"
        "hogwild.plot_histories({'a': history}, sys.argv[1])\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    path = str(tmp_path / "loss.png")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, path], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
