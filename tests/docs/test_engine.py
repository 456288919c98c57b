"""The checks of the documentation fail if a page is wrong."""

from pathlib import Path

import click
import pytest
from lark.exceptions import LarkError
from yaml import YAMLError

from tests.docs.checks import PageRun, check_named_tests, check_options
from tests.docs.pages import read_blocks
from tests.docs.shell import matches, read_commands
from tests.tools import requires_tool

SERVICE = """
```python
from coworks_async import TechMicroService, entry


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Welcome.\\n"


app = Shop(name="shop")
```
"""

WORKFLOW = """\
name: Check
on: push
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - run: make test
"""


needs_a_shell = requires_tool("curl", "node", "npm")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def check(page: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a page and check it."""
    page.write_text(text)
    folder = page.with_name("page")
    folder.mkdir()
    run = PageRun(page, folder)
    monkeypatch.chdir(run.folder)
    run.run()


def fence(info: str, source: str) -> str:
    return f"```{info}\n{source}\n```\n"


# Correct pages.


@needs_a_shell
def test_a_correct_page_passes(page: Path, monkeypatch: pytest.MonkeyPatch):
    blocks = [
        SERVICE,
        fence("console", "$ curl http://127.0.0.1:5000/\nWelcome.\n$ cws routes | grep GET\nGET     /     get ..."),
        fence('json title="greeting.json"', '{"text": "Hello"}'),
        fence("console", "$ cat greeting.json\n{...}"),
        fence("yaml", "version: 3\ncommands:\n  run:\n    port: 8000"),
        fence('yaml title=".github/workflows/check.yml"', WORKFLOW),
        fence("hcl", 'resource "aws_sqs_queue" "jobs" {\n  name = "jobs"\n}'),
        fence("toml", '[project]\nname = "shop"'),
        fence("bash", "if true; then make run; fi"),
        fence("ini", "# For the stage dev.\nTOKEN=token"),
        fence("text", "shop/\n    app.py"),
    ]
    check(page, "\n".join(blocks), monkeypatch)


@needs_a_shell
def test_a_new_app_is_served_to_the_next_request(page: Path, monkeypatch: pytest.MonkeyPatch):
    request = fence("console", "$ curl http://127.0.0.1:5000/\n{}")
    text = f"{SERVICE}\n{request.format('Welcome.')}"
    check(page, f"{text}\n{text.replace('Welcome', 'Goodbye')}", monkeypatch)


@needs_a_shell
def test_lines_after_a_prompt_are_typed(page: Path, monkeypatch: pytest.MonkeyPatch):
    session = '$ cws shell\nService shop ...\n>>> number = 3\n>>> client.get("/").text * number\n{}'
    correct = fence("console", session.format(r"'Welcome.\nWelcome.\nWelcome.\n'"))
    check(page, SERVICE + correct, monkeypatch)


@needs_a_shell
def test_lines_after_the_prompt_of_the_debugger_are_typed(page: Path, monkeypatch: pytest.MonkeyPatch):
    service = SERVICE.replace("        return", "        breakpoint()\n        return")
    session = "$ cws invoke GET /\n...\n(Pdb) p 3 * 'a'\n{}\n(Pdb) continue\nWelcome."
    check(page, service + fence("console", session.format("'aaa'")), monkeypatch)
    page.with_name("page").rename(page.with_name("before"))
    with pytest.raises(AssertionError, match="'aaa'"):
        check(page, service + fence("console", session.format("'bbb'")), monkeypatch)


@needs_a_shell
def test_a_command_that_fails_to_serve_is_not_a_server(page: Path, monkeypatch: pytest.MonkeyPatch):
    text = "$ cws -A shop run\nError: No module 'shop' for app 'shop' ..."
    check(page, fence("console", text), monkeypatch)


@needs_a_shell
def test_exempted_blocks_are_not_run_but_their_files_exist(page: Path, monkeypatch: pytest.MonkeyPatch):
    exempted = "<!-- not run: its import fails -->\n" + fence('python title="shop.py"', "import absent")
    check(page, exempted + fence("console", "$ cat shop.py\nimport absent"), monkeypatch)
    [block, _] = read_blocks(page)
    assert (block.exemption, block.is_checked) == ("its import fails", False)


def test_an_exemption_is_for_the_next_block_only(page: Path):
    exempted, tested = "<!-- not run: it needs an account -->\n", "<!-- tested by: tests/docs/test_engine.py -->\n"
    page.write_text(
        "\n".join([exempted + fence("console", "$ a"), tested + fence("console", "$ b"), fence("json", "1")])
    )
    read = read_blocks(page)
    assert [block.exemption for block in read] == ["it needs an account", "", ""]
    assert [block.test for block in read] == ["", "tests/docs/test_engine.py", ""]


# Wrong pages.

WRONG = {
    "a snippet that raises": (
        fence("python", "from coworks_async import NoSuchName"),
        "cannot import name 'NoSuchName'",
    ),
    "a snippet that is not Python": (fence("python", "async def get(self) return 1"), "expected ':' (page.md, line 2)"),
    "a snippet whose assertion is false": (fence("python", "assert 1 + 1 == 3"), ""),
    "a wrong line of output": (fence("console", "$ echo Hello\nGoodbye"), "page.md:2: $ echo Hello"),
    "a missing line of output": (fence("console", "$ printf 'a\\nb\\n'\na"), "page.md:2: $ printf"),
    "a line of output too many": (fence("console", "$ echo a\na\nb"), "page.md:2: $ echo a"),
    "a wrong response": (
        SERVICE + fence("console", "$ curl http://127.0.0.1:5000/\nGoodbye."),
        "--- printed\nWelcome.",
    ),
    "a wrong result in a session": (SERVICE + fence("console", "$ cws shell\nService shop ...\n>>> 1 + 1\n3"), ">>> 2"),
    "an unknown option": (SERVICE + fence("console", "$ cws routes --jsn\n[]"), "No such option '--jsn'"),
    "an unknown option of a server": (
        SERVICE + fence("console", "$ cws run --prt 8000\n * Service shop (stage dev)"),
        "No such option '--prt'",
    ),
    "a server that does not start": (fence("console", "$ cws -A absent run"), "No module 'absent'"),
    "a wrong banner": (SERVICE + fence("console", "$ cws run\n * Stage: dev"), "page.md:15: $ cws run"),
    "a transcript without a command": (fence("console", "Hello"), "a transcript begins with a command"),
    "a transcript in a block of text": (fence("", "$ echo Hello\nHello"), "a transcript is a console block"),
    "invalid YAML": (fence("yaml", "a: [1"), "while parsing a flow sequence"),
    "an unknown option in a config file": (
        fence("yaml", "version: 3\ncommands:\n  run:\n    prot: 8000"),
        "Command 'run' has no option 'prot'",
    ),
    "a wrong type in a config file": (
        fence('yaml title="project.cws.yml"', "commands:\n  run:\n    reload: often"),
        "Invalid value for 'reload'",
    ),
    "a wrong workflow": (
        fence('yaml title=".github/workflows/check.yml"', f"{WORKFLOW}    needs: build"),
        'job "check" needs job "build" which does not exist',
    ),
    "an unknown option in a workflow": (
        fence('yaml title=".github/workflows/check.yml"', f"{WORKFLOW}      - run: cws -s ${{{{ vars.A }}}} zip --lst"),
        "No such option '--lst'",
    ),
    "invalid HCL": (fence("hcl", 'resource "aws_sqs_queue" {{\n'), "Unexpected token"),
    "invalid JSON": (fence("json", "{'a': 1}"), "Expecting property name"),
    "invalid TOML": (fence("toml", "a = b"), "Invalid value"),
    "invalid shell": (fence("bash", "if true; then"), "syntax error"),
    "invalid JavaScript": (fence("js", "let = = 1"), "SyntaxError"),
    "an invalid environment file": (fence("ini", "TOKEN"), "wrong lines [1]"),
    "an unknown language": (fence("pyhton", "1 + 1"), "unknown language 'pyhton'"),
}


ERRORS = (AssertionError, ImportError, SyntaxError, ValueError, click.UsageError, LarkError, YAMLError)


@needs_a_shell
@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_page_fails(mistake: str, page: Path, monkeypatch: pytest.MonkeyPatch):
    text, error = WRONG[mistake]
    with pytest.raises(ERRORS) as caught:
        check(page, text, monkeypatch)
    assert error in str(caught.value)


@needs_a_shell
def test_an_error_names_the_line_and_both_outputs(page: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(AssertionError) as caught:
        check(page, "# Title\n\n" + fence("console", "$ true\n$ echo Hello\nGoodbye"), monkeypatch)
    assert str(caught.value) == "page.md:5: $ echo Hello\n--- expected\nGoodbye\n--- printed\nHello\n\n"


@pytest.mark.parametrize(
    "command", ["cws run --prot 5000", "cws --stagee prod run", "TOKEN=a cws -s prod deploy --buckt b | cat"]
)
def test_an_unknown_option_of_an_exempted_command_fails(command: str):
    with pytest.raises(click.NoSuchOption):
        check_options(command)


@pytest.mark.parametrize("command", ["cws -s prod deploy --bucket b && ls -l", "cws migrate --force", "cws --version"])
def test_known_options_and_the_commands_of_projects_pass(command: str):
    check_options(command)


@pytest.mark.parametrize(
    ("test", "error"),
    [("tests/docs/absent.py", "does not exist"), ("tests/docs/pages.py", "does not read page.md")],
)
@pytest.mark.parametrize("between", ["\n\nText.\n", "\n"], ids=["page", "block"])
def test_a_named_test_must_read_the_page(test: str, error: str, between: str, page: Path):
    page.write_text(f"# Title\n\n<!-- tested by: {test} -->{between}" + fence("console", "$ false"))
    with pytest.raises(AssertionError, match=error):
        check_named_tests(page)


def test_a_test_in_an_exemption_must_exist(page: Path):
    page.write_text("<!-- not run: tests/docs/absent.py runs it -->\n" + fence("console", "$ false"))
    with pytest.raises(AssertionError, match=r"absent\.py does not exist"):
        check_named_tests(page)


def test_a_named_test_of_a_page_is_for_all_its_blocks(page: Path):
    page.write_text("# Title\n\n<!-- tested by: tests/docs/test_engine.py -->\n\n" + 2 * fence("python", "absent"))
    assert [block.test for block in read_blocks(page)] == 2 * ["tests/docs/test_engine.py"]
    check_named_tests(page)


# Transcripts.


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("id 3f2a77d0 at 2026-01-02T03:04:05Z", "id 9bd59252 at 2025-12-31T23:59:59Z"),
        ("1.9 MB in 12 ms", "2.0 MB in 7 ms"),
        ("a\nb\nc", "a\n...\nc"),
        ("a\n\nb  ", "a\nb"),
    ],
)
def test_text_that_differs_in_each_run_matches(printed: str, expected: str):
    assert matches(printed, expected)


@pytest.mark.parametrize(("printed", "expected"), [("7 links", "8 links"), ("a b", "a"), ("", "a"), ("a.b", "a!b")])
def test_other_text_does_not_match(printed: str, expected: str):
    assert not matches(printed, expected)


def test_a_command_may_have_several_lines():
    [first, second] = read_commands("$ echo a \\\n>   b\na b\n$ true", 10)
    assert (first.line, first.text, first.output) == (11, "echo a \\\n  b", "a b\n")
    assert (second.line, second.text, second.output) == (14, "true", "")


@pytest.mark.parametrize(
    ("command", "is_server"),
    [
        ("cws run", True),
        ("A=b cws -p tech -A first --debug run --port 8000  # serve it", True),
        ("make -C ~/coworks-async emulator", True),
        ("cws config run", False),
        ("cws new run", False),
    ],
)
def test_a_server_is_recognized(command: str, is_server: bool):
    assert read_commands(f"$ {command}", 1)[0].is_server is is_server
