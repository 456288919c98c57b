"""Resolve the global options: project directory, app, stage, environment files, path of the config file."""

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from coworks_async.aws.references import find_references, read_references
from coworks_async.exceptions import CommandError, UnresolvedReference

TERRAFORM_DIRECTORY = "terraform"

STAGE_VARIABLE = "CWS_STAGE"
APP_VARIABLE = "CWS_APP"
DIRECTORY_VARIABLE = "CWS_PROJECT_DIR"
DEFAULT_STAGE = "dev"
DEFAULT_APP = "app:app"

LOCAL_FILE = ".env.local"
"""The environment file of one machine. It is never deployed."""

_STAGE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Project:
    """The global options of a `cws` command.

    Attributes:
        directory: the absolute path of the project directory.
        app: `--app` as typed, if given.
        env_file: `--env-file`, if given.
        root: the folder of the config file if that is above the current one, else the current one.
    """

    directory: Path
    app: str | None = None
    env_file: Path | None = None
    root: Path = field(default_factory=Path.cwd)

    def app_spec(self) -> str:
        """Return the app to load. Call it after `load_environment`: `.env` may name the app."""
        return self.app or os.environ.get(APP_VARIABLE) or os.environ.get("FLASK_APP") or DEFAULT_APP

    def find_file(self, name: str) -> Path | None:
        """Find a file in the project directory, the current one, or above it up to `root`; the first one counts."""
        current = Path.cwd()
        above = [folder for folder in current.parents if folder.is_relative_to(self.root)]
        for folder in (self.directory, current, *above):
            path = folder / name
            if _is_broken_link(path):
                raise CommandError(f"The link {path} is broken: remove it, or create its target {os.readlink(path)}.")
            # Not a directory: one named `.env` is usually a virtual environment.
            if path.is_file():
                return path
        return None


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def find_root(config_name: str) -> Path:
    """Return the nearest folder with the config file, from the current one upwards, or else the current one.

    The search ends at the root of the repository and at the home directory. Another user's file above the current
    directory does not count, because a config file can name code to run.
    """
    current, home = Path.cwd(), Path(os.path.expanduser("~"))
    for folder in (current, *current.parents):
        path = folder / config_name
        # `find_file` reports a broken link.
        if path.is_file() or _is_broken_link(path):
            owner = path.stat(follow_symlinks=path.exists()).st_uid
            return folder if owner == os.geteuid() else current
        if folder == home or (folder / ".git").exists():
            break
    return current


def default_directory(root: Path) -> Path:
    """Return the directory `tech` of the current directory or of the root if there is one, else the current one."""
    current = Path.cwd()
    return next((path for folder in (current, root) if (path := folder / "tech").is_dir()), current)


def get_config_name(name: str, suffix: str) -> str:
    return name if name.endswith((".yml", ".yaml")) else name + suffix


def find_config_file(project: Project, name: str, *, required: bool) -> Path | None:
    path = project.find_file(name)
    if path is None and required:
        folders = " or ".join(dict.fromkeys(map(str, (project.directory, Path.cwd()))))
        raise CommandError(f"Config file {name!r} not found in {folders}.")
    return path


def check_stage(stage: str) -> str:
    """Return the stage if it is valid in file names, Lambda function names and API Gateway stages."""
    if _STAGE.fullmatch(stage) is None:
        raise CommandError(f"Invalid stage {stage!r}. Use letters, digits, '-' and '_'.")
    # File names may ignore case.
    if f".env.{stage}".lower() == LOCAL_FILE:
        raise CommandError(f"Invalid stage {stage!r}. {LOCAL_FILE} is the file of one machine, and is never deployed.")
    return stage


def find_stage(project: Project) -> str:
    """Return the stage: `CWS_STAGE` of the process or of `.env`, else `dev`. Nothing is loaded into the process."""
    stage, file = os.environ.get(STAGE_VARIABLE), project.find_file(".env")
    if not stage and file is not None:
        stage = _parse(_read_env_file(file)).get(STAGE_VARIABLE)
    return check_stage(stage or DEFAULT_STAGE)


def load_environment(project: Project, *, local: bool = True, resolve: bool = True) -> str:
    """Load the environment files into the process and return the stage.

    The files are `.env`, `.env.<stage>`, `.env.local` and `--env-file`; later files override earlier ones. Variables
    that are already set keep their value.

    Args:
        project: the project of the command.
        local: whether to load `.env.local`. A command that deploys does not.
        resolve: whether to read the parameters and secrets that the variables name, as the deployed function does.

    Raises:
        CommandError: a file cannot be read or parsed, the stage is invalid, or a reference cannot be resolved.
    """
    # Set first, so that `.env.v1` cannot change the stage that selected it.
    stage = os.environ[STAGE_VARIABLE] = find_stage(project)
    text = _read_env_files(project, stage, local=local)
    if text:
        # Slow to import.
        from dotenv import load_dotenv

        load_dotenv(stream=StringIO(text), override=False)
        if resolve:
            _resolve_references(_parse(text))
    return stage


def read_stage_variables(project: Project, shell_names: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables of the Lambda function: those of the environment files and of `--env`. They are secret.

    Unlike in `load_environment`, a file overrides the process, also inside `${NAME}`, so that the same files give the
    same function on every machine. Only `shell_names` are taken from the process. `CWS_STAGE` is omitted. Call this
    before `load_environment`: afterwards a value that refers to itself (`PATH=${PATH}:/opt`) would be expanded twice.
    """
    shell = {name: _read_shell_variable(name) for name in shell_names}
    values = _parse(_read_env_files(project, find_stage(project), local=False, omitted=shell))
    files = {name: value for name, value in values.items() if value is not None and name != STAGE_VARIABLE}
    return files | shell


def check_deployed_file(project: Project) -> None:
    """Raise `CommandError` if `--env-file` or a link names the file that is never deployed."""
    files = {"--env-file": project.env_file}
    files |= {name: project.find_file(name) for name in (".env", f".env.{find_stage(project)}")}
    for source, path in files.items():
        if path is not None and path.resolve().name.lower() == LOCAL_FILE:
            raise CommandError(f"{source}: {LOCAL_FILE} is never deployed. Use another file, or --env NAME.")


def _read_shell_variable(name: str) -> str:
    name, separator, _ = name.partition("=")
    if separator:
        # A value on the command line would be visible to others, so it is not shown either.
        raise CommandError(f"--env: the value of {name!r} comes from the shell. Use --env {name}.")
    if name == STAGE_VARIABLE:
        raise CommandError(f"--env: {STAGE_VARIABLE} is the stage. Use --stage.")
    value = os.environ.get(name)
    # An unset secret of a CI service is an empty variable.
    if not value:
        problem = "not set" if value is None else "empty"
        raise CommandError(f"--env: {name!r} is {problem} in the shell. Export it first.")
    return value


def _resolve_references(names: Iterable[str]) -> None:
    """Replace the references in variables of this process by their values."""
    try:
        os.environ.update(read_references(find_references({name: os.environ[name] for name in names})))
    except UnresolvedReference as error:
        reason = str(error).removesuffix(".")
        raise CommandError(f"{reason}. To run without AWS, set the variable in {LOCAL_FILE}.") from error


def _read_env_files(project: Project, stage: str, *, local: bool, omitted: Collection[str] = ()) -> str:
    """Return all environment files as one text, so that `${NAME}` can refer to an earlier file."""
    names = [".env", f".env.{stage}", *([LOCAL_FILE] if local else [])]
    files = [*map(project.find_file, names), project.env_file]
    return "\n".join(_read_env_file(file, omitted) for file in files if file is not None)


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


def _read_env_file(path: Path, omitted: Collection[str] = ()) -> str:
    """Return the text of a file without the lines that set omitted names."""
    # Slow to import.
    from dotenv.parser import parse_stream

    lines = []
    for binding in parse_stream(StringIO(read_text(path, "environment file"))):
        bare = binding.key is not None and binding.value is None
        if binding.error or bare or "\0" in binding.original.string:
            # The line is not shown: it may contain a secret.
            raise CommandError(f"Environment file {path}, line {binding.original.line}: expected NAME=value.")
        if binding.key not in omitted:
            lines.append(binding.original.string)
    return "".join(lines)


def _parse(text: str) -> dict[str, str | None]:
    if not text:
        return {}
    # Slow to import.
    from dotenv import dotenv_values

    return dotenv_values(stream=StringIO(text))
