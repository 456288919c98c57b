"""A service, a plain route and a folder of files, for tests of mounts and routes next to entries."""

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from coworks_async import TechMicroService, entry


async def plain(request: Request) -> Response:
    return PlainTextResponse(f"plain {request.url.path} {request.path_params}")


class Items(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry(no_auth=True)
    async def get_items(self):
        return "items"

    @entry
    async def get_pages(self, name):
        return f"page {name}"

    @entry(no_auth=True)
    async def get(self, *path):
        return f"rest {'/'.join(path)}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a page and a script."""
    (tmp_path / "app.js").write_text("alert()")
    (tmp_path / "index.html").write_text("<p>")
    return tmp_path
