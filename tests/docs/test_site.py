"""The site: it builds without warnings, its search works, and axe-core finds nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import ROOT
from tests.tools import serve_in_thread

if TYPE_CHECKING:
    from tests.browser import Browser

pytestmark = pytest.mark.end_to_end

PAGES = (
    "",
    "start/tutorial/",
    "how-to/cors/",
    "reference/binding/",
    "reference/commands/",
    "reference/api/",
    "reference/benchmarks/",
)
LOOKS = {"dark": {"dark": True}, "light": {}, "phone": {"width": 390}}


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)]
    # Without coverage: it could not find the source of a copy afterwards.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment["NO_MKDOCS_2_WARNING"] = "1"
    return subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


class Handler(SimpleHTTPRequestHandler):
    """Serves the site without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    with serve_in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_a_broken_link_and_a_missing_anchor_fail_the_build(tmp_path: Path):
    for name in ("coworks_async", "docs", "scripts", "samples", "benchmarks", "terraform"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    for name in ("mkdocs.yml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        shutil.copy(ROOT / name, tmp_path)
    with (tmp_path / "docs" / "index.md").open("a") as index:
        index.write("\n[one](missing.md) [two](start/install.md#missing)\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "'missing.md'" in done.stderr
    assert "#missing" in done.stderr


def test_each_page_has_a_copy_in_markdown_that_llms_txt_lists(site: Path):
    listed = (site / "llms.txt").read_text()
    for page in PAGES:
        assert f"/{page}index.md)" in listed or page == "reference/commands/"
        text = (site / page / "index.md").read_text()
        assert text.startswith("#")
    assert "@entry" in (site / "start" / "tutorial" / "index.md").read_text()


def test_scripts_run_after_the_page_is_shown(site: Path):
    for page in PAGES:
        text = (site / page / "index.html").read_text()
        assert "<script defer src=" in text
        assert "<script src=" not in text


def test_the_styles_of_docstrings_are_loaded_only_where_there_are_any(site: Path):
    loading = [page for page in PAGES if "_mkdocstrings.css" in (site / page / "index.html").read_text()]
    assert loading == ["reference/api/"]


def test_an_option_is_not_broken_into_two_lines(url: str, browser: "Browser"):
    browser.open(f"{url}/how-to/deploy/", width=390)
    option = browser.find_text(".md-typeset td .option", "--plan")
    assert browser.driver.execute_script("return arguments[0].getClientRects().length", option) == 1


def test_a_page_from_the_root_has_the_dark_variant_of_its_picture(site: Path):
    page = (site / "reference" / "contributing" / "index.html").read_text()
    for theme in ("light", "dark"):
        assert f'src="../../img/layers-{theme}.svg#only-{theme}"' in page
        assert (site / "img" / f"layers-{theme}.svg").is_file()


def test_no_page_loads_anything_from_another_host(site: Path, url: str, browser: "Browser"):
    for page in PAGES:
        browser.open(f"{url}/{page}")
        hosts = {
            urlsplit(event["params"]["request"]["url"]).netloc
            for event in browser.traffic()
            if event["method"] == "Network.requestWillBeSent"
        }
        assert hosts - {""} == {url.removeprefix("http://")}


@pytest.mark.parametrize("term", ["CORS", "JWT", "database"])
def test_the_search_finds(term: str, url: str, browser: "Browser"):
    browser.open(f"{url}/?q={term}")
    browser.wait_for(".md-search-result__link", term)


def open_page(browser: "Browser", url: str, look: str) -> None:
    """Open a page as a first visitor: the site remembers the theme of the last visit."""
    for _ in range(2):
        browser.open(url, **LOOKS[look])  # type: ignore[arg-type]
        browser.driver.execute_script("localStorage.clear()")


@pytest.mark.parametrize(
    "look", ["dark", *(pytest.param(look, marks=pytest.mark.exhaustive) for look in ("light", "phone"))]
)
def test_axe_finds_no_violation(look: str, url: str, browser: "Browser"):
    findings = {}
    for page in PAGES:
        open_page(browser, f"{url}/{page}", look)
        if found := browser.findings():
            findings[page] = found
    assert findings == {}
