"""What is pinned is what goes into the archive: by a lock, and by the hashes of a list."""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from coworks_async.exceptions import DeployError
from tests.deploy.installing import PROJECT, Install, install, project, require, uv
from tests.deploy.wheels import index, make_wheel

__all__ = ["index", "install", "project"]


@pytest.fixture
def serve(index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """List the wheels of the index with their hashes on a server, as an index on the network does."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    def serve() -> None:
        links = [f"{path.name}#sha256={sha256(path.read_bytes()).hexdigest()}" for path in index.glob("*.whl")]
        (index / "index.html").write_text("".join(f'<a href="{link}">{link}</a>' for link in links))

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(index))) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.delenv("UV_CONFIG_FILE")
        for name in ("UV_DEFAULT_INDEX", "UV_FIND_LINKS"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}/")
        yield serve
        server.shutdown()


def test_the_lock_pins_versions_and_their_hashes(
    project: Path, index: Path, install: Install, serve: Callable[[], None]
):
    make_wheel(index, "b")
    make_wheel(index, "a", requires=["b"])
    serve()
    (project / "pyproject.toml").write_text(PROJECT.format('"a"').replace('dev = ["tool"]', ""))
    uv("lock", cwd=project)
    make_wheel(index, "b", "2.0")
    serve()
    assert install() == ["a.py", "b.py"]
    assert (project.parent / "tree" / "b.py").read_text() == "version = '1.0'\n"
    lock = (project / "uv.lock").read_text()
    digest = sha256((index / "a-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert digest in lock
    (project / "uv.lock").write_text(lock.replace(digest, "0" * 64))
    with pytest.raises(DeployError, match=r"^uv\.lock: a does not have the hash that is pinned\.$"):
        install()


def test_a_lock_that_is_out_of_date_is_refused(project: Path, index: Path, install: Install):
    make_wheel(index, "a")
    (project / "pyproject.toml").write_text(PROJECT.format("").replace('dev = ["tool"]', ""))
    uv("lock", cwd=project)
    (project / "pyproject.toml").write_text(PROJECT.format('"a"').replace('dev = ["tool"]', ""))
    with pytest.raises(DeployError, match=r"^uv\.lock: it does not fit pyproject\.toml any more: run 'uv lock'\.$"):
        install()


def test_the_hashes_of_a_list_are_checked(project: Path, index: Path, install: Install):
    digest = sha256(make_wheel(index, "a").read_bytes()).hexdigest()
    require(project, f"a==1.0 --hash=sha256:{digest}")
    assert install() == ["a.py"]
    require(project, f"a==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(DeployError, match=r"^requirements\.txt: a does not have the hash that is pinned\.$"):
        install()
