"""The handler that `_HANDLER` names."""

from pathlib import Path

import pytest

from coworks_async.aws.runtime.errors import RuntimeInitError, describe_error
from coworks_async.aws.runtime.loader import load_handler

MODULES = {
    "loaded_shop.py": "from coworks_async import TechMicroService\nhandler = TechMicroService().lambda_handler\n",
    "loaded_folder/inner.py": "from loaded_shop import handler\n",
    "loaded_missing.py": "import no_such_package\n",
    "loaded_syntax.py": "x = = 1\n",
    "loaded_plain.py": "def handler(event, context): ...\n",
    "loaded_broken.py": "raise LookupError('no table')\n",
}


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, source in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", ["loaded_shop.handler", "loaded_folder/inner.handler", "loaded_folder.inner.handler"])
def test_it_is_the_handler_of_a_service_in_a_module(name: str):
    assert load_handler(name) is load_handler("loaded_shop.handler")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("handler", "Runtime.MalformedHandlerName", "Bad handler 'handler': it must be MODULE.ATTRIBUTE."),
        (
            "loaded_missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'loaded_missing': No module named 'no_such_package'",
        ),
        ("loaded_shop.other", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'loaded_shop'"),
        (
            "loaded_plain.handler",
            "Runtime.HandlerNotFound",
            "Handler 'loaded_plain.handler' is not the lambda_handler of a service. The native runtime runs no other "
            "function; use AWS's Python runtime for it.",
        ),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_an_error_of_the_initialization(name: str, kind: str, message: str):
    with pytest.raises(RuntimeInitError) as raised:
        load_handler(name)
    assert describe_error(raised.value) == {
        "errorType": kind,
        "errorMessage": message,
        "requestId": "",
        "stackTrace": [],
    }


def test_a_syntax_error_names_file_and_line():
    with pytest.raises(RuntimeInitError, match="Syntax error in module 'loaded_syntax'") as raised:
        load_handler("loaded_syntax.handler")
    error = describe_error(raised.value)
    assert error["errorType"] == "Runtime.UserCodeSyntaxError"
    assert "x = = 1" in "".join(error["stackTrace"])


def test_another_exception_of_the_module_is_raised():
    with pytest.raises(LookupError, match="no table"):
        load_handler("loaded_broken.handler")
