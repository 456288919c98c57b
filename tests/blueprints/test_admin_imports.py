"""Who has no `Admin` pays nothing for it, and who has it pays when it is asked."""

import json
import subprocess
import sys

PAGES = {"docstring_parser", "markdown_it", "nh3"}

SERVICE = """
import json, os, sys
os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "shop"
os.environ["TOKEN"] = "token"
from coworks_async import TechMicroService
{register}
event = {{
    "version": "2.0", "rawPath": "{path}", "rawQueryString": "", "headers": {{"authorization": "token"}},
    "requestContext": {{"http": {{"method": "GET", "path": "{path}", "sourceIp": "127.0.0.1"}}, "stage": "$default"}},
    "isBase64Encoded": False,
}}
status = app.lambda_handler(event, None)["statusCode"]
app.lambda_handler.close()
print(json.dumps([status, sorted(sys.modules)]))
"""

WITHOUT = "app = TechMicroService()"
WITH = (
    "from coworks_async.blueprints import Admin\n"
    "app = TechMicroService()\n"
    "app.register_blueprint(Admin(), url_prefix='/admin')"
)


def answered(register: str, path: str) -> tuple[int, set[str]]:
    code = SERVICE.format(register=register, path=path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    return status, set(modules)


def test_a_service_without_admin_loads_none_of_it():
    status, modules = answered(WITHOUT, "/")
    assert status == 404
    assert not {name for name in modules if name.startswith(("coworks_async.blueprints", "coworks_async.openapi"))}
    assert not modules & PAGES


def test_a_service_with_admin_loads_what_renders_when_it_is_asked_to_render():
    assert not answered(WITH, "/admin")[1] & PAGES
    assert not answered(WITH, "/admin/route")[1] & PAGES
    status, modules = answered(WITH, "/admin/doc")
    assert (status, modules & PAGES) == (200, {"markdown_it", "nh3"})
    status, modules = answered(WITH, "/admin/openapi.json")
    assert (status, modules & PAGES) == (200, {"docstring_parser"})
