"""What the global options say: where the project lies, which app and stage it has, its environment files."""

import os
import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from coworks_async.exceptions import CommandError

STAGE_VARIABLE = "CWS_STAGE"
APP_VARIABLE = "CWS_APP"
DIRECTORY_VARIABLE = "CWS_PROJECT_DIR"
DEFAULT_STAGE = "dev"
DEFAULT_APP = "app:app"

_STAGE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Project:
    """The global options of one `cws` command.

    `directory` is absolute; `app` is the spec as the user wrote it, None where no option and no variable names one.
    """

    directory: Path
    app: str | None = None
    env_file: Path | None = None

    def app_spec(self) -> str:
        """Tell which app is meant; to be asked after `load_environment`, as a `.env` may name it."""
        return self.app or os.environ.get(APP_VARIABLE) or os.environ.get("FLASK_APP") or DEFAULT_APP


def default_directory() -> Path:
    """Give the project's folder where none is named: `tech` where there is one, else the current folder."""
    return Path("tech") if Path("tech").is_dir() else Path(".")


def check_stage(stage: str) -> str:
    """Give the stage back, or raise `CommandError`: it names files, a Lambda and a gateway's stage."""
    if _STAGE.fullmatch(stage) is None:
        raise CommandError(f"The stage {stage!r} is not a name made of letters, digits, '-' and '_'.")
    return stage


def load_environment(project: Project) -> str:
    """Load the project's environment files into the process, and give the stage.

    The files are `.env`, `.env.<stage>` and the one of `--env-file`, the later over the earlier; each of the first
    two is sought in the project's folder, then in the current one. A variable that is already set stays as it is.
    The stage is `CWS_STAGE`, which `.env` may set, else `dev`.

    Raises `CommandError` where a file cannot be read, or a line of it is no assignment.

        project = Project(directory=Path("tech").resolve())
        stage = load_environment(project)
    """
    texts = _read_found(project, ".env")
    stage = check_stage(os.environ.get(STAGE_VARIABLE) or _value(texts, STAGE_VARIABLE) or DEFAULT_STAGE)
    # Set before the files are loaded, so that `.env.v1` cannot make a `v2` of the stage that chose it.
    os.environ[STAGE_VARIABLE] = stage
    texts += _read_found(project, f".env.{stage}")
    if project.env_file is not None:
        texts.append(_read(project.env_file))
    if texts:
        from dotenv import load_dotenv

        # One text: a later file's ${NAME} sees what an earlier one set, and the shell's value wins inside it too.
        load_dotenv(stream=StringIO("\n".join(texts)), override=False)
    return stage


def _read_found(project: Project, name: str) -> list[str]:
    for folder in (project.directory, Path.cwd()):
        # A folder named `.env` is somebody's virtual environment.
        if (folder / name).is_file():
            return [_read(folder / name)]
    return []


def _read(path: Path) -> str:
    from dotenv.parser import parse_stream

    try:
        # Some editors begin a file with a byte order mark, which would become part of the first name.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"The environment file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"The environment file {path} is not text in UTF-8.") from error
    for binding in parse_stream(StringIO(text)):
        # The line itself may hold a secret: its number must do.
        if binding.error or "\0" in binding.original.string:
            raise CommandError(f"The environment file {path} has no NAME=value on line {binding.original.line}.")
    return text


def _value(texts: list[str], name: str) -> str | None:
    if not texts:
        return None
    from dotenv import dotenv_values

    return dotenv_values(stream=StringIO("\n".join(texts))).get(name)
