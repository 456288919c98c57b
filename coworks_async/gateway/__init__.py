"""Gateways on this machine: what stands in for AWS in the test client and in `cws run --lambda` and `cws invoke`."""

from coworks_async.gateway.asgi import GatewayApp
from coworks_async.gateway.messages import VIAS, Via
from coworks_async.gateway.responses import to_http_response
from coworks_async.gateway.simulator import Gateway, print_error

__all__ = ["VIAS", "Gateway", "GatewayApp", "Via", "print_error", "to_http_response"]
