"""`cws run --lambda`: a simulated gateway, and the runtime behind it, in front of a service."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, cast, get_args

from coworks_async.cli.app_loader import AppLocation, require_service
from coworks_async.cli.project import APP_VARIABLE, DIRECTORY_VARIABLE
from coworks_async.gateway import GatewayApp, Via
from coworks_async.gateway.function_processes import FunctionProcesses, create_variables
from coworks_async.gateway.messages import FUNCTION_TIMEOUT
from coworks_async.gateway.native import STREAM_TIMEOUT, STREAMING_VIAS, NativeGatewayApp

if TYPE_CHECKING:
    from coworks_async.types import ASGIApp

LocalRuntime = Literal["buffered", "native"]

RUNTIMES: tuple[LocalRuntime, ...] = get_args(LocalRuntime)

# These pass the options to child processes.
VIA_VARIABLE = "CWS_RUN_VIA"
RUNTIME_VARIABLE = "CWS_RUN_RUNTIME"
CONCURRENCY_VARIABLE = "CWS_RUN_MAX_CONCURRENCY"

HANDLER = "coworks_async.cli.function_handler.lambda_handler"


@dataclass(frozen=True, slots=True)
class LocalLambda:
    """The options of `cws run --lambda`."""

    via: Via
    runtime: LocalRuntime = "buffered"
    max_concurrency: int = 1

    def save(self) -> None:
        """Set the variables from which child processes read these options."""
        os.environ[VIA_VARIABLE] = self.via
        os.environ[RUNTIME_VARIABLE] = self.runtime
        os.environ[CONCURRENCY_VARIABLE] = str(self.max_concurrency)

    @classmethod
    def load(cls) -> Self | None:
        """Return the options that the parent process has saved; without `--lambda`, None."""
        via = os.environ.get(VIA_VARIABLE)
        if via is None:
            return None
        runtime = cast(LocalRuntime, os.environ[RUNTIME_VARIABLE])
        return cls(cast(Via, via), runtime, int(os.environ[CONCURRENCY_VARIABLE]))

    def describe(self) -> str:
        """Return the part of the banner that names the gateway and the runtime."""
        return f", through Lambda by {self.via} events" + (", native runtime" if self.runtime == "native" else "")

    def wrap(self, app: "ASGIApp", location: AppLocation) -> "ASGIApp":
        """Put the gateway and the runtime in front of a service."""
        service = require_service(app, location)
        if self.runtime == "buffered":
            return GatewayApp(service, self.via)
        folder = location.import_path[-1].resolve()
        inherited = os.environ | {APP_VARIABLE: location.spec, DIRECTORY_VARIABLE: str(folder)}
        variables = create_variables(service.name, HANDLER, folder, self.via, self.max_concurrency, inherited)
        function = FunctionProcesses(variables, folder, self.max_concurrency)
        timeout = STREAM_TIMEOUT if self.via in STREAMING_VIAS else FUNCTION_TIMEOUT
        return NativeGatewayApp(service, self.via, function, lambda_timeout=timeout)
