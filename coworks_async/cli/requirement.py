"""The requirement of CoWorks in a new project.

It names the origin of the installed distribution, which pip and uv record in `direct_url.json`:
https://packaging.python.org/en/latest/specifications/direct-url/
"""

import json
from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

LOCAL_NOTE = "# This path exists on one machine only. Replace it before you share the project."


def format_requirement(installed: Distribution, extras: Sequence[str] = ()) -> str:
    """Return the lines of a `requirements.txt` that install a distribution again from its origin."""
    name = f"{installed.name}[{','.join(extras)}]" if extras else installed.name
    recorded = installed.read_text("direct_url.json")
    origin: dict[str, Any] = json.loads(recorded) if recorded is not None else {}
    # Without an origin it comes from an index. If the origin was deleted, the installed version is enough.
    if not origin or _is_missing(origin["url"]):
        return f"{name}=={installed.version}\n"
    note = [LOCAL_NOTE] if _is_local(origin["url"]) else []
    # Without `-e`, pip would replace an editable install with a copy.
    is_editable = origin.get("dir_info", {}).get("editable", False)
    source = f"-e {origin['url']}" if is_editable else f"{installed.name} @ {_format_url(origin)}"
    # pip 23 reports a conflict if the line with the URL has extras and another requirement has different ones.
    lines = [*note, source, *([name] if extras else [])]
    return "".join(f"{line}\n" for line in lines)


def _is_local(url: str) -> bool:
    return urlsplit(url).scheme == "file"


def _is_missing(url: str) -> bool:
    return _is_local(url) and not Path(url2pathname(urlsplit(url).path)).exists()


def _format_url(origin: dict[str, Any]) -> str:
    """Return the URL with its commit and subdirectory.

    A hash is left out: a file that is built again has another one.
    """
    url: str = origin["url"]
    if vcs := origin.get("vcs_info"):
        # The pip of Python 3.11 rejects a `git+file:` URL without a host.
        url = url.replace("file:///", "file://localhost/", 1) if _is_local(url) else url
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"{url}#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else url
