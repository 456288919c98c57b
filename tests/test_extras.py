"""A missing package of an extra is an error that names the extra."""

import subprocess
import sys

import pytest

from coworks_async.extras import require


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.inner", "json.no_such_module"])
def test_a_missing_module_is_an_import_error_that_names_the_extra(module: str):
    with pytest.raises(ImportError) as caught:
        require("Reports", module, "reports")
    assert str(caught.value) == f"Reports needs {module}: pip install 'coworks-async[reports]'"
    assert caught.value.name == module


def test_an_installed_module_is_accepted():
    require("Reports", "json.decoder", "reports")


@pytest.mark.parametrize(
    ("statement", "feature", "package"),
    [
        ("import coworks_async.openapi", "coworks_async.openapi", "docstring_parser"),
        ("import coworks_async.testing", "coworks_async.testing", "httpx2"),
        ("from coworks_async.aws.async_invoke import _create_client as c; c('s3')", "store_response", "boto3"),
    ],
)
def test_each_feature_names_its_extra(statement: str, feature: str, package: str):
    code = f"import sys; sys.modules[{package!r}] = None; {statement}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: {feature} needs {package}: pip install 'coworks-async[standard]'"
    )
