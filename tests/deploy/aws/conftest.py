"""An account of the emulator for each test."""

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.accounts import create_session


@pytest.fixture
def session(emulator: str, account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Open a session in an account of this test."""
    return create_session(emulator, account, monkeypatch, tmp_path)


@pytest.fixture
def bucket(account: str) -> str:
    """Return a bucket name that is unique in the emulator, as bucket names are in AWS."""
    return f"archives-{account}"
