"""README says what is true: its service is the sample that `make run` serves, and it answers as the transcript says."""

import re
import shlex
from pathlib import Path
from typing import Any

from coworks_async.testing import TestClient

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SERVICE = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[0]
# A command and what it prints, to the next blank line or the end of its block.
CALL = re.compile(r"^\$ curl (.*)\n((?:(?!```|\$ ).+\n)+)", re.MULTILINE)


def ask(client: TestClient, words: list[str]) -> str:
    """Send what curl would send for these words, and return what it would print."""
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
    answer = client.request(method, url, headers=headers, content=body)
    if method != "HEAD":
        return answer.text
    assert answer.text == ""
    return f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\n...\n"


def test_the_service_of_the_readme_is_the_sample():
    assert (ROOT / "samples" / "docs" / "tech" / "first.py").read_text() == SERVICE


def test_the_transcript_of_the_readme_is_true():
    module: dict[str, Any] = {"__name__": "first"}
    exec(SERVICE, module)  # noqa: S102
    calls = CALL.findall(README)
    assert len(calls) == README.count("$ curl ") == 6
    with TestClient(module["app"], base_url="http://127.0.0.1:5000") as client:
        for words, printed in calls:
            # A terminal begins a new line; the bodies here end in one of their own, or are one line of JSON.
            assert ask(client, shlex.split(words)).rstrip("\n") == printed.rstrip("\n"), words
