"""Each mistake in `mistakes.md` and `mistakes-commands.md` of `docs/reference` prints the line that the page shows."""

import logging
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from coworks_async.cli.main import cws

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGES = [(DOCS / name).read_text() for name in ("mistakes.md", "mistakes-commands.md")]
[IMPORTS] = {re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0] for page in PAGES}
MISTAKES = {
    section.partition("\n")[0]: [
        (kind, text.strip()) for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    ]
    for page in PAGES
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]
}


def run_code(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "shop"}
    exec(IMPORTS + code, namespace)  # noqa: S102
    return namespace


def check_error(code: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := re.search(r"^ImportError: (\S+) needs (\w+)", expected):
        monkeypatch.delitem(sys.modules, missing[1], raising=False)
        monkeypatch.setitem(sys.modules, missing[2], None)
    with pytest.raises(Exception, match=r".") as caught:
        run_code(code)
    assert f"{type(caught.value).__name__}: {caught.value}" == expected
    if expected.startswith("DeclarationError: "):
        result = CliRunner().invoke(cws, ["-A", "shop", "run"])
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: Cannot import 'shop': {expected}")


def check_request(code: str, command: str, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    """Send the request of a curl command; compare its response, or the log."""
    *options, url = shlex.split(command)[1:]
    pairs = list(zip(options[::2], options[1::2], strict=True))
    body = dict(pairs).get("-d")
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    headers |= {name: value for option, line in pairs if option == "-H" for name, value in [line.split(": ")]}
    client = TestClient(run_code(code)["app"], raise_server_exceptions=False)
    response = client.request("GET" if body is None else "POST", url, content=body, headers=headers)
    if not expected.startswith("Log: "):
        assert response.text == expected
        return
    [record] = [record for record in caplog.records if record.name == "shop" and record.levelno >= logging.WARNING]
    assert record.getMessage() == expected.removeprefix("Log: ")
    assert response.status_code == (403 if "TOKEN" in expected else 500)


def check_command(command: str, expected: str) -> None:
    result = CliRunner().invoke(cws, shlex.split(command)[1:])
    assert result.output.strip() == expected


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_prints_the_line_of_its_page(
    mistake: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOKEN", raising=False)
    source, *printed = MISTAKES[mistake]
    files = {"python": ("shop.py", f"{IMPORTS}\n\n{source[1]}\n"), "yaml": ("project.cws.yml", source[1])}
    name, text = files[source[0]]
    (tmp_path / name).write_text(text)
    assert printed
    for kind, block in printed:
        assert kind in ("", "console")
        first, _, expected = block.partition("\n")
        if first.startswith("$ curl"):
            check_request(source[1], first.removeprefix("$ "), expected, caplog)
        elif first.startswith("$ cws"):
            check_command(first.removeprefix("$ "), expected)
        else:
            check_error(source[1], block, monkeypatch)


def test_the_pages_list_at_least_twenty_mistakes():
    assert len(MISTAKES) >= 20


def test_every_error_is_one_line_with_a_remedy():
    for blocks in MISTAKES.values():
        for kind, block in blocks:
            if kind == "" and not block.startswith("$ "):
                assert "\n" not in block
