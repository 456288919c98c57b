"""`cws invoke` and arguments that are not UTF-8."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.processes import CWS

SERVICE = """
from coworks_async import TechMicroService, entry

class Small(TechMicroService):
    @entry(no_auth=True)
    async def post(self):
        return "ok"

app = Small(name="small")
"""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-d", b"\xff"], "-d is not valid UTF-8. Read other bytes from a file: '@file'."),
        (
            ["-q", b"a=\xff"],
            "The query is not valid UTF-8. Percent-encode other bytes in the path, as in '/?name=%FF'.",
        ),
        (["-H", b"X-Name: \xff"], "-H is not valid UTF-8. Remove the other bytes."),
    ],
)
def test_an_option_of_invoke_that_is_not_utf_8(arguments: list[str | bytes], line: str, project: Path) -> None:
    done = subprocess.run([CWS, "invoke", "POST", "/", *arguments], cwd=project, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"Error: {line}\n")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (b"/files/\xff", "The path is not valid UTF-8. Percent-encode other bytes, as in '/%FF'."),
        (
            b"/search?x=\xff",
            "The query is not valid UTF-8. Percent-encode other bytes in the path, as in '/?name=%FF'.",
        ),
    ],
)
def test_a_path_of_invoke_that_is_not_utf_8(path: bytes, line: str, project: Path) -> None:
    done = subprocess.run([CWS, "invoke", "POST", path], cwd=project, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"Error: {line}\n")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such a file name")
def test_the_file_of_a_body_can_have_any_name(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with open(os.fsencode(project) + b"/\xff", "wb"):
        pass
    done = subprocess.run([CWS, "invoke", "POST", "/", "-d", b"@\xff"], cwd=project, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"ok")
