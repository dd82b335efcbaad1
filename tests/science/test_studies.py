"""What papers have found is found again, in runs that take seconds; with ten seeds in `make soak`."""

import pytest
from science.__main__ import main
from science.studies import STUDIES
from science.study import Setting
from science.writing import page
from tests.docs.blocks import ROOT


def check(name, seed):
    found = STUDIES[name].look(Setting(seed, quick=True))
    assert found.findings
    assert [finding.text for finding in found.findings if not finding.holds] == []
    assert all(len(row) == len(found.columns) for row in found.rows)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_what_was_found_is_found_again(name):
    found = check(name, 0)
    text = page(STUDIES[name], found)
    assert text.count("* Holds: ") == len(found.findings)
    assert f"python -m science {name}" in text


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
@pytest.mark.parametrize("name", STUDIES)
def test_it_holds_with_other_seeds(name, seed):
    check(name, seed)


@pytest.mark.parametrize("name", STUDIES)
def test_each_has_a_page_and_a_picture(name):
    folder = ROOT / "docs" / "science"
    text = (folder / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {STUDIES[name].title}\n")
    assert "Does not hold" not in text
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert f"({name}.md)" in (folder / "README.md").read_text("utf-8")


def test_an_unknown_study_is_named():
    from click.testing import CliRunner

    done = CliRunner().invoke(main, ["nothing"])
    assert done.exit_code == 2
    assert "bounded-staleness" in done.output
