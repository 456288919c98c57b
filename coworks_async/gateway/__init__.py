"""Description of AWS gateways for deploys, and their simulation. Not part of a deployment archive."""

from coworks_async.gateway.messages import STREAM_VIAS, VIAS, StreamVia, Via
from coworks_async.gateway.responses import to_http_response
from coworks_async.gateway.simulator import Gateway, GatewayApp, print_error

__all__ = [
    "STREAM_VIAS",
    "VIAS",
    "Gateway",
    "GatewayApp",
    "StreamVia",
    "Via",
    "print_error",
    "to_http_response",
]
