"""What a root module would make, told from its description alone."""

from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.root_module import root


def resources_of(stack: Stack) -> list[str]:
    """Return a line for each route of its gateway, for its domain, and for each resource of the root."""
    content = root(stack)
    kind = "REST API" if stack.gateway.kind == "rest" else "HTTP API"
    lines = [f"{kind} {stack.function.name}, stage {stack.stage}, {len(stack.gateway.routes)} routes:"]
    lines += [
        f"  {route.key}{', for which a token is asked' if route.authorized else ''}" for route in stack.gateway.routes
    ]
    if stack.domain is not None:
        lines.append(f"domain {stack.domain.name}, the stage below /{stack.domain.base_path}")
    resources = content["resource"]
    return lines + [f"{kind}.{name}" for kind in sorted(resources) for name in sorted(resources[kind])]
