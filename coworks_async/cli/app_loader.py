"""From what the user calls the app (`simple`, `pkg.mod:factory`, a file's path) to the ASGI app itself."""

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from coworks_async.exceptions import CommandError, CoWorksError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_IMPORTLIB = os.path.join(os.path.dirname(importlib.__file__), "")
_CLI = os.path.join(os.path.dirname(__file__), "")
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


@dataclass(frozen=True, slots=True)
class AppLocation:
    """Where an app is to be found.

    `import_path` goes first on `sys.path`; `file` is set when the user named one, and is absolute.
    """

    spec: str
    module: str
    attribute: str | None
    import_path: tuple[Path, ...]
    file: Path | None = None


def locate(spec: str, directory: Path) -> AppLocation:
    """Read an app's spec; nothing is imported yet.

    `spec` is a module or a file's path, and perhaps `:name`, a dotted name in it. `directory` is the project's folder.
    A file is sought from the current folder, then from the project's; its module is named from the topmost package
    that holds it. Raises `CommandError` for a spec that cannot name an app, and for a file that is not there.

        locate("simple:app", Path("tech").resolve())
    """
    target, colon, attribute = spec.partition(":")
    if colon and _DOTTED_NAME.fullmatch(attribute) is None:
        raise CommandError(f"The app {spec!r} has no name after its colon: write 'module:name'.")
    if target.endswith(".py") or "/" in target:
        return _locate_file(spec, target, attribute or None, directory)
    if not all(target.split(".")):
        raise CommandError(f"The app {spec!r} names no module.")
    return AppLocation(spec, target, attribute or None, (directory,))


def load_app(location: AppLocation) -> "ASGIApp":
    """Import the app's module and give its ASGI app, made by the factory where the name is one's.

    Without a name it is `app`, else the module's one `TechMicroService`. Raises `CommandError`, in one line, when the
    module or the name is not there or is no app; where the user's own code fails, its traceback goes to stderr first.

        app = load_app(locate("samples/docs/tech/first.py", Path.cwd()))
    """
    for folder in reversed(location.import_path):
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        sys.path.insert(0, str(folder))
    module = _import(location)
    name = location.attribute or _default_name(module)
    with _user_code(f"Cannot find {name!r} in {location.module!r}"):
        value = _attribute(module, name)
    if is_factory(value):
        with _user_code(f"Cannot make the app of '{location.module}:{name}'"):
            value = value()
        name = f"{name}()"
    if is_asgi(value):
        app: ASGIApp = value
        return app
    raise CommandError(f"'{location.module}:{name}' is not an ASGI app but {_described(value)}. {_candidates(module)}")


def is_asgi(value: object) -> bool:
    """Tell whether the value is called with scope, receive and send."""
    if inspect.isclass(value) or not _accepts(value, 3):
        return False
    # `*args` takes anything; where nothing at all will do as well, only a coroutine function is an app.
    return not _accepts(value, 0) or _is_async(value)


def is_factory(value: object) -> bool:
    """Tell whether the value, a function or a class, can be called without arguments to make an app."""
    return _accepts(value, 0) and not _is_async(value) and not is_asgi(value)


def _locate_file(spec: str, target: str, attribute: str | None, directory: Path) -> AppLocation:
    file = next((path for base in (Path.cwd(), directory) if (path := base / target).is_file()), None)
    if file is None or file.suffix != ".py":
        raise CommandError(f"The app {spec!r} is not a Python file, neither from {Path.cwd()} nor from {directory}.")
    file = file.resolve()
    names = [] if file.name == "__init__.py" else [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    absolute = f"{file}:{attribute}" if attribute else str(file)
    return AppLocation(absolute, ".".join(names), attribute, tuple(dict.fromkeys((root, directory))), file)


def _import(location: AppLocation) -> ModuleType:
    importlib.invalidate_caches()
    with _user_code(f"Cannot import {location.module!r}"):
        try:
            module = importlib.import_module(location.module)
        except ModuleNotFoundError as error:
            if _user_frames(error):
                raise
            sought = " and ".join(map(str, location.import_path))
            # An absent `mod` of a present `pkg` is told by the error, an absent `pkg` by the user's word for it.
            raise CommandError(
                f"No module {error.name!r} for the app {location.spec!r}: sought in {sought} and the installed "
                "packages (-p names another folder)."
            ) from error
    origin = getattr(module, "__file__", None)
    if location.file is not None and (origin is None or Path(origin).resolve() != location.file):
        raise CommandError(f"{location.file} cannot be imported: {origin or 'Python'} is {location.module!r} already.")
    return module


def _default_name(module: ModuleType) -> str:
    if hasattr(module, "app"):
        return "app"
    from coworks_async.service import TechMicroService

    # By identity: a service bound to two names is one.
    services = {id(value): name for name, value in vars(module).items() if isinstance(value, TechMicroService)}
    if len(services) == 1:
        return next(iter(services.values()))
    what = f"{len(services)} services" if services else "no service"
    raise CommandError(f"{module.__name__!r} has no 'app' and {what}: name one by ':'. {_candidates(module)}")


def _attribute(module: ModuleType, name: str) -> Any:
    value: Any = module
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError as error:
            raise CommandError(f"{module.__name__!r} has no {name!r}. {_candidates(module)}") from error
    return value


def _candidates(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if not name.startswith("_") and _may_be_app(value, module)]
    return f"It has: {', '.join(names)}." if names else "Nothing in it is an app."


def _may_be_app(value: object, module: ModuleType) -> bool:
    if inspect.isclass(value) or inspect.isroutine(value):
        # What was imported to write the service is not the service.
        return value.__module__ == module.__name__ and (is_asgi(value) or is_factory(value))
    return is_asgi(value)


def _described(value: object) -> str:
    if _is_async(value):
        return "a coroutine function (a factory is a plain one)"
    if inspect.isroutine(value) or inspect.isclass(value):
        return "something that wants arguments"
    return f"of type {type(value).__name__}"


def _is_async(value: object) -> bool:
    # The type's, as Python calls it: a class's own `__call__` is its instances'.
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
def _user_code(failing: str) -> Iterator[None]:
    """Print what the user's code raises as its author wants to see it, and raise the one line instead."""
    try:
        yield
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        report = traceback.TracebackException.from_exception(error)
        _trim(report, _ours if isinstance(error, CoWorksError) else _machinery)
        sys.stderr.write("".join(report.format()))
        message = "".join(str(error).splitlines()[:1])
        raise CommandError(": ".join(filter(None, (failing, type(error).__name__, message)))) from error


def _user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if not _machinery(frame.filename)]


def _trim(report: traceback.TracebackException, unwanted: Callable[[str], bool]) -> None:
    report.stack[:] = [frame for frame in report.stack if not unwanted(frame.filename)]
    for linked in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if linked is not None:
            _trim(linked, unwanted)


def _machinery(filename: str) -> bool:
    return filename.startswith(("<frozen importlib", _IMPORTLIB, _CLI))


def _ours(filename: str) -> bool:
    return filename.startswith(_PACKAGE) or _machinery(filename)
