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


def stage_of(project: Project) -> str:
    """Tell the stage: `CWS_STAGE`, which `.env` may set, else `dev`; nothing is loaded into the process.

    Raises `CommandError` where `.env` cannot be read, or the stage is no name.
    """
    return check_stage(
        os.environ.get(STAGE_VARIABLE) or _value(_read_found(project, ".env"), STAGE_VARIABLE) or DEFAULT_STAGE
    )


def load_environment(project: Project) -> str:
    """Load the project's environment files into the process, and give the stage.

    The files are `.env`, `.env.<stage>` and the one of `--env-file`, the later over the earlier; each of the first
    two is sought in the project's folder, then in the current one. A variable that is already set stays as it is.
    The stage is `CWS_STAGE`, which `.env` may set, else `dev`.

    Raises `CommandError` where a file cannot be read, or a line of it is no assignment.

        project = Project(directory=Path("tech").resolve())
        stage = load_environment(project)
    """
    # Set before the files are loaded, so that `.env.v1` cannot make a `v2` of the stage that chose it.
    stage = os.environ[STAGE_VARIABLE] = stage_of(project)
    text = _texts(project, stage)
    if text:
        from dotenv import load_dotenv

        load_dotenv(stream=StringIO(text), override=False)
    return stage


def stage_variables(project: Project) -> dict[str, str]:
    """Give what the environment files set, as it becomes the Lambda's variables: values that are never to be printed.

    The files are those of `load_environment`. Here a file's value wins over the shell's, inside a `${NAME}` as well,
    so that the same files make the same Lambda on every machine; the shell's is taken where no file sets the name.
    `CWS_STAGE` is left out: it is what the deploy says. To be asked before `load_environment`: after it, a value that
    builds on itself (`PATH=${PATH}:/opt`) would find itself in the process.

    Raises `CommandError` as `load_environment` does.

        stage_variables(Project(directory=Path("tech").resolve()))
    """
    values = _values(_texts(project, stage_of(project)))
    return {name: value for name, value in values.items() if value is not None and name != STAGE_VARIABLE}


def _texts(project: Project, stage: str) -> str:
    """All the files as one text, so that a later one's ${NAME} sees what an earlier one set."""
    texts = _read_found(project, ".env") + _read_found(project, f".env.{stage}")
    if project.env_file is not None:
        texts.append(_read(project.env_file))
    return "\n".join(texts)


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
        bare = binding.key is not None and binding.value is None
        if binding.error or bare or "\0" in binding.original.string:
            raise CommandError(f"The environment file {path} has no NAME=value on line {binding.original.line}.")
    return text


def _value(texts: list[str], name: str) -> str | None:
    return _values("\n".join(texts)).get(name)


def _values(text: str) -> dict[str, str | None]:
    if not text:
        return {}
    from dotenv import dotenv_values

    return dotenv_values(stream=StringIO(text))
