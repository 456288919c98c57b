"""The apps that have a Lambda handler, for the commands that call it."""

from typing import TYPE_CHECKING

from coworks_async.exceptions import CommandError

if TYPE_CHECKING:
    from coworks_async.cli.loader import AppLocation
    from coworks_async.service import TechMicroService
    from coworks_async.types import ASGIApp


def service_of(app: "ASGIApp", location: "AppLocation") -> "TechMicroService":
    """Return the app as a service; raises `CommandError` where it is another ASGI app."""
    from coworks_async.service import TechMicroService

    if not isinstance(app, TechMicroService):
        kind = type(app).__name__
        raise CommandError(f"The app {location.spec!r} is a {kind}; only a TechMicroService has a Lambda handler.")
    return app
