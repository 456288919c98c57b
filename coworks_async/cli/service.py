"""The service that a command is about."""

from typing import TYPE_CHECKING

from coworks_async.cli.project import Project, load_environment
from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.cli.app_loader import AppLocation
    from coworks_async.service import TechMicroService
    from coworks_async.types import ASGIApp

HANDLER = "a Lambda handler"


def load_service(project: Project, wanted: str = HANDLER) -> "tuple[TechMicroService, AppLocation, str]":
    """Load the environment files and the project's service; return it with its location and the stage.

    Raises `CommandError` where the app cannot be loaded, or has not what is wanted of it: it is another ASGI app.
    """
    from coworks_async.cli.app_loader import load_app, locate

    stage = load_environment(project)
    location = locate(project.app_spec(), project.directory)
    return service_of(load_app(location), location, wanted), location, stage


def service_of(app: "ASGIApp", location: "AppLocation", wanted: str = HANDLER) -> "TechMicroService":
    """Return the app as a service; raises `CommandError` where it is another ASGI app."""
    from coworks_async.service import TechMicroService

    if not isinstance(app, TechMicroService):
        kind = type(app).__name__
        raise CommandError(f"The app {location.spec!r} is a {kind}; only a TechMicroService has {wanted}.")
    return app
