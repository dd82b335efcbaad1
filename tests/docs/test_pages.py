"""What the pages tell people to type works, and prints what they say."""

import re
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT, blocks_of, differences, run

from hogwild.interfaces import AbstractStrategy
from hogwild.requests import REQUESTS
from hogwild.strategies import STRATEGIES

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/science/*.md")])


def check(path, namespace):
    """`namespace` is that of all blocks; None: people paste any of them alone, so each has its own."""
    blocks = blocks_of(path)
    assert blocks, "the page has no code"
    for block in blocks:
        printed = run(path, block, {"__name__": path.stem} if namespace is None else namespace)
        if block.output is not None:
            wrong = differences(printed, block.output)
            assert not wrong, "\n".join([f"{path.name}, line {block.line}, prints something else:", *wrong])


@pytest.mark.slow
def test_the_tutorial_runs_and_prints_what_it_says():
    check(ROOT / "docs" / "write-your-own-strategy.md", {"__name__": "tutorial"})


@pytest.mark.slow
def test_what_the_strategies_page_shows_runs():
    check(ROOT / "docs" / "strategies.md", {"__name__": "strategies"})


RUN = sorted(
    path for path in ROOT.glob("docs/*.md")
    if any(block.output for block in blocks_of(path)) and path.stem not in ("strategies", "write-your-own-strategy")
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("path", RUN, ids=lambda path: path.name)
def test_what_the_other_pages_show_runs(path):
    if path.stem == "ray" and find_spec("ray") is None:
        pytest.skip("the extra `cluster` is not installed")
    check(path, {"__name__": path.stem})


@pytest.mark.slow
def test_what_the_readme_shows_runs(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="it draws a picture")
    monkeypatch.chdir(tmp_path)
    check(ROOT / "README.md", None)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path):
    page = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists(), f"{target} is not there"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}, target


def test_every_strategy_is_among_those_to_choose_from():
    page = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    assert not [name for name in STRATEGIES if f"`{name}`" not in page]
    for make in STRATEGIES.values():
        strategy = make()
        assert isinstance(strategy, AbstractStrategy)
        assert f"`{type(strategy).__name__}" in page


OWN_PAGES = sorted(name for name in STRATEGIES if (ROOT / "docs" / f"{name}.md").exists())


@pytest.mark.parametrize("name", OWN_PAGES)
def test_the_page_of_a_strategy_names_its_parameters_and_how_it_differs_from_its_paper(name):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert f"]({name}.md)" in (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    assert "Differences from the paper" in page
    assert [
        each.name for each in fields(STRATEGIES[name]()) if each.init and not re.search(rf"\b{each.name}\b", page)
    ] == []


def test_every_request_is_explained():
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    verbs = {"NextRound": "rounds()", "Reduce": "all_reduce(", "OnServer": "on_server(", "Wait": "await ticket"}
    for request in REQUESTS:
        verb = verbs.get(request.__name__, request.__name__.lower() + "(")
        assert f"`{verb}" in page, f"{verb} is missing"
