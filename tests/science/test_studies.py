"""What papers have found is found again, in runs that take seconds; with ten seeds in `make soak`."""

import re

import pytest
from science.__main__ import FOLDER, main
from science.choosing import CHOOSING, choosing, recall, remember
from science.studies import STUDIES
from science.study import Advice, Exhibit, Finding, Found, Setting
from science.writing import page, write

from hogwild.pages import Line, Panel

EXHIBIT = Exhibit(
    Panel("key", "A title", "", "x", "y", lines=[Line("a", (0, 0), [1.0], [2.0])]), ("a", "b"), [("1", "2")]
)


def check(name, seed):
    if name == "shared-memory":
        pytest.importorskip("torch", reason="its slow gradients are those of a network")
    found = STUDIES[name].look(Setting(seed, quick=True))
    assert found.findings
    assert [finding.text for finding in found.findings if not finding.holds] == []
    for exhibit in found.exhibits:
        assert all(len(row) == len(exhibit.columns) for row in exhibit.rows)
        assert any(line.x for line in exhibit.picture.lines)
    assert len({exhibit.picture.key for exhibit in found.exhibits}) == len(found.exhibits)
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
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {STUDIES[name].title}\n")
    assert "Does not hold" not in text
    study = STUDIES[name]
    assert all(part in text for part in (study.paper, study.found_there, study.ours, study.why)), "make science"
    pictures = re.findall(r"\]\((.*\.png)\)", text)
    assert pictures
    assert all((FOLDER / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert f"({name}.md)" in (FOLDER / "README.md").read_text("utf-8")


def test_how_to_choose_is_what_was_found():
    page = choosing(list(STUDIES.values()), recall(FOLDER))
    assert (FOLDER.parent / CHOOSING).read_text("utf-8") == page
    assert all(f"](science/{name}.md)" in page for name in STUDIES)


def test_what_does_not_hold_is_no_advice(tmp_path):
    study, *others = STUDIES.values()
    advice = Advice("here", "this")
    remember(study, [Finding("it is so", True, advice), Finding("it is not", False, advice)], tmp_path)
    remember(others[0], [Finding("nothing follows", True)], tmp_path)
    found = recall(tmp_path)
    assert found[study.name][1] == Finding("it is not", False, advice)
    page = choosing(list(STUDIES.values()), found)
    assert "| here | this | it is so ([" in page
    assert "it is not" not in page
    assert "nothing follows" not in page


def test_a_study_leaves_its_pages_behind(tmp_path):
    pytest.importorskip("matplotlib", reason="it draws pictures")
    found = Found([Finding("it is so", True)], [EXHIBIT], "Data: none.")
    study = next(iter(STUDIES.values()))
    write(study, found, tmp_path)
    text = (tmp_path / f"{study.name}.md").read_text("utf-8")
    assert "Data: none." in text
    assert "* Holds: it is so" in text
    assert "| 1 | 2 |" in text
    assert (tmp_path / f"{study.name}-key.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_study_is_named():
    from click.testing import CliRunner

    done = CliRunner().invoke(main, ["nothing"])
    assert done.exit_code == 2
    assert "bounded-staleness" in done.output
