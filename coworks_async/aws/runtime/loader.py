"""Load the handler that `_HANDLER` names."""

import importlib
import traceback

from coworks_async.aws.handler import LambdaHandler
from coworks_async.aws.runtime.errors import RuntimeInitError


def load_handler(name: str) -> LambdaHandler:
    """Return the handler of a service, such as `app.lambda_handler`.

    Raises:
        RuntimeInitError: the handler cannot be loaded. Other exceptions of the module are raised as they are.
    """
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise RuntimeInitError("Runtime.MalformedHandlerName", f"Bad handler '{name}': it must be MODULE.ATTRIBUTE.")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeInitError(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        trace = traceback.format_exception_only(error)
        raise RuntimeInitError("Runtime.UserCodeSyntaxError", message, trace) from error
    handler = getattr(module, attribute, None)
    if handler is None:
        raise RuntimeInitError("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}'")
    if not isinstance(handler, LambdaHandler):
        raise RuntimeInitError(
            "Runtime.HandlerNotFound",
            f"Handler '{name}' is not the lambda_handler of a service. The native runtime runs no other function; use "
            "AWS's Python runtime for it.",
        )
    return handler
