"""Resolve the global options: project directory, app, stage, environment files, path of the config file."""

import os
import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from coworks_async.exceptions import CommandError

TERRAFORM_DIRECTORY = "terraform"

STAGE_VARIABLE = "CWS_STAGE"
APP_VARIABLE = "CWS_APP"
DIRECTORY_VARIABLE = "CWS_PROJECT_DIR"
DEFAULT_STAGE = "dev"
DEFAULT_APP = "app:app"

_STAGE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Project:
    """The global options of a `cws` command.

    Attributes:
        directory: the absolute path of the project directory.
        app: `--app` as typed, if given.
        env_file: `--env-file`, if given.
    """

    directory: Path
    app: str | None = None
    env_file: Path | None = None

    def app_spec(self) -> str:
        """Return the app to load. Call it after `load_environment`: `.env` may name the app."""
        return self.app or os.environ.get(APP_VARIABLE) or os.environ.get("FLASK_APP") or DEFAULT_APP


def default_directory() -> Path:
    """Return `tech` if that directory exists, else the current directory."""
    return Path("tech") if Path("tech").is_dir() else Path(".")


def find_config_file(directory: Path, name: str, suffix: str, *, required: bool) -> Path | None:
    """Find the config file in the project directory or else in the current one."""
    full = name if name.endswith((".yml", ".yaml")) else name + suffix
    path = _find_file(directory, full)
    if path is None and required:
        raise CommandError(f"Config file {full!r} not found in {directory} or {Path.cwd()}.")
    return path


def check_stage(stage: str) -> str:
    """Return the stage if it is valid in file names, Lambda function names and API Gateway stages."""
    if _STAGE.fullmatch(stage) is None:
        raise CommandError(f"Invalid stage {stage!r}. Use letters, digits, '-' and '_'.")
    return stage


def find_stage(project: Project) -> str:
    """Return the stage: `CWS_STAGE` of the process or of `.env`, else `dev`. Nothing is loaded into the process."""
    stage, file = os.environ.get(STAGE_VARIABLE), _find_file(project.directory, ".env")
    if not stage and file is not None:
        stage = _parse(_read_env_file(file)).get(STAGE_VARIABLE)
    return check_stage(stage or DEFAULT_STAGE)


def load_environment(project: Project) -> str:
    """Load the environment files into the process and return the stage.

    The files are `.env`, `.env.<stage>` and `--env-file`; later files override earlier ones. The first two are looked
    up in the project directory, then in the current one. Variables that are already set keep their value.

    Raises:
        CommandError: a file cannot be read or parsed, or the stage is invalid.
    """
    # Set first, so that `.env.v1` cannot change the stage that selected it.
    stage = os.environ[STAGE_VARIABLE] = find_stage(project)
    text = _read_env_files(project, stage)
    if text:
        # Slow to import.
        from dotenv import load_dotenv

        load_dotenv(stream=StringIO(text), override=False)
    return stage


def read_stage_variables(project: Project) -> dict[str, str]:
    """Return the variables of the environment files, for the Lambda function. The values are secret.

    Unlike in `load_environment`, a file overrides the process, also inside `${NAME}`, so that the same files give the
    same function on every machine. `CWS_STAGE` is omitted. Call this before `load_environment`: afterwards a value that
    refers to itself (`PATH=${PATH}:/opt`) would be expanded twice.
    """
    values = _parse(_read_env_files(project, find_stage(project)))
    return {name: value for name, value in values.items() if value is not None and name != STAGE_VARIABLE}


def _read_env_files(project: Project, stage: str) -> str:
    """Return all environment files as one text, so that `${NAME}` can refer to an earlier file."""
    files = [_find_file(project.directory, ".env"), _find_file(project.directory, f".env.{stage}"), project.env_file]
    return "\n".join(_read_env_file(file) for file in files if file is not None)


def _find_file(directory: Path, name: str) -> Path | None:
    """Find a file in the project directory or else in the current one."""
    # Not a directory: one named `.env` is usually a virtual environment.
    return next((path for folder in (directory, Path.cwd()) if (path := folder / name).is_file()), None)


def terraform_directory(project: Project, terraform_dir: Path | None) -> Path:
    """Return the directory of the user's Terraform files and of the stages."""
    return terraform_dir.resolve() if terraform_dir is not None else project.directory / TERRAFORM_DIRECTORY


def read_text(path: Path, kind: str) -> str:
    try:
        # Some editors write a byte order mark, which would become part of the first name.
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"Cannot read {kind} {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{kind.capitalize()} {path} is not valid UTF-8.") from error


def _read_env_file(path: Path) -> str:
    # Slow to import.
    from dotenv.parser import parse_stream

    text = read_text(path, "environment file")
    for binding in parse_stream(StringIO(text)):
        bare = binding.key is not None and binding.value is None
        if binding.error or bare or "\0" in binding.original.string:
            # The line is not shown: it may contain a secret.
            raise CommandError(f"Environment file {path}, line {binding.original.line}: expected NAME=value.")
    return text


def _parse(text: str) -> dict[str, str | None]:
    if not text:
        return {}
    # Slow to import.
    from dotenv import dotenv_values

    return dotenv_values(stream=StringIO(text))
