"""The README is correct: its service is the sample that `make run` serves, and its transcript is reproduced."""

import re
import shlex
from pathlib import Path
from typing import Any

from coworks_async.testing import TestClient

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SERVICE = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[0]
# A command and its output, up to the next blank line or the end of the block.
CALL = re.compile(r"^\$ curl (.*)\n((?:(?!```|\$ ).+\n)+)", re.MULTILINE)


def run_curl(client: TestClient, words: list[str]) -> str:
    """Send the request of a curl command and return curl's output."""
    url, method, headers, body = "", "GET", {}, None
    rest = iter(words)
    for word in rest:
        match word:
            case "-I":
                method = "HEAD"
            case "-X":
                method = next(rest)
            case "-d":
                body = next(rest)
            case "-H":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            case _:
                assert not url, word
                url = word
    response = client.request(method, url, headers=headers, content=body)
    if method != "HEAD":
        return response.text
    assert response.text == ""
    return f"HTTP/1.1 {response.status_code} {response.reason_phrase}\n...\n"


def test_the_service_of_the_readme_is_the_sample():
    assert (ROOT / "samples" / "docs" / "tech" / "first.py").read_text() == SERVICE


def test_the_transcript_of_the_readme_is_true():
    module: dict[str, Any] = {"__name__": "first"}
    exec(SERVICE, module)  # noqa: S102
    calls = CALL.findall(README)
    assert len(calls) == README.count("$ curl ") == 6
    with TestClient(module["app"], base_url="http://127.0.0.1:5000") as client:
        for words, printed in calls:
            # The transcript has a line break after every body.
            assert run_curl(client, shlex.split(words)).rstrip("\n") == printed.rstrip("\n"), words
