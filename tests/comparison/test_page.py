"""The page: whole, without network, and, where there is a browser, seen in it."""

import re
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from tests.comparison.runs import comparison_of, run_of

from hogwild import STRATEGIES, Contestant, Linear, Simulated, Stop, compare, constant
from hogwild.comparison.sheet import sheet
from hogwild.pages.page import html
from hogwild.testing import problem

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
MOST_BYTES = 5_000_000
MISCHIEF = "</script><script>alert(1)</script>"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def twelve():
    """As many strategies, some of which go wrong, three seeds, and sizes."""
    easy = problem()
    names = [name for name in STRATEGIES if name not in ("racy", "full-batch", "alone", "parzen-asgd", "locked")]
    steep = Contestant("serial", model=Linear("squared", schedule=constant(1e9), average=False))
    field = {**{name: name for name in names[:11]}, f"steep {MISCHIEF}": steep}
    assert len(field) == 12
    return compare(
        easy.model,
        easy.data,
        field,
        engine=Simulated(3),
        budget=Stop(epochs=8, tol=0.0, holdout=0.1),
        seeds=3,
        command=f"hogwild compare {MISCHIEF}",
    )


@pytest.fixture(scope="module")
def file(twelve, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "index.html"
    twelve.to_html(path)
    return path


def test_it_is_small(file):
    assert file.stat().st_size < MOST_BYTES


def test_it_needs_no_network(file):
    """Bokeh's own text names addresses, which it does not ask."""
    text = re.sub(r"<script>.*?</script>", "", file.read_text(), flags=re.DOTALL)
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)""", text)
    assert "http" not in text.replace("http://www.w3.org", "")


def test_what_users_give_is_only_text(file):
    assert MISCHIEF not in file.read_text()


def test_who_went_wrong_is_there(file):
    text = file.read_text()
    assert "round-robin" in text
    assert "refused (3 of 3 runs)" in text
    assert "diverged (3 of 3 runs)" in text


def test_interruptions_are_told():
    sentence = "This comparison was interrupted"
    assert sentence in html(sheet(comparison_of(run_of("a"), interrupted=True)))
    assert sentence not in html(sheet(comparison_of(run_of("a"))))


def test_a_page_of_nothing_but_refusals():
    assert "No run has come to an end" in html(
        sheet(comparison_of(run_of("a", 0, [], outcome="refused", why="not here")))
    )


def test_any_name_can_be_drawn():
    names = (r"$\frac$", "_hidden", "<b>", "x" * 300)
    assert "_hidden" in html(sheet(comparison_of(*(run_of(name, 0, [0.5, 0.4]) for name in names))))


def test_it_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="there cannot be written"):
        comparison_of(run_of("a")).to_html(tmp_path / "there")
    assert not [each for each in tmp_path.iterdir() if each.is_file()]


# ------------------------------------------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=list(QUIET))
        yield started
        started.close()


@contextmanager
def opened(browser, file, width=1600, scheme="light", *, scripts=True):
    """The page, and what it has said and asked for."""
    said: list[str] = []

    def asked(request):
        if not request.url.startswith(("data:", "file:")):
            said.append(request.url)

    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=scripts)
    tab = context.new_page()
    tab.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", asked)
    tab.goto(file.as_uri())
    yield tab, said
    context.close()


needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")


def pixels(png):
    from io import BytesIO

    from PIL import Image

    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1600, "light")])
def test_all_pictures_are_drawn(browser, file, width, scheme):
    with opened(browser, file, width, scheme) as (tab, said):
        n = tab.locator("figure").count()
        assert n >= 7
        drawn = f"document.querySelectorAll('figure[data-drawn={scheme}]').length == {n}"
        tab.wait_for_function(drawn, timeout=60_000)
        assert said == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for figure in tab.locator("figure").all():
            live = figure.locator(".live")
            assert live.is_visible()
            assert not figure.locator(".still").is_visible()
            found = pixels(live.screenshot())
            assert abs(int(np.median(found)) - (255 if scheme == "light" else 0x19)) < 10  # the ground
            assert (found.max(axis=2) - found.min(axis=2) > 60).sum() > 50  # lines in colours


@needs_browser
@pytest.mark.slow
def test_it_can_be_read_without_scripts(browser, file):
    with opened(browser, file, scripts=False) as (tab, said):
        for still in tab.locator(".still img").all():
            assert still.is_visible()
            assert still.bounding_box()["height"] > 50
        assert "Lowest objective" in tab.inner_text("body")
        assert said == []


@needs_browser
@pytest.mark.slow
def test_night_falls_while_it_is_looked_at(browser, file):
    with opened(browser, file) as (tab, said):
        n = tab.locator("figure").count()
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            drawn = f"document.querySelectorAll('figure[data-drawn={scheme}]').length == {n}"
            tab.wait_for_function(drawn, timeout=60_000)
        assert tab.locator(".live .bk-Figure").count() == n
        assert said == []
