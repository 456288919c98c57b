"""The handler that `_HANDLER` names in the processes of `cws run --lambda --runtime native`."""

import os
import threading
from pathlib import Path

from coworks_async.cli.app_loader import load_app, locate_app, require_service
from coworks_async.cli.project import APP_VARIABLE, DIRECTORY_VARIABLE

STANDARD_INPUT = 0


def _exit_with_server() -> None:
    """End this process, and its event, when the server has ended: its end of the pipe closes."""
    os.read(STANDARD_INPUT, 1)
    os._exit(1)


threading.Thread(target=_exit_with_server, name="exit-with-server", daemon=True).start()

_location = locate_app(os.environ[APP_VARIABLE], Path(os.environ[DIRECTORY_VARIABLE]))

lambda_handler = require_service(load_app(_location), _location).lambda_handler
