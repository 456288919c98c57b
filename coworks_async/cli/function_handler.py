"""The handler that `_HANDLER` names in the processes of `cws run --lambda --runtime native`."""

import os
from pathlib import Path

from coworks_async.cli.app_loader import load_app, locate_app, require_service
from coworks_async.cli.project import APP_VARIABLE, DIRECTORY_VARIABLE

_location = locate_app(os.environ[APP_VARIABLE], Path(os.environ[DIRECTORY_VARIABLE]))

lambda_handler = require_service(load_app(_location), _location).lambda_handler
