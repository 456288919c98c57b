import pytest

from coworks_async.aws.runtime.poller import TRACE_VARIABLE


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a poller that is alone sets."""
    monkeypatch.setenv(TRACE_VARIABLE, "")
    monkeypatch.delenv(TRACE_VARIABLE)
