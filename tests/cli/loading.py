"""Loading an app as the commands do, for the tests of the loader."""

from pathlib import Path
from typing import Any

import pytest

from coworks_async.cli.app_loader import load_app, locate
from coworks_async.exceptions import CommandError

STARLETTE = """
from starlette.applications import Starlette
"""


def load(spec: str, project: Path) -> Any:
    return load_app(locate(spec, project))


def refusal(spec: str, project: Path) -> str:
    with pytest.raises(CommandError) as caught:
        load(spec, project)
    message = str(caught.value)
    assert "\n" not in message
    return message
