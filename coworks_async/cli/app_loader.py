"""Load the user's code: the app that `-A` names, and the custom commands of the config file."""

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import click

from coworks_async.aws.references import list_reference_variables
from coworks_async.cli.errors import BrokenCommand, summarize
from coworks_async.cli.project import Project, load_environment
from coworks_async.exceptions import CommandError, CoWorksError
from coworks_async.service import TechMicroService

if TYPE_CHECKING:
    from coworks_async.cli.config_file import Scalar, Setting
    from coworks_async.types import ASGIApp

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

# Frames removed from the tracebacks of user code: those of its import and, for errors of this package, its own.
_IMPORT_FRAMES = (
    "<frozen importlib",
    os.path.join(os.path.dirname(importlib.__file__), ""),
    os.path.join(os.path.dirname(__file__), ""),
)
_PACKAGE_FRAMES = (*_IMPORT_FRAMES, os.path.join(os.path.dirname(os.path.dirname(__file__)), ""))


class UserCodeError(CommandError):
    """The user's code raised an error, whose traceback has been printed."""


@dataclass(frozen=True, slots=True)
class AppLocation:
    """Location of an app.

    Attributes:
        spec: the value of `-A`; for a file, with its absolute path.
        import_path: directories to put first on `sys.path`.
    """

    spec: str
    module: str
    attribute: str | None
    import_path: tuple[Path, ...]
    file: Path | None = None


def load_service(
    project: Project, feature: str = "a Lambda handler", *, local: bool = True, resolve: bool = True
) -> "tuple[TechMicroService, AppLocation, str]":
    """Load the environment files and the service; return it with its location and the stage.

    If the app is another ASGI app, the error names the missing feature. `local` and `resolve` are those of
    `load_environment`.
    """
    app, location, stage = load_project_app(project, local=local, resolve=resolve)
    return require_service(app, location, feature), location, stage


def load_project_app(
    project: Project, *, local: bool = True, resolve: bool = True
) -> "tuple[ASGIApp, AppLocation, str]":
    """Load the environment files and the app; return it with its location and the stage."""
    stage = load_environment(project, local=local, resolve=resolve)
    location = locate_app(project.app_spec(), project.directory)
    try:
        return load_app(location), location, stage
    except UserCodeError as error:
        names = list_reference_variables(os.environ)
        if resolve or not names:
            raise
        raise CommandError(
            f"{str(error).removesuffix('.')}. This command does not read what a reference names: {', '.join(names)}. "
            "If the service needs the value, set the variable in the shell. The deployed function still gets the "
            "reference."
        ) from error


def require_service(app: "ASGIApp", location: AppLocation, feature: str = "a Lambda handler") -> TechMicroService:
    if not isinstance(app, TechMicroService):
        kind = type(app).__name__
        raise CommandError(f"App {location.spec!r} is a {kind}. Only a TechMicroService has {feature}.")
    return app


def locate_app(spec: str, directory: Path) -> AppLocation:
    """Parse the value of `-A` without importing anything. `directory` is the project directory."""
    target, colon, attribute = spec.partition(":")
    if colon and _DOTTED_NAME.fullmatch(attribute) is None:
        raise CommandError(f"Invalid app {spec!r}. Expected 'module:name'.")
    if target.endswith(".py") or "/" in target:
        return _locate_file(spec, target, attribute or None, directory)
    if not all(target.split(".")):
        raise CommandError(f"Invalid app {spec!r}. Expected 'module', 'module:name' or the path of a file.")
    return AppLocation(spec, target, attribute or None, (directory,))


def load_app(location: AppLocation) -> "ASGIApp":
    """Import the app's module and return the app, or what the factory of that name returns.

    Without a name, the app is the module's `app`, or else its only `TechMicroService`. If the user's code fails, its
    traceback is printed to stderr before `CommandError` is raised.
    """
    folders = [str(folder) for folder in location.import_path]
    sys.path[:] = [*folders, *(path for path in sys.path if path not in folders)]
    module = _import_module(location)
    name = location.attribute or find_default_name(module)
    with user_code(f"Cannot find {name!r} in {location.module!r}"):
        try:
            value = attrgetter(name)(module)
        except AttributeError as error:
            raise CommandError(f"{module.__name__!r} has no {name!r}. {_suggest_apps(module)}") from error
    if is_factory(value):
        with user_code(f"Cannot create the app with '{location.module}:{name}'"):
            value = value()
        name = f"{name}()"
    if is_asgi(value):
        return cast("ASGIApp", value)
    raise CommandError(f"'{location.module}:{name}' is not an ASGI app but {_describe(value)}. {_suggest_apps(module)}")


def is_asgi(value: object) -> bool:
    if inspect.isclass(value) or not _accepts(value, 3):
        return False
    # `*args` accepts any number of arguments: then only a coroutine function is an app.
    return not _accepts(value, 0) or _is_async(value)


def is_factory(value: object) -> bool:
    return _accepts(value, 0) and not _is_async(value) and not is_asgi(value)


def load_command(name: str, setting: "Setting", directory: Path, replaced: click.Command | None) -> click.Command:
    """Import a custom command; return a `BrokenCommand` if that fails.

    Its class can also be a subclass of `click.Command`, created with the callback, options and help of the built-in
    command that it replaces.
    """
    # Not a list: the parser of the config file has checked that.
    path = cast("Scalar", setting.value).text
    module, _, attribute = path.rpartition(".")
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    prefix = f"Cannot load command {name!r} ({setting.location})"
    try:
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, type) and issubclass(found, click.Command):
            inherited = ("callback", "params", "help", "short_help", "epilog") if replaced is not None else ()
            found = found(name, **{key: copy(getattr(replaced, key)) for key in inherited})
    except (Exception, SystemExit) as error:
        reason = CommandError(f"{prefix}: {summarize(error)}")
        reason.__cause__ = error
        return BrokenCommand(name, reason)
    if isinstance(found, click.Command):
        return found
    return BrokenCommand(name, CommandError(f"{prefix}: {path!r} is a {type(found).__name__}, not a click command."))


def _locate_file(spec: str, target: str, attribute: str | None, directory: Path) -> AppLocation:
    file = next((path for base in (Path.cwd(), directory) if (path := base / target).is_file()), None)
    if file is None or file.suffix != ".py":
        folders = " or ".join(dict.fromkeys(map(str, (Path.cwd(), directory))))
        raise CommandError(f"App {spec!r}: no such Python file in {folders}.")
    file = file.resolve()
    names = [] if file.name == "__init__.py" else [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    absolute = f"{file}:{attribute}" if attribute else str(file)
    return AppLocation(absolute, ".".join(names), attribute, tuple(dict.fromkeys((root, directory))), file)


def _import_module(location: AppLocation) -> ModuleType:
    importlib.invalidate_caches()
    with user_code(f"Cannot import {location.module!r}"):
        try:
            module = importlib.import_module(location.module)
        except ModuleNotFoundError as error:
            frames = traceback.extract_tb(error.__traceback__)
            if not all(frame.filename.startswith(_IMPORT_FRAMES) for frame in frames):
                # An import in the user's code.
                raise
            searched = " and ".join(map(str, location.import_path))
            raise CommandError(
                f"No module {error.name!r} for app {location.spec!r} in {searched} or the installed packages. "
                "Set the directory with -p."
            ) from error
    origin = getattr(module, "__file__", None)
    if location.file is not None and (origin is None or Path(origin).resolve() != location.file):
        raise CommandError(
            f"Cannot import {location.file}: the name {location.module!r} is taken by {origin or 'Python itself'}. "
            "Rename the file."
        )
    return module


def find_default_name(module: ModuleType) -> str:
    """Return the name of the app in a module, if `-A` does not name it."""
    if hasattr(module, "app"):
        return "app"
    # By identity: a service may have two names.
    services = {id(value): name for name, value in vars(module).items() if isinstance(value, TechMicroService)}
    if len(services) == 1:
        return next(iter(services.values()))
    count = f"{len(services)} services" if services else "no service"
    raise CommandError(f"{module.__name__!r} has no 'app' and {count}. {_suggest_apps(module)}")


def _suggest_apps(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if not name.startswith("_") and _may_be_app(value, module)]
    return f"Choose from: {', '.join(names)}." if names else "The module contains no app."


def _may_be_app(value: object, module: ModuleType) -> bool:
    if inspect.isclass(value) or inspect.isroutine(value):
        # Not the imported base classes and decorators.
        return value.__module__ == module.__name__ and (is_asgi(value) or is_factory(value))
    return is_asgi(value)


def _describe(value: object) -> str:
    if _is_async(value):
        return "a coroutine function (a factory must be synchronous)"
    if inspect.isroutine(value) or inspect.isclass(value):
        return "a callable with other parameters"
    return f"of type {type(value).__name__}"


def _is_async(value: object) -> bool:
    # Looked up on the type, as Python does: the `__call__` of a class is for its instances.
    call = inspect.getattr_static(type(value), "__call__", None)
    return inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(call)


def _accepts(value: object, count: int) -> bool:
    if not callable(value):
        return False
    try:
        inspect.signature(value).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True


@contextmanager
def user_code(problem: str) -> Iterator[None]:
    """Print the traceback of an error in the user's code, without our frames, and raise `UserCodeError`."""
    try:
        yield
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        report = traceback.TracebackException.from_exception(error)
        _remove_frames(report, _PACKAGE_FRAMES if isinstance(error, CoWorksError) else _IMPORT_FRAMES)
        sys.stderr.write("".join(report.format()))
        raise UserCodeError(f"{problem}: {summarize(error)}") from error


def _remove_frames(report: traceback.TracebackException, prefixes: tuple[str, ...]) -> None:
    report.stack[:] = [frame for frame in report.stack if not frame.filename.startswith(prefixes)]
    for linked in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if linked is not None:
            _remove_frames(linked, prefixes)
