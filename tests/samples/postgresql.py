"""A PostgreSQL server in a temporary folder."""

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from tests.tools import PATIENCE, find_tool, free_port

USER, PASSWORD = "links", "s3cr3t"


@dataclass(frozen=True)
class PostgreSQL:
    """A running server."""

    port: int

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"links_{uuid.uuid4().hex}"
        asyncio.run(self._execute(f"CREATE DATABASE {name}"))
        return f"postgresql+asyncpg://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, database="postgres"
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def run_postgresql() -> Iterator[PostgreSQL]:
    """Run a server on a free port."""
    # Not pytest's folder, which other users cannot enter.
    with TemporaryDirectory(prefix="postgresql-") as folder:
        password, data, log = Path(folder, "password"), Path(folder, "data"), Path(folder, "log")
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, password):
                shutil.chown(path, "postgres", "postgres")
        options = [f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
        _run("initdb", f"--pgdata={data}", *options, log=log)
        port = free_port()
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        control = [f"--pgdata={data}", f"--timeout={PATIENCE:.0f}", "--wait"]
        _run("pg_ctl", "start", *control, f"--options={settings}", log=log)
        try:
            yield PostgreSQL(port)
        finally:
            _run("pg_ctl", "stop", *control, "--mode=immediate", log=log)


def _run(program: str, *arguments: str, log: Path) -> None:
    # PostgreSQL refuses to run as root; its package creates a user.
    user = "postgres" if os.geteuid() == 0 else None
    # Not a pipe, which the server would keep open.
    with log.open("a") as output:
        done = subprocess.run(
            [find_tool(program), *arguments],
            user=user,
            group=user,
            # The user may not be able to enter the current folder.
            cwd="/",
            stdout=output,
            stderr=output,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, log.read_text()
